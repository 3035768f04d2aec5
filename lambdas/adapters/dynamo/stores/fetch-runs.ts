import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { fetchesByDueIndex } from '../../../contracts/tables.ts';
import type { FetchQueueKey, FetchRun, FetchStore } from '../../../ports/provider/fetch-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { expiryAfter, runRowKey, toRun, toRunRow } from '../rows/fetch-rows.ts';
import { expiryName, onlyExpired, putOverExpired, queryLive, unlessExpired } from '../rows/live-rows.ts';
import { fromItem, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** The runs of the fetches table: a row in the partition of each queue. */
export function createDynamoFetchRuns(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
): Pick<FetchStore, 'ask' | 'getRun' | 'replaceRun' | 'listDueRuns'> {
  return {
    ask: async (key) => askForRun(client, table, clock, key),
    async getRun(key) {
      const [row] = await readRows(client, table, [runRowKey(key)]);
      return row !== undefined && isLive(row, clock.nowMs()) ? toRun(row) : undefined;
    },
    async replaceRun(run) {
      const nowMs = clock.nowMs();
      const next = { ...run, revision: run.revision + 1 };
      const isNew = run.revision === 0;
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(toRunRow(next, nowMs)),
        ConditionExpression: isNew
          ? `attribute_not_exists(queue) OR ${onlyExpired}`
          : `revision = :read AND (${unlessExpired})`,
        ExpressionAttributeNames: expiryName,
        ExpressionAttributeValues: toItem({ ':nowSeconds': nowMs / 1000, ...(isNew ? {} : { ':read': run.revision }) }),
      });
      return (await putOnCondition(client, put)) ? next : undefined;
    },
    async listDueRuns(shard, untilMs, limit) {
      const query = {
        TableName: table,
        IndexName: fetchesByDueIndex,
        KeyConditionExpression: 'dueShard = :shard AND dueAtMs <= :until',
        ExpressionAttributeValues: toItem({ ':shard': String(shard), ':until': untilMs }),
      };
      return (await queryLive(client, query, clock.nowMs(), limit)).map(toRun);
    },
  };
}

async function askForRun(
  client: DynamoDBClient,
  table: string,
  clock: Clock,
  { account, resource }: FetchQueueKey,
): Promise<FetchRun> {
  for (;;) {
    const nowMs = clock.nowMs();
    const update = new UpdateItemCommand({
      TableName: table,
      Key: toItem(runRowKey({ account, resource })),
      UpdateExpression:
        'SET #account = :account, #resource = :resource, #expires = :expires ADD asked :one, revision :one',
      ConditionExpression: unlessExpired,
      ExpressionAttributeNames: { '#account': 'account', '#resource': 'resource', ...expiryName },
      ExpressionAttributeValues: toItem({
        ':account': account,
        ':resource': resource,
        ':expires': expiryAfter(nowMs),
        ':nowSeconds': nowMs / 1000,
        ':one': 1,
      }),
      ReturnValues: 'ALL_NEW',
    });
    const updated = await updatedRow(client, update);
    if (updated !== undefined) return toRun(updated);
    const first: FetchRun = { account, resource, asked: 1, revision: 1 };
    if (await putOverExpired(client, table, toRunRow(first, nowMs), nowMs)) return first;
  }
}

/** The row after an update; undefined where its condition did not hold. */
async function updatedRow(client: DynamoDBClient, update: UpdateItemCommand): Promise<Row | undefined> {
  try {
    return fromItem((await client.send(update)).Attributes ?? {});
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return undefined;
    throw error;
  }
}
