import { z } from 'zod';
import { arn, localAccountId, noLocalEffect, number, type ResourceType } from '../resource-type.ts';

export const queueProperties = z.strictObject({
  QueueName: z.string().optional(),
  VisibilityTimeout: number.optional(),
  DelaySeconds: number.optional(),
  MaximumMessageSize: number.optional(),
  MessageRetentionPeriod: number.optional(),
  ReceiveMessageWaitTimeSeconds: number.optional(),
  RedrivePolicy: z.strictObject({ deadLetterTargetArn: z.string(), maxReceiveCount: number }).optional(),
  RedriveAllowPolicy: noLocalEffect,
  SqsManagedSseEnabled: noLocalEffect,
  // The emulator does not encrypt, but lib/local/iam enforces who may use the key.
  KmsMasterKeyId: z.string().optional(),
  KmsDataKeyReusePeriodSeconds: noLocalEffect,
  Tags: noLocalEffect,
});

export const queueType: ResourceType<typeof queueProperties> = {
  properties: queueProperties,
  nameProperty: 'QueueName',
  nameLimit: { length: 80 },
  // The SDK uses the queue's URL as its endpoint, so the URL must resolve on this machine.
  ref: ({ name, endpoints }) => `${endpoints.sqs}/${localAccountId}/${name}`,
  attributes: {
    Arn: ({ name }) => arn('sqs', name),
    QueueName: ({ name }) => name,
    QueueUrl: ({ name, endpoints }) => `${endpoints.sqs}/${localAccountId}/${name}`,
  },
};
