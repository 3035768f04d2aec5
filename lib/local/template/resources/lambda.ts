import { z } from 'zod';
import { arn, boolean, noLocalEffect, number, type ResourceType } from '../resource-type.ts';

export const functionProperties = z.strictObject({
  FunctionName: z.string().optional(),
  Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }),
  Handler: z.string().regex(/^[^.]+\.[^.]+$/, 'expected <file>.<export>, such as index.handler'),
  /** Its policies define all permissions of the function (lib/local/iam). */
  Role: z.string(),
  Runtime: z.string().regex(/^nodejs/, 'only Node runtimes run on this machine'),
  PackageType: z.literal('Zip').optional(),
  Timeout: number.default(3),
  MemorySize: number.default(128),
  Environment: z
    .strictObject({ Variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)) })
    .optional(),
  ReservedConcurrentExecutions: number.pipe(z.int().min(1)).optional(),
  RecursiveLoop: z.enum(['Allow', 'Terminate']).default('Terminate'),
  Architectures: noLocalEffect,
  Description: noLocalEffect,
  EphemeralStorage: noLocalEffect,
  KmsKeyArn: noLocalEffect,
  LoggingConfig: noLocalEffect,
  RuntimeManagementConfig: noLocalEffect,
  Tags: noLocalEffect,
  TracingConfig: noLocalEffect,
  VpcConfig: noLocalEffect,
});

export const functionType: ResourceType<typeof functionProperties> = {
  properties: functionProperties,
  nameProperty: 'FunctionName',
  nameLimit: { length: 64 },
  attributes: { Arn: ({ name }) => arn('lambda', `function:${name}`) },
};

export const eventSourceMappingProperties = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: number.pipe(z.int().min(1).max(10_000)).default(10),
  MaximumBatchingWindowInSeconds: number.pipe(z.int().min(0).max(300)).default(0),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  ScalingConfig: z.strictObject({ MaximumConcurrency: number.pipe(z.int().min(2).max(1_000)).optional() }).optional(),
  Enabled: boolean.default(true),
  KmsKeyArn: noLocalEffect,
  MetricsConfig: noLocalEffect,
  Tags: noLocalEffect,
});

export const eventSourceMappingType: ResourceType<typeof eventSourceMappingProperties> = {
  properties: eventSourceMappingProperties,
};

export const eventInvokeConfigProperties = z.strictObject({
  FunctionName: z.string(),
  Qualifier: z.literal('$LATEST'),
  MaximumRetryAttempts: number.pipe(z.int().min(0).max(2)).default(2),
  MaximumEventAgeInSeconds: noLocalEffect,
});

export const eventInvokeConfigType: ResourceType<typeof eventInvokeConfigProperties> = {
  properties: eventInvokeConfigProperties,
};

/** @see https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html */
export const urlProperties = z.strictObject({
  TargetFunctionArn: z.string(),
  // Requests signed with AWS credentials would need the runner to check signatures.
  AuthType: z.literal('NONE'),
  InvokeMode: z.literal('BUFFERED').optional(),
});

export const urlType: ResourceType<typeof urlProperties> = {
  properties: urlProperties,
  attributes: { FunctionUrl: ({ endpoints }) => `${endpoints.functionUrl}/` },
};

/** Who may invoke a function; the runner reports a source without permission, which AWS would reject. */
export const permissionProperties = z.strictObject({
  Action: z.string(),
  FunctionName: z.string(),
  Principal: z.string(),
  SourceArn: noLocalEffect,
  SourceAccount: noLocalEffect,
  FunctionUrlAuthType: z.enum(['NONE', 'AWS_IAM']).optional(),
  InvokedViaFunctionUrl: noLocalEffect,
});

export const permissionType: ResourceType<typeof permissionProperties> = { properties: permissionProperties };
