import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Replay, ReplayStore } from '../../../ports/delivery/replay-store.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { fromItem, isLive, type Row, toItem } from '../rows/row-codecs.ts';
import type { ExpiryOptions } from '../rows/tenant-expiry.ts';

const secondsPerDay = 86_400;

export const replaysOf = (subscription: string) => `replay#${subscription}`;

/** Replays, in the deliveries table: under `replay#<subscription>`, sorted by their ids, which rise with time. */
export function createDynamoReplayStore(
  client: DynamoDBClient,
  table: string,
  { clock, retentionDays }: ExpiryOptions,
): ReplayStore {
  const key = (subscription: string, id: string) => ({ subscription: replaysOf(subscription), delivery: id });
  const toRow = (replay: Replay): Row => ({
    replay,
    revision: replay.revision,
    ...key(replay.subscription, replay.id),
    [ttlAttribute]: Math.ceil(clock.nowMs() / 1000) + retentionDays * secondsPerDay,
  });
  const toReplay = (row: Row) => ({ ...(row['replay'] as Replay) });
  return {
    async find(subscription, id) {
      const { Item } = await client.send(
        new GetItemCommand({ TableName: table, Key: toItem(key(subscription, id)), ConsistentRead: true }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      return row !== undefined && isLive(row, clock.nowMs()) ? toReplay(row) : undefined;
    },
    async create(replay) {
      await client.send(new PutItemCommand({ TableName: table, Item: toItem(toRow(replay)) }));
    },
    async replace(replay) {
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(toRow({ ...replay, revision: replay.revision + 1 })),
        ConditionExpression: 'revision = :read',
        ExpressionAttributeValues: toItem({ ':read': replay.revision }),
      });
      return putOnCondition(client, put);
    },
    async list(subscription, limit, after) {
      const partition = replaysOf(subscription);
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          Limit: limit,
          ScanIndexForward: false,
          KeyConditionExpression: 'subscription = :partition',
          ExpressionAttributeValues: toItem({ ':partition': partition }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem(key(subscription, after)) }),
        }),
      );
      const rows = (answer.Items ?? []).map(fromItem).filter((row) => isLive(row, clock.nowMs()));
      const next =
        answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['delivery']);
      return { items: rows.map(toReplay), next };
    },
  };
}
