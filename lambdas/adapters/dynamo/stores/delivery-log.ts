import { type DynamoDBClient, GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { Page } from '../../../ports/accounts/account-store.ts';
import type { DeliveryLog } from '../../../ports/delivery/delivery-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import {
  backlogPartitions,
  deliveryPartitions,
  deliveryRowKey,
  merged,
  sortKey,
  toDelivery,
} from '../rows/delivery-rows.ts';
import { queryMerged } from '../rows/merged-query.ts';
import { fromItem, type Item, isLive, type Row, toItem } from '../rows/row-codecs.ts';

/** Rows that one query counts. */
const countedTogether = 1_000;
/** Queries of up to 1 MB for the newest deliveries of a partition: rows with many answers are large. */
const maxNewestReads = 2;

interface StoreContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
}

/** Lists deliveries for the API. */
export function createDynamoDeliveryLog(client: DynamoDBClient, table: string, clock: Clock): DeliveryLog {
  const toLive = (rows: readonly Row[]) => rows.filter((row) => isLive(row, clock.nowMs())).map(toDelivery);
  return {
    async find(key) {
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: table,
          Key: toItem(deliveryRowKey(key)),
          ConsistentRead: true,
        }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      return row !== undefined && isLive(row, clock.nowMs()) ? toDelivery(row) : undefined;
    },
    async list(subscription, limit, after) {
      const { rows, isComplete } = await queryMerged(client, {
        ...merged(table),
        partitions: deliveryPartitions(subscription),
        order: 'falling',
        limit,
        after,
      });
      // The next page begins after the last row, even if that row has expired.
      return { items: toLive(rows), next: isComplete ? undefined : String(rows.at(-1)?.['delivery']) };
    },
    async listNewest(subscription, { since, until }, limit) {
      // DynamoDB rejects a range that ends before it begins.
      if (until <= since) return { items: [], isComplete: true };
      const { rows, isComplete } = await queryMerged(client, {
        ...merged(table),
        partitions: deliveryPartitions(subscription),
        order: 'falling',
        limit,
        // A sort key begins with the time, so every row of an instant sorts after the bare instant.
        between: [since, until],
        maxReads: maxNewestReads,
      });
      return { items: toLive(rows), isComplete };
    },
    search: (subscriptions, range, limit, after) =>
      searchDeliveries({ client, table, toLive }, subscriptions, { ...range, limit, after }),
    placeOf,
    async countBacklog(subscription, limit) {
      let count = 0;
      let unread: readonly Uncounted[] = backlogPartitions(subscription).map((partition) => ({ partition }));
      while (unread.length > 0 && count < limit) {
        const answers = await Promise.all(unread.map((one) => countPage({ client, table, clock }, one, limit - count)));
        count += answers.reduce((sum, answer) => sum + answer.count, 0);
        unread = answers.flatMap(({ rest }) => rest ?? []);
      }
      return { count: Math.min(count, limit), isComplete: unread.length === 0 && count <= limit };
    },
  };
}

/** Sorts behind every character of a sort key. */
const last = '~';

function placeOf({ subscription, ...key }: Pick<Delivery, 'subscription' | 'timestamp' | 'event'>): string {
  return `${sortKey(key)} ${subscription}`;
}

/**
 * Deliveries of one event to several subscriptions have the same sort key. They are in the order of the subscriptions,
 * so a subscription that sorts behind that of the place begins at its key, and another one after it.
 */
async function searchDeliveries(
  {
    client,
    table,
    toLive,
  }: Pick<StoreContext, 'client' | 'table'> & { readonly toLive: (rows: readonly Row[]) => Delivery[] },
  subscriptions: readonly string[],
  {
    since = '',
    until = last,
    limit,
    after,
  }: {
    readonly since?: string | undefined;
    readonly until?: string | undefined;
    readonly limit: number;
    readonly after: string | undefined;
  },
): Promise<Page<Delivery>> {
  if (subscriptions.length === 0 || until < since) return { items: [], next: undefined };
  const owners = new Map(
    subscriptions.toSorted().flatMap((one) => deliveryPartitions(one).map((partition) => [partition, one] as const)),
  );
  const [key = '', reached = ''] = after?.split(' ') ?? [];
  const { rows, isComplete } = await queryMerged(client, {
    ...merged(table),
    partitions: [...owners.keys()],
    order: 'falling',
    limit,
    between: [since === '' ? ' ' : since, until === last ? last : `${until}${last}`],
    ...(after === undefined
      ? {}
      : { after: (partition) => ((owners.get(partition) ?? '') > reached ? `${key}${last}` : key) }),
  });
  const end = rows.at(-1);
  return { items: toLive(rows), next: isComplete || end === undefined ? undefined : placeOf(toDelivery(end)) };
}

/** The rows of a partition, from `start` on, that are not counted yet. */
interface Uncounted {
  readonly partition: string;
  readonly start?: Item;
}

async function countPage(
  { client, table, clock }: Pick<StoreContext, 'client' | 'table' | 'clock'>,
  { partition, start }: Uncounted,
  limit: number,
): Promise<{ readonly count: number; readonly rest: Uncounted | undefined }> {
  const answer = await client.send(
    new QueryCommand({
      TableName: table,
      Select: 'COUNT',
      // The limit bounds the rows that are read, expired ones included, which do not count.
      Limit: Math.max(limit, countedTogether),
      KeyConditionExpression: 'subscription = :backlog',
      FilterExpression: '#expiry > :now',
      ExpressionAttributeNames: { '#expiry': ttlAttribute },
      ExpressionAttributeValues: toItem({ ':backlog': partition, ':now': Math.floor(clock.nowMs() / 1000) }),
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    }),
  );
  const next = answer.LastEvaluatedKey;
  return { count: answer.Count ?? 0, rest: next === undefined ? undefined : { partition, start: next } };
}
