import { z } from 'zod';
import { noLocalEffect, number, type ResourceType } from '../resource-type.ts';

export const apiProperties = z.strictObject({
  Name: z.string().optional(),
  ProtocolType: z.literal('HTTP'),
  Description: noLocalEffect,
  DisableExecuteApiEndpoint: noLocalEffect,
  IpAddressType: noLocalEffect,
  Tags: noLocalEffect,
});

export const apiType: ResourceType<typeof apiProperties> = {
  properties: apiProperties,
  // An API id is ten lower-case letters and digits, never the API's name.
  ref: ({ logicalId }) =>
    logicalId
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '')
      .slice(0, 10),
  attributes: {
    ApiEndpoint: ({ endpoints }) => endpoints.http,
    ApiId: ({ logicalId }) =>
      logicalId
        .toLowerCase()
        .replaceAll(/[^a-z0-9]/g, '')
        .slice(0, 10),
  },
};

export const stageProperties = z.strictObject({
  ApiId: z.string(),
  // Any other stage would prefix its name to every path.
  StageName: z.literal('$default'),
  AutoDeploy: z.literal(true),
  AccessLogSettings: noLocalEffect,
  DefaultRouteSettings: noLocalEffect,
  RouteSettings: noLocalEffect,
  Description: noLocalEffect,
  Tags: noLocalEffect,
});

export const stageType: ResourceType<typeof stageProperties> = {
  properties: stageProperties,
  ref: () => '$default',
};

export const integrationProperties = z.strictObject({
  ApiId: z.string(),
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  IntegrationMethod: z.literal('POST').optional(),
  PayloadFormatVersion: z.literal('2.0'),
  /** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
  TimeoutInMillis: number.pipe(z.int().min(50).max(30_000)).default(30_000),
  Description: noLocalEffect,
});

export const integrationType: ResourceType<typeof integrationProperties> = {
  properties: integrationProperties,
  ref: ({ logicalId }) => logicalId,
};

export const routeProperties = z.strictObject({
  ApiId: z.string(),
  RouteKey: z.string(),
  Target: z.string().regex(/^integrations\//),
  AuthorizationType: z.literal('NONE').optional(),
  OperationName: noLocalEffect,
});

export const routeType: ResourceType<typeof routeProperties> = { properties: routeProperties };
