import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Fetch, FetchQueueKey, FetchStore, WaitingFetch } from '../../../ports/provider/fetch-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { chunks } from '../rows/chunks.ts';
import { updateOnCondition } from '../rows/conditions.ts';
import { fetchRowKey, queueOf, runKey, toFetch, toFetchAttributes } from '../rows/fetch-rows.ts';
import { expiryName, putOverExpired, queryLive, unlessExpired } from '../rows/live-rows.ts';
import { type Row, toItem } from '../rows/row-codecs.ts';
import { createDynamoFetchRuns } from './fetch-runs.ts';

/** Writes of one call at the same time. */
const writesAtATime = 25;

interface FetchTable {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
}

/** Fetches that wait, and the runs that read them: a partition for each resource of an account. */
export function createDynamoFetchStore(client: DynamoDBClient, table: string, clock: Clock): FetchStore {
  const own: FetchTable = { client, table, clock };
  return {
    ...createDynamoFetchRuns(client, table, clock),
    async add(fetches) {
      // Concurrent writes of one row have no order: the last fetch of a record is written, once.
      const byRow = Map.groupBy(fetches, (fetch) => JSON.stringify(fetchRowKey(fetch)));
      await writeEach([...byRow.values()], async (same) => addFetch(own, same.at(-1) as Fetch, same.length));
    },
    async listDue(key, nowMs, limit, after) {
      const behind = after === undefined ? runKey : fetchRowKey({ ...key, ...after }).record;
      const query = { ...fetchesOf(table, key, { ':due': nowMs }, behind), FilterExpression: 'dueAtMs <= :due' };
      return (await queryLive(client, query, clock.nowMs(), limit)).map((row) => toFetch(key, row));
    },
    async nextDueMs(key) {
      const { ExpressionAttributeNames: names, ...query } = fetchesOf(table, key);
      const times = {
        ProjectionExpression: 'dueAtMs, #expires',
        ExpressionAttributeNames: { ...names, ...expiryName },
      };
      const rows = await queryLive(client, { ...query, ...times }, clock.nowMs());
      return rows.map(({ dueAtMs }) => Number(dueAtMs)).toSorted((a, b) => a - b)[0];
    },
    async finish(fetches) {
      await writeEach(fetches, async (fetch) => finishFetch(own, fetch));
    },
    async postpone(fetches, dueAtMs) {
      await writeEach(fetches, async (fetch) => {
        const update = new UpdateItemCommand({
          TableName: table,
          Key: toItem(fetchRowKey(fetch)),
          UpdateExpression: 'SET dueAtMs = :due ADD attempts :one',
          ...asRead(fetch, { ':due': dueAtMs, ':one': 1 }),
        });
        await updateOnCondition(client, update);
      });
    },
  };
}

/** All fetches of a queue, or those behind a row. Its run is left out: its sort key is below theirs. */
function fetchesOf(table: string, key: FetchQueueKey, more: Row = {}, behind: string = runKey) {
  return {
    TableName: table,
    ConsistentRead: true,
    KeyConditionExpression: 'queue = :queue AND #record > :behind',
    ExpressionAttributeNames: { '#record': 'record' },
    ExpressionAttributeValues: toItem({ ':queue': queueOf(key), ':behind': behind, ...more }),
  };
}

/** Holds where nothing was added to a fetch since it was read, nor was it finished and added anew. */
function asRead({ count, firstAtMs }: WaitingFetch, more: Row = {}) {
  return {
    ConditionExpression: '#count = :count AND firstAtMs = :first',
    ExpressionAttributeNames: { '#count': 'count' },
    ExpressionAttributeValues: toItem({ ':count': count, ':first': firstAtMs, ...more }),
  };
}

/** Remove a fetch; of one that was asked for meanwhile, what came since remains and begins now. */
async function finishFetch({ client, table, clock }: FetchTable, fetch: WaitingFetch): Promise<void> {
  const removal = new DeleteItemCommand({ TableName: table, Key: toItem(fetchRowKey(fetch)), ...asRead(fetch) });
  try {
    await client.send(removal);
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    // Webhooks that came during the read wait for the next one; the others are counted.
    await updateOnCondition(
      client,
      new UpdateItemCommand({
        TableName: table,
        Key: toItem(fetchRowKey(fetch)),
        UpdateExpression: 'SET firstAtMs = :now ADD #count :done',
        ConditionExpression: '#count > :count AND firstAtMs = :first',
        ExpressionAttributeNames: { '#count': 'count' },
        ExpressionAttributeValues: toItem({
          ':now': Math.max(clock.nowMs(), fetch.firstAtMs + 1),
          ':done': -fetch.count,
          ':count': fetch.count,
          ':first': fetch.firstAtMs,
        }),
      }),
    );
  }
}

/**
 * Add to the fetch of a record, or begin one.
 *
 * @param added - Webhooks that asked for the record.
 */
async function addFetch({ client, table, clock }: FetchTable, fetch: Fetch, added: number): Promise<void> {
  const key = fetchRowKey(fetch);
  for (;;) {
    const nowMs = clock.nowMs();
    const attributes = toFetchAttributes(fetch, nowMs);
    const names = Object.keys(attributes);
    const given = names.filter((name) => attributes[name] !== undefined);
    const absent = names.filter((name) => attributes[name] === undefined);
    const clauses = [
      `SET ${given.map((name) => `#${name} = :${name}`).join(', ')}, #firstAtMs = if_not_exists(#firstAtMs, :now)`,
      ...(absent.length === 0 ? [] : [`REMOVE ${absent.map((name) => `#${name}`).join(', ')}`]),
      'ADD #count :added',
    ];
    const update = new UpdateItemCommand({
      TableName: table,
      Key: toItem(key),
      UpdateExpression: clauses.join(' '),
      ConditionExpression: unlessExpired,
      ExpressionAttributeNames: {
        ...Object.fromEntries([...names, 'firstAtMs', 'count'].map((name) => [`#${name}`, name])),
        ...expiryName,
      },
      ExpressionAttributeValues: toItem({
        ...Object.fromEntries(given.map((name) => [`:${name}`, attributes[name]])),
        ':now': nowMs,
        ':nowSeconds': nowMs / 1000,
        ':added': added,
      }),
    });
    if (await updateOnCondition(client, update)) return;
    const anew = { ...key, ...attributes, firstAtMs: nowMs, count: added };
    if (await putOverExpired(client, table, anew, nowMs)) return;
  }
}

/** @throws Only after every write has ended: no write may continue after its function has answered. */
async function writeEach<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  for (const some of chunks(items, writesAtATime)) {
    const outcomes = await Promise.allSettled(some.map(write));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
