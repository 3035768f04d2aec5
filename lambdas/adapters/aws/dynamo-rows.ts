import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  type DynamoDBClient,
  QueryCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { EngineError } from '../../contracts/engine-error.ts';
import { ttlAttribute } from '../../contracts/tables.ts';
import { chunks } from './chunks.ts';

/** A row as plain values. */
export type Row = Record<string, unknown>;
export type Item = Record<string, AttributeValue>;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const maxBatchGet = 100;
/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html */
const maxBatchWrite = 25;
/** Rounds in which a batch asks again for what was left over, each twice as late as the one before. */
const batchRounds = 6;
const firstPauseMs = 50;

export function toItem(row: Row): Item {
  return marshall(row, { removeUndefinedValues: true });
}

export function fromItem(item: Item): Row {
  return unmarshall(item);
}

/** Whether a row still counts, although DynamoDB may not have deleted it yet. */
export function isLive(row: Row, nowMs: number): boolean {
  const expiresAt = row[ttlAttribute];
  return typeof expiresAt !== 'number' || expiresAt * 1000 > nowMs;
}

/** Read many rows by key, consistently; missing ones are left out. Repeated keys are asked for once. */
export async function readRows(client: DynamoDBClient, table: string, keys: readonly Row[]): Promise<Row[]> {
  const distinct = new Map(keys.map((key) => [JSON.stringify(key), toItem(key)]));
  const items: Item[] = [];
  await Promise.all(
    chunks([...distinct.values()], maxBatchGet).map((chunk) =>
      inRounds(table, chunk, async (rest) => {
        const answer = await client.send(
          new BatchGetItemCommand({ RequestItems: { [table]: { Keys: rest, ConsistentRead: true } } }),
        );
        items.push(...(answer.Responses?.[table] ?? []));
        return answer.UnprocessedKeys?.[table]?.Keys ?? [];
      }),
    ),
  );
  return items.map(fromItem);
}

/** All rows of a partition, consistently, however many pages they are. */
export async function readPartition(
  client: DynamoDBClient,
  table: string,
  key: readonly [name: string, value: string],
): Promise<Row[]> {
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: '#key = :key',
        ExpressionAttributeNames: { '#key': key[0] },
        ExpressionAttributeValues: toItem({ ':key': key[1] }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return items.map(fromItem);
}

/** Put many rows, without conditions. Nothing is written once the signal is aborted. */
export async function writeRows(
  client: DynamoDBClient,
  table: string,
  rows: readonly Row[],
  signal?: AbortSignal,
): Promise<void> {
  return changeRows(client, table, rows, [], signal);
}

/** Put many rows and delete others, without conditions. No row may be named twice. */
export async function changeRows(
  client: DynamoDBClient,
  table: string,
  rows: readonly Row[],
  removed: readonly Row[],
  signal?: AbortSignal,
): Promise<void> {
  const requests = [
    ...rows.map((row): WriteRequest => ({ PutRequest: { Item: toItem(row) } })),
    ...removed.map((key): WriteRequest => ({ DeleteRequest: { Key: toItem(key) } })),
  ];
  // All are waited for, also when one fails: a write must not go on after its function has answered.
  const results = await Promise.allSettled(
    chunks(requests, maxBatchWrite).map((chunk) =>
      inRounds(table, chunk, async (rest) => {
        const calledOff = () =>
          new EngineError('storage-unavailable', `rows of ${table} were not taken in time`, { retryable: true });
        if (signal?.aborted === true) throw calledOff();
        const put = new BatchWriteItemCommand({ RequestItems: { [table]: rest } });
        const answer = await client.send(put, signal === undefined ? {} : { abortSignal: signal }).catch((error) => {
          throw signal?.aborted === true ? calledOff() : error;
        });
        return answer.UnprocessedItems?.[table] ?? [];
      }),
    ),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** DynamoDB answers a batch with what it did not take; ask again, later and later, until nothing is left. */
async function inRounds<T>(table: string, all: readonly T[], ask: (rest: T[]) => Promise<T[]>): Promise<void> {
  let rest = [...all];
  for (let round = 0; rest.length > 0; round += 1) {
    if (round === batchRounds)
      throw new EngineError('storage-unavailable', `${rest.length} rows of ${table} were not taken`, {
        retryable: true,
      });
    if (round > 0) await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** (round - 1)));
    rest = await ask(rest);
  }
}
