import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import type { ConsumerStore, FeedConsumer } from '../../../ports/events/consumer-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { countPartition, fromItem, type Row, toItem } from '../rows/row-codecs.ts';

/** Consumers of the feed, in the consumers table: by tenant and name. */
export function createDynamoConsumerStore(client: DynamoDBClient, table: string): ConsumerStore {
  return {
    async find(tenant, name) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem({ tenant, name }), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : toConsumer(fromItem(Item));
    },
    async create(consumer) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...consumer }),
        ConditionExpression: 'attribute_not_exists(tenant)',
      });
      return (await putOnCondition(client, put)) ? 'created' : 'exists';
    },
    async replace(consumer) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem({ ...consumer, revision: consumer.revision + 1 }),
        // A consumer that was deleted and created again is another one, although its revision also counts from 1.
        ConditionExpression: 'revision = :read AND createdAt = :made',
        ExpressionAttributeValues: toItem({ ':read': consumer.revision, ':made': consumer.createdAt }),
      });
      return putOnCondition(client, put);
    },
    async remove(tenant, name) {
      const { Attributes } = await client.send(
        new DeleteItemCommand({ TableName: table, Key: toItem({ tenant, name }), ReturnValues: 'ALL_OLD' }),
      );
      return Attributes !== undefined;
    },
    count: (tenant, most) => countPartition(client, table, ['tenant', tenant], most),
    async list(tenant, limit, after) {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: limit,
          KeyConditionExpression: 'tenant = :tenant',
          ExpressionAttributeValues: toItem({ ':tenant': tenant }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ tenant, name: after }) }),
        }),
      );
      const next =
        answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['name']);
      return { items: (answer.Items ?? []).map((item) => toConsumer(fromItem(item))), next };
    },
  };
}

function toConsumer(row: Row): FeedConsumer {
  return { lease: undefined, ...row } as unknown as FeedConsumer;
}
