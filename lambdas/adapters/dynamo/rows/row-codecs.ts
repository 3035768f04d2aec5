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
/** Rounds in which a batch asks again for what was left over, each twice as late as the one before. */
const batchRounds = 6;
const firstPauseMs = 50;

export function toItem(row: Row): Item {
  return marshall(row, { removeUndefinedValues: true });
}

export function fromItem(item: Item): Row {
  return unmarshall(item);
}

/**
 * What a row counts for: the names of its attributes and their values.
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
  // A list or map counts 3 bytes, and one for each of its elements.
  if (Array.isArray(value)) return value.reduce((sum: number, one: unknown) => sum + 1 + valueBytes(one), 3);
  return itemBytes(value as Row) + Object.keys(value).length + 3;
}

/** Whether a row still counts, although DynamoDB may not have deleted it yet. */
export function isLive(row: Row, nowMs: number): boolean {
  const expiresAt = row[ttlAttribute];
  return typeof expiresAt !== 'number' || expiresAt * 1000 > nowMs;
}

/** Keys of one table that are asked for. */
interface Asked {
  readonly table: string;
  readonly key: Item;
  readonly mayLag: boolean;
}

/** Rows by table, in no order. */
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
   * Whether a row may be read as it was a moment ago, for half the price. One that is missing then is looked for once
   * more, consistently: what has been written is always found.
   *
   * @default false
   */
  readonly mayLag?: boolean;
}

/**
 * Read many rows by key, consistently; missing ones are left out. Repeated keys are asked for once.
 *
 * What is asked of one client at the same time is one request, whichever tables it is for: a run of deliver
 * reads four, and a request costs it more than the rows do.
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
  // Others may have asked for other rows of the table.
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

/** A key's name: the same for a key and for its row. */
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
            // Of a table, a request reads all rows one way.
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
 * All rows of a partition, consistently, however many pages they are.
 *
 * @param attributes - Those to read; none for all. It saves the sending of the others, not their price: DynamoDB charges for whole
 * rows.
 */
export async function readPartition(
  client: DynamoDBClient,
  table: string,
  key: readonly [name: string, value: string],
  attributes: readonly string[] = [],
): Promise<Row[]> {
  // By placeholders: some names of attributes are reserved words of DynamoDB.
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
 * A page of a table whose key is `id`: the rows of one owner by an index, or of all owners by a scan.
 *
 * @param after - The `id` of the page before, where it ended.
 * @returns The rows, and the `id` after which the next page begins; undefined where there is none.
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

/**
 * Count the rows of a partition, of the table or of an index.
 *
 * @param most - Counting ends here.
 * @param without - An attribute: rows that have it do not count.
 */
export async function countPartition(
  client: DynamoDBClient,
  table: string,
  key: readonly [name: string, value: string],
  most: number,
  { index, without }: { readonly index?: string; readonly without?: string } = {},
): Promise<number> {
  let count = 0;
  let start: Item | undefined;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
        Select: 'COUNT',
        // A limit is of rows that are read, whether they count or not.
        ...(without === undefined ? { Limit: most - count } : { FilterExpression: 'attribute_not_exists(#without)' }),
        KeyConditionExpression: '#key = :key',
        ExpressionAttributeNames: { '#key': key[0], ...(without === undefined ? {} : { '#without': without }) },
        ExpressionAttributeValues: toItem({ ':key': key[1] }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    count += answer.Count ?? 0;
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && count < most);
  return Math.min(count, most);
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
