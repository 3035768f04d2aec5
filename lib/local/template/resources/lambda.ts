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

/** Number of every published version. */
const localVersion = '1';

/**
 * A published version. The runner has one code of each function, the template's, so every version is that one.
 */
export const versionProperties = z.strictObject({
  FunctionName: z.string(),
  Description: noLocalEffect,
  CodeSha256: noLocalEffect,
});

export const versionType: ResourceType<typeof versionProperties> = {
  properties: versionProperties,
  nameProperty: ['FunctionName'],
  ref: ({ name }) => arn('lambda', `function:${name}:${localVersion}`),
  attributes: { Version: () => localVersion },
};

/** An alias of the one version. A second version with a weight would be another code, which the template lacks. */
export const aliasProperties = z.strictObject({
  FunctionName: z.string(),
  FunctionVersion: z.string(),
  Name: z.string(),
  Description: noLocalEffect,
});

export const aliasType: ResourceType<typeof aliasProperties> = {
  properties: aliasProperties,
  nameProperty: ['FunctionName', 'Name'],
  ref: ({ name }) => arn('lambda', `function:${name}`),
  attributes: { AliasArn: ({ name }) => arn('lambda', `function:${name}`) },
};

export const eventInvokeConfigProperties = z.strictObject({
  FunctionName: z.string(),
  /** `$LATEST` or an alias: it holds for invocations of that one only. */
  Qualifier: z.string(),
  MaximumRetryAttempts: number.pipe(z.int().min(0).max(2)).default(2),
  MaximumEventAgeInSeconds: noLocalEffect,
});

export const eventInvokeConfigType: ResourceType<typeof eventInvokeConfigProperties> = {
  properties: eventInvokeConfigProperties,
};

/** @see https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html */
export const urlProperties = z.strictObject({
  TargetFunctionArn: z.string(),
  /** The alias that the URL invokes: every alias is of the one version. */
  Qualifier: z.string().optional(),
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
