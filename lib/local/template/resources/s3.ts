import { z } from 'zod';
import { localUrlSuffix, noLocalEffect, type ResourceType } from '../resource-type.ts';

export const bucketProperties = z.strictObject({
  BucketName: z.string().optional(),
  // The emulator does not encrypt, but lib/local/iam enforces who may use the key.
  BucketEncryption: z
    .strictObject({
      ServerSideEncryptionConfiguration: z.array(
        z.strictObject({
          BucketKeyEnabled: noLocalEffect,
          BlockedEncryptionTypes: noLocalEffect,
          ServerSideEncryptionByDefault: z
            .strictObject({ SSEAlgorithm: z.string(), KMSMasterKeyID: z.string().optional() })
            .optional(),
        }),
      ),
    })
    .optional(),
  PublicAccessBlockConfiguration: noLocalEffect,
  OwnershipControls: noLocalEffect,
  AccessControl: noLocalEffect,
  LifecycleConfiguration: noLocalEffect,
  LoggingConfiguration: noLocalEffect,
  MetricsConfigurations: noLocalEffect,
  InventoryConfigurations: noLocalEffect,
  IntelligentTieringConfigurations: noLocalEffect,
  // The emulator keeps only the newest version and locks nothing.
  VersioningConfiguration: noLocalEffect,
  ObjectLockEnabled: noLocalEffect,
  ObjectLockConfiguration: noLocalEffect,
  Tags: noLocalEffect,
});

export const bucketType: ResourceType<typeof bucketProperties> = {
  properties: bucketProperties,
  nameProperty: 'BucketName',
  nameLimit: { length: 63, lowerCase: true },
  attributes: {
    Arn: ({ name }) => `arn:aws:s3:::${name}`,
    DomainName: ({ name }) => `${name}.s3.${localUrlSuffix}`,
  },
};
