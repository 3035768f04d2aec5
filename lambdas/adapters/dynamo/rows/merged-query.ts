import { type DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { fromItem, type Item, type Row, toItem } from './row-codecs.ts';

/** A query over several partitions, each of which has its rows in the order of their sort keys. */
export interface MergedQuery {
  readonly table: string;
  /** Names of the key's attributes. */
  readonly key: { readonly partition: string; readonly sort: string };
  readonly partitions: readonly string[];
  readonly order: 'rising' | 'falling';
  readonly limit: number;
  /**
   * The last sort key of the page before, whichever partition its row is in; or the key after which a partition begins,
   * where rows of several partitions may have the same.
   */
  readonly after?: string | ((partition: string) => string) | undefined;
  /** Range of sort keys; both ends are included. @default all */
  readonly between?: readonly [first: string, last: string];
  /** @default false */
  readonly isConsistent?: boolean;
  /** Most queries per partition, of up to 1 MB each. @default no bound */
  readonly maxReads?: number;
}

export interface MergedPage {
  /** Rows in the order of their sort keys, expired ones included. */
  readonly rows: readonly Row[];
  /** False where more rows may follow. */
  readonly isComplete: boolean;
}

interface Shard {
  readonly partition: string;
  readonly rows: Row[];
  /** How many of `rows` are in the result. */
  taken: number;
  start: Item | undefined;
  hasMore: boolean;
  reads: number;
}

/**
 * Read the next rows of all partitions in the order of their sort keys.
 *
 * All partitions are queried concurrently, each for its share of the page and some more. A partition that runs out of
 * rows before the page is full is queried again before a row of another is taken, because its next row may sort first.
 * So the page is exact, and its last sort key is a cursor for every partition: DynamoDB starts after a key, whether the
 * key exists or not.
 *
 * Of rows with the same sort key, that of the earlier partition comes first. Sort keys are ASCII, which JavaScript and
 * DynamoDB compare alike.
 */
export async function queryMerged(client: DynamoDBClient, query: MergedQuery): Promise<MergedPage> {
  const { key, partitions, order, limit, after, maxReads = Number.POSITIVE_INFINITY } = query;
  const shards = partitions.map(
    (partition): Shard => ({
      partition,
      rows: [],
      taken: 0,
      start:
        after === undefined
          ? undefined
          : toItem({ [key.partition]: partition, [key.sort]: typeof after === 'string' ? after : after(partition) }),
      hasMore: true,
      reads: 0,
    }),
  );
  const sortKeyOf = (shard: Shard) => String(shard.rows[shard.taken]?.[key.sort]);
  const isBefore = (a: Shard, b: Shard) =>
    order === 'rising' ? sortKeyOf(a) < sortKeyOf(b) : sortKeyOf(a) > sortKeyOf(b);
  const rows: Row[] = [];
  while (rows.length < limit) {
    const usedUp = shards.filter((shard) => shard.taken === shard.rows.length && shard.hasMore);
    if (usedUp.some(({ reads }) => reads >= maxReads)) return { rows, isComplete: false };
    if (usedUp.length > 0) {
      await Promise.all(
        usedUp.map((shard) => readOn(client, query, shard, shareOf(limit - rows.length, shards.length))),
      );
      continue;
    }
    const filled = shards.filter((shard) => shard.taken < shard.rows.length);
    if (filled.length === 0) return { rows, isComplete: true };
    const first = filled.reduce((best, shard) => (isBefore(shard, best) ? shard : best));
    rows.push(first.rows[first.taken] as Row);
    first.taken += 1;
  }
  return { rows, isComplete: shards.every((shard) => shard.taken === shard.rows.length && !shard.hasMore) };
}

/** Rows to read from one of `partitions`: its mean share of the page, plus three standard deviations. */
function shareOf(rows: number, partitions: number): number {
  const mean = rows / partitions;
  return Math.min(rows, Math.ceil(mean + 3 * Math.sqrt(mean)));
}

async function readOn(client: DynamoDBClient, query: MergedQuery, shard: Shard, limit: number): Promise<void> {
  const { table, key, order, between, isConsistent = false } = query;
  const answer = await client.send(
    new QueryCommand({
      TableName: table,
      Limit: limit,
      ConsistentRead: isConsistent,
      ScanIndexForward: order === 'rising',
      KeyConditionExpression: `#partition = :partition${between === undefined ? '' : ' AND #sort BETWEEN :first AND :last'}`,
      ExpressionAttributeNames: {
        '#partition': key.partition,
        ...(between === undefined ? {} : { '#sort': key.sort }),
      },
      ExpressionAttributeValues: toItem({
        ':partition': shard.partition,
        ':first': between?.[0],
        ':last': between?.[1],
      }),
      ...(shard.start === undefined ? {} : { ExclusiveStartKey: shard.start }),
    }),
  );
  shard.rows.push(...(answer.Items ?? []).map(fromItem));
  shard.start = answer.LastEvaluatedKey;
  shard.hasMore = answer.LastEvaluatedKey !== undefined;
  shard.reads += 1;
}
