import { createHash } from 'node:crypto';
import {
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { shardOf } from '../../../contracts/shards.ts';
import { fetchesByDueIndex, ttlAttribute } from '../../../contracts/tables.ts';
import type { Fetch, FetchQueueKey, FetchRun, FetchStore, WaitingFetch } from '../../../ports/provider/fetch-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition, updateOnCondition } from '../rows/conditions.ts';
import { fromItem, type Item, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** Sort key of a queue's run, before those of its fetches. */
const runKey = '!run';
/** Longer names are hashed: a sort key has 1,024 bytes at most. */
const maxNameBytes = 512;
/** Rows of an account that is gone are deleted then. */
const keptSeconds = 30 * 86_400;
/** Writes of one call at the same time. */
const writesAtATime = 25;

/** Fetches that wait, and the runs that read them: a partition for each resource of an account. */
export function createDynamoFetchStore(client: DynamoDBClient, table: string, clock: Clock): FetchStore {
  const expiresAt = () => Math.floor(clock.nowMs() / 1000) + keptSeconds;
  const update = (key: Row, change: Omit<ConstructorParameters<typeof UpdateItemCommand>[0], 'TableName' | 'Key'>) =>
    new UpdateItemCommand({ TableName: table, Key: toItem(key), ...change });

  return {
    async add(fetches) {
      await inBatches(fetches, async (fetch) => {
        const { account: _, resource: __, ...rest } = fetch;
        const { partialData, address, ...named } = rest;
        const set = { ...named, partialData, address: JSON.stringify(address), dueAtMs: 0, attempts: 0 };
        const given = Object.entries(set).filter(([, value]) => value !== undefined);
        await client.send(
          update(fetchKey(fetch), {
            UpdateExpression: `SET ${given.map(([name]) => `#${name} = :${name}`).join(', ')}, #first = if_not_exists(#first, :now), #expires = :expires ADD #count :one`,
            ExpressionAttributeNames: {
              ...Object.fromEntries(given.map(([name]) => [`#${name}`, name])),
              '#first': 'firstAtMs',
              '#expires': ttlAttribute,
              '#count': 'count',
            },
            ExpressionAttributeValues: toItem({
              ...Object.fromEntries(given.map(([name, value]) => [`:${name}`, value])),
              ':now': clock.nowMs(),
              ':expires': expiresAt(),
              ':one': 1,
            }),
          }),
        );
      });
    },
    async ask(key) {
      const { Attributes } = await client.send(
        update(
          { queue: queueOf(key), record: runKey },
          {
            UpdateExpression: 'SET #account = :account, #resource = :resource ADD asked :one, revision :one',
            ExpressionAttributeNames: { '#account': 'account', '#resource': 'resource' },
            ExpressionAttributeValues: toItem({ ':account': key.account, ':resource': key.resource, ':one': 1 }),
            ReturnValues: 'ALL_NEW',
          },
        ),
      );
      return toRun(fromItem(Attributes ?? {}));
    },
    listDue: (key, nowMs, limit) => listDue(client, table, key, nowMs, limit),
    async nextDueMs(key) {
      const all = await listDue(client, table, key, Number.MAX_SAFE_INTEGER, 1_000);
      return all.length === 0 ? undefined : Math.min(...all.map(({ dueAtMs }) => dueAtMs));
    },
    async finish(fetches) {
      await inBatches(fetches, async (fetch) => {
        await deleteOnCondition(client, table, fetch);
      });
    },
    async postpone(fetches, dueAtMs) {
      await inBatches(fetches, async (fetch) => {
        await updateOnCondition(
          client,
          update(fetchKey(fetch), {
            UpdateExpression: 'SET dueAtMs = :due ADD attempts :one',
            ConditionExpression: '#count = :count',
            ExpressionAttributeNames: { '#count': 'count' },
            ExpressionAttributeValues: toItem({ ':due': dueAtMs, ':one': 1, ':count': fetch.count }),
          }),
        );
      });
    },
    async getRun(key) {
      const [row] = await readRows(client, table, [{ queue: queueOf(key), record: runKey }]);
      return row === undefined ? undefined : toRun(row);
    },
    async replaceRun(run) {
      const next = { ...run, revision: run.revision + 1 };
      const due = next.dueAtMs === undefined ? {} : { dueShard: String(shardOf(queueOf(run))), dueAtMs: next.dueAtMs };
      const { dueAtMs: _, ...rest } = next;
      const row = { queue: queueOf(run), record: runKey, ...rest, ...due };
      const isWritten = await putOnCondition(
        client,
        new PutItemCommand({
          TableName: table,
          Item: toItem(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))),
          ConditionExpression: run.revision === 0 ? 'attribute_not_exists(queue)' : 'revision = :read',
          ...(run.revision === 0 ? {} : { ExpressionAttributeValues: toItem({ ':read': run.revision }) }),
        }),
      );
      return isWritten ? next : undefined;
    },
    async listDueRuns(shard, untilMs, limit) {
      const { Items = [] } = await client.send(
        new QueryCommand({
          TableName: table,
          IndexName: fetchesByDueIndex,
          Limit: limit,
          KeyConditionExpression: 'dueShard = :shard AND dueAtMs <= :until',
          ExpressionAttributeValues: toItem({ ':shard': String(shard), ':until': untilMs }),
        }),
      );
      return Items.map(fromItem).map(toRun);
    },
  };
}

function queueOf({ account, resource }: FetchQueueKey): string {
  return `${account}#${resource}`;
}

function fetchKey({ recordId, fact, ...key }: Fetch): Row {
  const name = fact === undefined ? recordId : `${recordId}#${fact}`;
  const isLong = Buffer.byteLength(name) > maxNameBytes;
  const record = isLong ? `sha256:${createHash('sha256').update(name).digest('hex')}` : `id:${name}`;
  return { queue: queueOf(key), record };
}

async function deleteOnCondition(client: DynamoDBClient, table: string, fetch: WaitingFetch): Promise<void> {
  try {
    await client.send(
      new DeleteItemCommand({
        TableName: table,
        Key: toItem(fetchKey(fetch)),
        ConditionExpression: '#count = :count',
        ExpressionAttributeNames: { '#count': 'count' },
        ExpressionAttributeValues: toItem({ ':count': fetch.count }),
      }),
    );
  } catch (error) {
    if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
  }
}

async function listDue(
  client: DynamoDBClient,
  table: string,
  key: FetchQueueKey,
  nowMs: number,
  limit: number,
): Promise<readonly WaitingFetch[]> {
  const found: WaitingFetch[] = [];
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'queue = :queue AND #record > :run',
        FilterExpression: 'dueAtMs <= :now',
        ExpressionAttributeNames: { '#record': 'record' },
        ExpressionAttributeValues: toItem({ ':queue': queueOf(key), ':run': runKey, ':now': nowMs }),
        ConsistentRead: true,
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    found.push(...(answer.Items ?? []).map(fromItem).map((row) => toFetch(key, row)));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && found.length < limit);
  return found.slice(0, limit);
}

function toFetch(key: FetchQueueKey, row: Row): WaitingFetch {
  const { queue: _, record: __, [ttlAttribute]: ___, address, ...rest } = row;
  return {
    ...(rest as unknown as Omit<WaitingFetch, 'account' | 'resource' | 'address'>),
    account: key.account,
    resource: key.resource,
    address: JSON.parse(String(address)) as Readonly<Record<string, unknown>>,
  };
}

function toRun(row: Row): FetchRun {
  const { queue: _, record: __, dueShard: ___, ...run } = row;
  return run as unknown as FetchRun;
}

async function inBatches<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += writesAtATime)
    await Promise.all(items.slice(at, at + writesAtATime).map(write));
}
