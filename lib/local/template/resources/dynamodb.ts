import { z } from 'zod';
import { arn, boolean, noLocalEffect, type ResourceType } from '../resource-type.ts';

const keySchema = z.array(z.strictObject({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));

const projection = z.strictObject({
  ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
  NonKeyAttributes: z.array(z.string()).optional(),
});

const index = { IndexName: z.string(), KeySchema: keySchema, Projection: projection };

const shared = {
  TableName: z.string().optional(),
  AttributeDefinitions: z.array(z.strictObject({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) })),
  KeySchema: keySchema,
  // The emulator has no capacity limits; every table is on demand.
  BillingMode: noLocalEffect,
  // dynalite does not delete expired rows; the engine treats them as absent (DESIGN.md).
  TimeToLiveSpecification: noLocalEffect,
  WarmThroughput: noLocalEffect,
};

export const tableProperties = z.strictObject({
  ...shared,
  // The emulator does not encrypt, but lib/local/iam enforces who may use the key.
  SSESpecification: z
    .strictObject({ SSEEnabled: boolean, SSEType: noLocalEffect, KMSMasterKeyId: z.string().optional() })
    .optional(),
  GlobalSecondaryIndexes: z
    .array(
      z.strictObject({
        ...index,
        ProvisionedThroughput: noLocalEffect,
        OnDemandThroughput: noLocalEffect,
        WarmThroughput: noLocalEffect,
        ContributorInsightsSpecification: noLocalEffect,
      }),
    )
    .optional(),
  LocalSecondaryIndexes: z.array(z.strictObject(index)).optional(),
  ProvisionedThroughput: noLocalEffect,
  OnDemandThroughput: noLocalEffect,
  PointInTimeRecoverySpecification: noLocalEffect,
  ContributorInsightsSpecification: noLocalEffect,
  DeletionProtectionEnabled: noLocalEffect,
  // Not evaluated: the roles of functions define their permissions.
  ResourcePolicy: noLocalEffect,
  TableClass: noLocalEffect,
  Tags: noLocalEffect,
});

export const globalTableProperties = z.strictObject({
  ...shared,
  GlobalSecondaryIndexes: z
    .array(
      z.strictObject({
        ...index,
        WriteProvisionedThroughputSettings: noLocalEffect,
        WriteOnDemandThroughputSettings: noLocalEffect,
        ReadProvisionedThroughputSettings: noLocalEffect,
        ReadOnDemandThroughputSettings: noLocalEffect,
        WarmThroughput: noLocalEffect,
      }),
    )
    .optional(),
  LocalSecondaryIndexes: z.array(z.strictObject(index)).optional(),
  // Replicas name the keys of a global table; the runner does not enforce those.
  Replicas: noLocalEffect,
  SSESpecification: noLocalEffect,
  WriteProvisionedThroughputSettings: noLocalEffect,
  WriteOnDemandThroughputSettings: noLocalEffect,
  ReadOnDemandThroughputSettings: noLocalEffect,
});

export type TableProperties = z.infer<typeof tableProperties> | z.infer<typeof globalTableProperties>;

const naming = {
  nameProperty: 'TableName',
  attributes: { Arn: ({ name }: { name: string }) => arn('dynamodb', `table/${name}`) },
};

export const tableType: ResourceType<typeof tableProperties> = { properties: tableProperties, ...naming };
export const globalTableType: ResourceType<typeof globalTableProperties> = {
  properties: globalTableProperties,
  ...naming,
};
