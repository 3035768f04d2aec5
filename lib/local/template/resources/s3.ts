import { z } from 'zod';
import { localUrlSuffix, noLocalEffect, type ResourceType } from '../resource-type.ts';

export const bucketProperties = z.strictObject({
  BucketName: z.string().optional(),
  // Nothing is encrypted here; who may use the key is enforced all the same (lib/local/iam).
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
  // The emulator keeps the newest version only and locks none.
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
