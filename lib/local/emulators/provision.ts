import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { StackModel } from '../template/stack-model.ts';

export interface ServiceClients {
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  readonly dynamodb: DynamoDBClient;
}

/** Create the stack's queues, tables and buckets on the emulators; resolves when all are usable. */
export async function provision(
  { queues, tables, buckets }: StackModel,
  { sqs, s3, dynamodb }: ServiceClients,
): Promise<void> {
  await Promise.all([
    ...queues.map(({ name, attributes }) =>
      sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes })),
    ),
    ...buckets.map(({ name }) => s3.send(new CreateBucketCommand({ Bucket: name }))),
    ...tables.map((table) => createTable(table, dynamodb)),
  ]);
}

async function createTable(
  { name, properties }: StackModel['tables'][number],
  dynamodb: DynamoDBClient,
): Promise<void> {
  const indexes = (list: typeof properties.LocalSecondaryIndexes) =>
    list?.map(({ IndexName, KeySchema, Projection }) => ({ IndexName, KeySchema, Projection }));
  const input: CreateTableCommandInput = {
    TableName: name,
    AttributeDefinitions: properties.AttributeDefinitions,
    KeySchema: properties.KeySchema,
    BillingMode: 'PAY_PER_REQUEST',
    GlobalSecondaryIndexes: indexes(properties.GlobalSecondaryIndexes),
    LocalSecondaryIndexes: indexes(properties.LocalSecondaryIndexes),
  };
  await dynamodb.send(new CreateTableCommand(input));
  // dynalite activates a table one turn of the event loop after its creation.
  for (;;) {
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: name }));
    if (Table?.TableStatus === 'ACTIVE') return;
  }
}
