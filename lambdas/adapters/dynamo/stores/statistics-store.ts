import { type DynamoDBClient, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { dueShards, shardOf } from '../../../contracts/shards.ts';
import { statisticsByDayIndex, ttlAttribute } from '../../../contracts/tables.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { HourlyCounts, StatisticsReader, StatisticsWriter } from '../../../ports/runtime/statistics-store.ts';
import { chunks } from '../rows/chunks.ts';
import { fromItem, type Item, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';

/** Days for which counts are kept. */
const retentionDays = 35;
const msPerDay = 86_400_000;
const msPerHour = 3_600_000;
/** Queries of 1 MB for one partition: some 20,000 rows. */
const maxPages = 5;
/** Rows of all scopes that one answer reads: a tenant has one for each hour and integration. */
const maxRowsOfAll = 100_000;
/** Rows that are read concurrently: some 50 requests. */
const rowsAtATime = 5_000;

/*
 * Layout of the statistics table.
 *
 *   partition   sort                     attributes
 *   <scope>     <hour>#<integration>     a number for each count
 *
 * The index holds the keys of the same rows by day, sharded by scope, so that a caller can read all tenants without
 * knowing their names. It holds no counts: every batch changes them, and each change would also pay for the index.
 */

/** Adds to rows without reading them, because many functions count concurrently. */
export function createDynamoStatisticsWriter(client: DynamoDBClient, table: string): StatisticsWriter {
  return {
    async add({ scope, integration, hour, counts }) {
      const named = Object.entries(counts);
      if (named.length === 0) return;
      const expiresAt = Math.ceil((Date.parse(`${hour}:00:00Z`) + retentionDays * msPerDay) / 1000);
      await client.send(
        new UpdateItemCommand({
          TableName: table,
          Key: toItem({ scope, hourIntegration: `${hour}#${integration}` }),
          UpdateExpression: `SET dayShard = :dayShard, #expiry = :expiry ADD ${named
            .map((_, index) => `#count${index} :count${index}`)
            .join(', ')}`,
          ExpressionAttributeNames: {
            '#expiry': ttlAttribute,
            ...Object.fromEntries(named.map(([name], index) => [`#count${index}`, name])),
          },
          ExpressionAttributeValues: toItem({
            ':dayShard': dayShard(dayOf(hour), shardOf(scope)),
            ':expiry': expiresAt,
            ...Object.fromEntries(named.map(([, amount], index) => [`:count${index}`, amount])),
          }),
        }),
      );
    },
  };
}

export function createDynamoStatisticsReader(client: DynamoDBClient, table: string, clock: Clock): StatisticsReader {
  return {
    async read(scope, fromHour, toHour) {
      // DynamoDB rejects a range that ends before it begins.
      if (toHour < fromHour) return { hours: [], isComplete: true };
      const { rows, isComplete } =
        scope === undefined
          ? await readAllScopes(client, table, { fromHour, toHour }, clock.nowMs())
          : await readHours(client, table, { name: 'scope', value: scope }, { fromHour, toHour });
      return { hours: rows.filter((row) => isLive(row, clock.nowMs())).map(toHourlyCounts), isComplete };
    },
  };
}

/** Both ends are included. */
interface HourRange {
  readonly fromHour: string;
  readonly toHour: string;
}

interface FoundRows {
  readonly rows: readonly Row[];
  readonly isComplete: boolean;
}

/** Read the counts of all scopes day by day, newest first, until `maxRowsOfAll`. */
async function readAllScopes(
  client: DynamoDBClient,
  table: string,
  range: HourRange,
  nowMs: number,
): Promise<FoundRows> {
  const rows: Row[] = [];
  let isComplete = true;
  for (const day of daysBetween(range, nowMs)) {
    const shards = await Promise.all(
      Array.from({ length: dueShards }, (_, shard) =>
        readHours(client, table, { name: 'dayShard', value: dayShard(day, shard) }, range),
      ),
    );
    isComplete &&= shards.every((shard) => shard.isComplete);
    const keys = shards.flatMap((shard) =>
      shard.rows.map(({ scope, hourIntegration }) => ({ scope, hourIntegration })),
    );
    const wanted = keys.slice(0, maxRowsOfAll - rows.length);
    for (const some of chunks(wanted, rowsAtATime))
      for (const row of await readRows(client, table, some, { mayLag: true })) rows.push(row);
    if (wanted.length < keys.length) return { rows, isComplete: false };
  }
  return { rows, isComplete };
}

/** Read one partition of the table or of its index, newest hours first. */
async function readHours(
  client: DynamoDBClient,
  table: string,
  partition: { readonly name: 'scope' | 'dayShard'; readonly value: string },
  { fromHour, toHour }: HourRange,
): Promise<FoundRows> {
  const items: Item[] = [];
  let start: Item | undefined;
  let pages = 0;
  do {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        ...(partition.name === 'dayShard' ? { IndexName: statisticsByDayIndex } : {}),
        ScanIndexForward: false,
        KeyConditionExpression: '#partition = :partition AND hourIntegration BETWEEN :from AND :to',
        ExpressionAttributeNames: { '#partition': partition.name },
        ExpressionAttributeValues: toItem({
          ':partition': partition.value,
          ':from': `${fromHour}#`,
          // Sorts after every integration's name.
          ':to': `${toHour}#~`,
        }),
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    pages += 1;
    items.push(...(answer.Items ?? []));
    start = answer.LastEvaluatedKey;
  } while (start !== undefined && pages < maxPages);
  return { rows: items.map(fromItem), isComplete: start === undefined };
}

const dayShard = (day: string, shard: number) => `${day}#${shard}`;
const dayOf = (hour: string) => hour.slice(0, 10);

/** The days of a range for which counts may exist, newest first. */
function daysBetween({ fromHour, toHour }: HourRange, nowMs: number): readonly string[] {
  // Clocks differ: the next day may have begun on another machine.
  const lastMs = Math.min(Date.parse(dayOf(toHour)), nowMs + msPerHour);
  const firstMs = Math.max(Date.parse(dayOf(fromHour)), nowMs - (retentionDays + 1) * msPerDay);
  const days = Math.floor(lastMs / msPerDay) - Math.floor(firstMs / msPerDay) + 1;
  return Array.from({ length: Math.max(0, days) }, (_, index) =>
    dayOf(new Date(lastMs - index * msPerDay).toISOString()),
  );
}

function toHourlyCounts(row: Row): HourlyCounts {
  const { scope, hourIntegration, dayShard: _, [ttlAttribute]: __, ...counts } = row;
  const [hour = '', integration = ''] = String(hourIntegration).split('#');
  return { scope: String(scope), integration, hour, counts };
}
