import {
  type AttributeValue,
  BatchGetItemCommand,
  type DynamoDBClient,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { EngineError } from '../../../contracts/engine-error.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import { createGatherer, type Gatherer } from './batch-loader.ts';
import { chunks } from './chunks.ts';

/** A row as plain values. */
export type Row = Record<string, unknown>;
export type Item = Record<string, AttributeValue>;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const maxBatchGet = 100;
/** Tries to read what a batch left over; the pause doubles with each. */
const batchRounds = 6;
const firstPauseMs = 50;

export function toItem(row: Row): Item {
  return marshall(row, { removeUndefinedValues: true });
}

export function fromItem(item: Item): Row {
  return unmarshall(item);
}

/**
 * Size of a row as DynamoDB counts it: the names of its attributes and their values.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function itemBytes(row: Row): number {
  return Object.entries(row).reduce(
    (sum, [name, value]) => (value === undefined ? sum : sum + Buffer.byteLength(name) + valueBytes(value)),
    0,
  );
}

function valueBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).length / 2) + 1;
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 1;
  // A list or map counts 3 bytes, plus 1 for each element.
  if (Array.isArray(value)) return value.reduce((sum: number, one: unknown) => sum + 1 + valueBytes(one), 3);
  return itemBytes(value as Row) + Object.keys(value).length + 3;
}

/** Whether a row has not expired. DynamoDB deletes expired rows late. */
export function isLive(row: Row, nowMs: number): boolean {
  const expiresAt = row[ttlAttribute];
  return typeof expiresAt !== 'number' || expiresAt * 1000 > nowMs;
}

/** A key to read. */
interface Asked {
  readonly table: string;
  readonly key: Item;
  readonly mayLag: boolean;
}

/** Rows by table, unordered. */
type Found = ReadonlyMap<string, readonly Item[]>;

const readers = new WeakMap<DynamoDBClient, Gatherer<Asked, Found>>();

function readerOf(client: DynamoDBClient): Gatherer<Asked, Found> {
  const known = readers.get(client);
  if (known !== undefined) return known;
  const reader = createGatherer((asked: ReadonlyMap<string, Asked>) => readAsked(client, [...asked.values()]));
  readers.set(client, reader);
  return reader;
}

export interface ReadOptions {
  /**
   * Whether a read may be eventually consistent, at half the price. A missing row is read again, consistently, so a row
   * that was written is always found.
   *
   * @default false
   */
  readonly mayLag?: boolean;
}

/**
 * Read many rows by key, consistently; missing rows are left out. Repeated keys are read once.
 *
 * Concurrent reads through one client share a request, whichever tables they are for: a run of deliver reads four
 * tables, and a request costs it more than the rows.
 */
export async function readRows(
  client: DynamoDBClient,
  table: string,
  keys: readonly Row[],
  { mayLag = false }: ReadOptions = {},
): Promise<Row[]> {
  if (keys.length === 0) return [];
  const wanted = new Map(keys.map((key) => [nameOf(key), toItem(key)]));
  const { asked, answer } = readerOf(client)();
  for (const [name, key] of wanted) {
    const known = asked.get(`${table} ${name}`);
    asked.set(`${table} ${name}`, { table, key, mayLag: mayLag && known?.mayLag !== false });
  }
  const found = (await answer).get(table) ?? [];
  const attributes = Object.keys(keys[0] as Row);
  // The answer may hold rows of the same table for other callers.
  const rows = found.map(fromItem).filter((row) => wanted.has(nameOf(row, attributes)));
  if (!mayLag || rows.length === wanted.size) return rows;
  const names = new Set(rows.map((row) => nameOf(row, attributes)));
  return [
    ...rows,
    ...(await readRows(
      client,
      table,
      keys.filter((key) => !names.has(nameOf(key))),
    )),
  ];
}

/** A name that is the same for a key and for its row. */
function nameOf(row: Row, attributes: readonly string[] = Object.keys(row)): string {
  return JSON.stringify(attributes.map((attribute) => row[attribute]));
}

async function readAsked(client: DynamoDBClient, asked: readonly Asked[]): Promise<Found> {
  const found = new Map<string, Item[]>();
  await Promise.all(
    chunks(asked, maxBatchGet).map((chunk) =>
      inRounds(tablesOf(chunk), chunk, async (rest) => {
        const keys = Map.groupBy(rest, ({ table }) => table);
        const RequestItems = Object.fromEntries(
          [...keys].map(([table, some]) => [
            table,
            // A request reads all rows of a table with the same consistency.
            { Keys: some.map(({ key }) => key), ConsistentRead: some.some(({ mayLag }) => !mayLag) },
          ]),
        );
        const answer = await client.send(new BatchGetItemCommand({ RequestItems }));
        for (const [table, items] of Object.entries(answer.Responses ?? {}))
          found.set(table, [...(found.get(table) ?? []), ...items]);
        return Object.entries(answer.UnprocessedKeys ?? {}).flatMap(([table, { Keys = [] }]) =>
          Keys.map((key) => ({ table, key, mayLag: RequestItems[table]?.ConsistentRead === false })),
        );
      }),
    ),
  );
  return found;
}

function tablesOf(asked: readonly Asked[]): string {
  return [...new Set(asked.map(({ table }) => table))].join(', ');
}

/**
 * All rows of a partition, read consistently, page by page.
 *
 * @param attributes - The attributes to read; empty for all. This saves transfer, not price: DynamoDB charges for whole
 *   rows.
 */
export async function readPartition(
  client: DynamoDBClient,
  table: string,
  key: readonly [name: string, value: string],
  attributes: readonly string[] = [],
): Promise<Row[]> {
  // Placeholders, because some attribute names are reserved words of DynamoDB.
  const places = attributes.map((_, index) => `#read${index}`);
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: '#key = :key',
        ...(places.length === 0 ? {} : { ProjectionExpression: places.join(', ') }),
        ExpressionAttributeNames: {
          '#key': key[0],
          ...Object.fromEntries(places.map((place, index) => [place, attributes[index] as string])),
        },
        ExpressionAttributeValues: toItem({ ':key': key[1] }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined);
  return items.map(fromItem);
}

/**
 * A page of a table whose key is `id`: the rows of one owner through an index, or of all owners through a scan.
 *
 * @param after - The last `id` of the page before.
 * @returns The rows, and the `id` after which the next page begins; undefined after the last page.
 */
export async function readPageById(
  client: DynamoDBClient,
  table: string,
  index: { readonly name: string; readonly owner: string },
  owner: string | undefined,
  limit: number,
  after: string | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly next: string | undefined }> {
  const startAt = (key: Row) => (after === undefined ? {} : { ExclusiveStartKey: toItem({ ...key, id: after }) });
  const answer =
    owner === undefined
      ? await client.send(new ScanCommand({ TableName: table, Limit: limit, ...startAt({}) }))
      : await client.send(
          new QueryCommand({
            TableName: table,
            Limit: limit,
            IndexName: index.name,
            KeyConditionExpression: '#owner = :owner',
            ExpressionAttributeNames: { '#owner': index.owner },
            ExpressionAttributeValues: toItem({ ':owner': owner }),
            ...startAt({ [index.owner]: owner }),
          }),
        );
  const next = answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['id']);
  return { rows: (answer.Items ?? []).map(fromItem), next };
}

interface CountOptions {
  /** @default the table itself */
  readonly index?: string;
  /** Rows that have this attribute do not count. */
  readonly without?: string;
  /** Rows whose attribute is at most this number do not count. */
  readonly beyond?: readonly [name: string, value: number];
}

/**
 * Count the rows of a partition, of the table or of an index.
 *
 * @param most - Counting stops here.
 */
export async function countPartition(
  client: DynamoDBClient,
  table: string,
  key: readonly [name: string, value: string],
  most: number,
  { index, without, beyond }: CountOptions = {},
): Promise<number> {
  const filters = [
    ...(without === undefined ? [] : ['attribute_not_exists(#without)']),
    ...(beyond === undefined ? [] : ['#beyond > :beyond']),
  ];
  let count = 0;
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
        Select: 'COUNT',
        // The limit bounds the rows that are read, including those that the filter drops.
        ...(filters.length === 0 ? { Limit: most - count } : { FilterExpression: filters.join(' AND ') }),
        KeyConditionExpression: '#key = :key',
        ExpressionAttributeNames: {
          '#key': key[0],
          ...(without === undefined ? {} : { '#without': without }),
          ...(beyond === undefined ? {} : { '#beyond': beyond[0] }),
        },
        ExpressionAttributeValues: toItem({ ':key': key[1], ':beyond': beyond?.[1] }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    count += answer.Count ?? 0;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && count < most);
  return Math.min(count, most);
}

/** Retry the part of a batch that DynamoDB left over, with exponential backoff, until nothing is left. */
async function inRounds<T>(table: string, all: readonly T[], ask: (rest: T[]) => Promise<T[]>): Promise<void> {
  let rest = [...all];
  for (let round = 0; rest.length > 0; round += 1) {
    if (round === batchRounds)
      throw new EngineError('storage-unavailable', `${rest.length} rows of ${table} were not read`, {
        retryable: true,
      });
    if (round > 0) await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** (round - 1)));
    rest = await ask(rest);
  }
}
