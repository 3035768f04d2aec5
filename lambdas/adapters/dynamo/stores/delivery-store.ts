import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { backlogShards, deliveryShards, shardOf } from '../../../contracts/shards.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import {
  type BacklogEntry,
  type DeliveryKey,
  type DeliveryLog,
  type DeliveryStore,
  type DueEntry,
  type DueIndex,
  isReplayed,
} from '../../../ports/delivery/delivery-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import { type MergedQuery, queryMerged } from '../rows/merged-query.ts';
import { fromItem, type Item, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, insertRows } from '../rows/row-writes.ts';
import { createExpiries, type ExpiryOf, type ExpiryOptions } from '../rows/tenant-expiry.ts';

/**
 * A delivery whose next attempt has its time is kept for this much longer than until then, however soon its tenant's
 * rows expire: dispatch may come late, and a delivery ends by its attempt, never by its row's end.
 */
const waitingSlackSeconds = 2 * 86_400;
/** Rows that are counted together. */
const countedTogether = 1_000;
/** Queries of up to 1 MB that a partition is asked for the newest deliveries: rows with many answers are large. */
const maxNewestReads = 2;

/*
 * How deliveries stand in their table.
 *
 *   partition                    sort                        what
 *   delivery#<subscr.>#<shard>   <timestamp>#<event>         the delivery: a subscription's list, in order of time
 *   backlog#<subscr.>#<shard>    <place>                     points to a delivery that waits for its endpoint's turn;
 *                                                            replayed ones stand behind all others
 *   due#<shard>                  <due at>#<subscr.>#<event>  points to a delivery whose next attempt waits for its time
 *
 * The sort keys rise with time, so that all new rows of a partition are written at its end, which DynamoDB cannot split:
 * one partition takes 1,000 write units a second. So each of the three is spread over shards, by a hash of the event:
 * a key is known without a read, and lists are merged (`merged-query.ts`). No subscription's id has a `#`.
 *
 * Pointers are read consistently, which an index could not be: a run that finds a backlog empty may rely on
 * it. The shards of a backlog are read at the same time, and yet not at one instant. That is enough: who puts an entry
 * wakes the endpoint afterwards, and who finds the backlog empty looks again where it was woken since; and the entries
 * of an ordered subscription that wait for one another are put by the one drainer that also reads them, after one
 * another.
 *
 * DynamoDB deletes expired rows days late. Expired pointers are read like any other, so that no page of them hides
 * the live ones behind it: their delivery tells what they are worth, and their reader removes those without one. They
 * are written after the delivery and removed after it, so that a pointer without meaning may be left behind by a crash,
 * but never a delivery without its pointer.
 */

/** A delivery's sort key. */
function sortKey({ timestamp, event }: DeliveryKey): string {
  return `${timestamp}#${event}`;
}

const shardsOf = (prefix: string, subscription: string, shards: number) =>
  Array.from({ length: shards }, (_, shard) => `${prefix}#${subscription}#${shard}`);
/** The partitions of a subscription's deliveries. */
export const deliveryPartitions = (subscription: string) => shardsOf('delivery', subscription, deliveryShards);
/** The partitions of an endpoint's backlog. */
export const backlogPartitions = (subscription: string) => shardsOf('backlog', subscription, backlogShards);

const rowKey = (key: DeliveryKey) => ({
  subscription: `delivery#${key.subscription}#${shardOf(key.event, deliveryShards)}`,
  delivery: sortKey(key),
});
const backlogOf = (subscription: string, event: string) => `backlog#${subscription}#${shardOf(event, backlogShards)}`;
const dueOf = (shard: number) => `due#${shard}`;
/** As many digits as any sequence or epoch time in milliseconds has, so that texts sort as numbers do. */
const padded = (number: number) => String(number).padStart(16, '0');

/** In its tenant's sequence; in order of time where the events are of several tenants. What is replayed comes last. */
function backlogPlace(delivery: Delivery): string {
  const { scope, sequence, timestamp, event } = delivery;
  // Other places begin with a digit, which sorts before any letter.
  const rank = isReplayed(delivery) ? 'replay#' : '';
  return `${rank}${scope === '*' ? timestamp : padded(sequence)}#${event}`;
}

const duePlace = ({ dueAtMs, subscription, event }: Pick<DueEntry, 'dueAtMs' | 'subscription' | 'event'>) =>
  `${padded(dueAtMs)}#${subscription}#${event}`;

/** The keys of what points to a delivery that waits; undefined where nothing does. */
export function pointerKey(
  delivery: Delivery,
): { readonly subscription: string; readonly delivery: string } | undefined {
  const { subscription, event, waitsIn, nextAttemptAt } = delivery;
  if (waitsIn === 'backlog') return { subscription: backlogOf(subscription, event), delivery: backlogPlace(delivery) };
  if (waitsIn !== 'due-index' || nextAttemptAt === undefined) return undefined;
  return {
    subscription: dueOf(shardOf(event)),
    delivery: duePlace({ dueAtMs: Date.parse(nextAttemptAt), subscription, event }),
  };
}

export function createDynamoDeliveryStore(
  client: DynamoDBClient,
  table: string,
  options: ExpiryOptions,
): DeliveryStore & DueIndex {
  const expiriesOf = createExpiries(options);
  const expiryFor = (deliveries: readonly Delivery[]) => expiriesOf(deliveries.map(({ tenant }) => tenant));
  const expiryAt = ({ tenant, waitsIn, nextAttemptAt }: Delivery, expiryOf: ExpiryOf): number =>
    waitsIn === undefined || nextAttemptAt === undefined
      ? expiryOf(tenant)
      : Math.max(expiryOf(tenant), Math.ceil(Date.parse(nextAttemptAt) / 1000) + waitingSlackSeconds);
  const toRow = (delivery: Delivery, expiryOf: ExpiryOf): Row => ({
    ...delivery,
    ...rowKey(delivery),
    revision: delivery.revision + 1,
    [ttlAttribute]: expiryAt(delivery, expiryOf),
  });
  const pointerOf = (delivery: Delivery, expiryOf: ExpiryOf): Row | undefined => {
    const { subscription, event, timestamp, attemptCount, waitsIn } = delivery;
    const key = pointerKey(delivery);
    if (key === undefined) return undefined;
    const more = waitsIn === 'due-index' ? { of: subscription } : { attempt: attemptCount + 1 };
    return { ...key, ...more, event, timestamp, [ttlAttribute]: expiryAt(delivery, expiryOf) };
  };

  /** DynamoDB deletes expired rows days late: such a one is as good as none. */
  async function putOverExpired(row: Row): Promise<boolean> {
    const put = new PutItemCommand({
      TableName: table,
      Item: toItem(row),
      ConditionExpression: '#expiry < :now',
      ExpressionAttributeNames: { '#expiry': ttlAttribute },
      ExpressionAttributeValues: toItem({ ':now': Math.floor(options.clock.nowMs() / 1000) }),
    });
    return putOnCondition(client, put);
  }

  return {
    async getMany(keys) {
      const rows = await readRows(client, table, keys.map(rowKey));
      return rows.filter((row) => isLive(row, options.clock.nowMs())).map(toDelivery);
    },
    async putMany(deliveries, done = []) {
      const expiryOf = await expiryFor(deliveries);
      const pointers = deliveries.map((one) => pointerOf(one, expiryOf)).filter((row) => row !== undefined);
      const removals = done.map(({ subscription, event, place }) => ({
        subscription: backlogOf(subscription, event),
        delivery: place,
      }));
      // A batch is written in no order: a run that saw a pointer before its delivery would remove it as one
      // without meaning. A crash between the two leaves the queue's message, or the pointer as it was.
      await changeRows(
        client,
        table,
        deliveries.map((one) => toRow(one, expiryOf)),
        [],
      );
      await changeRows(client, table, pointers, removals);
    },
    async addMany(deliveries) {
      const expiryOf = await expiryFor(deliveries);
      const insertions = await insertRows(
        client,
        table,
        deliveries.map((one) => toRow(one, expiryOf)),
      );
      const added = new Set<Delivery>();
      for (const [index, delivery] of deliveries.entries()) {
        const insertion = insertions[index];
        if (insertion instanceof Error) throw insertion;
        if (insertion === 'inserted' || (await putOverExpired(toRow(delivery, expiryOf)))) added.add(delivery);
      }
      const pointers = [...added].map((one) => pointerOf(one, expiryOf)).filter((row) => row !== undefined);
      await changeRows(client, table, pointers, []);
      return added;
    },
    async remind(deliveries) {
      const expiryOf = await expiryFor(deliveries);
      await changeRows(
        client,
        table,
        deliveries.map((one) => pointerOf(one, expiryOf)).filter((row) => row !== undefined),
        [],
      );
    },
    async replace(delivery, opensAgain = false) {
      const expiryOf = await expiryFor([delivery]);
      const pointer = pointerOf(delivery, expiryOf);
      // Before the delivery: a pointer to what does not wait is removed when it is found.
      if (pointer !== undefined) await client.send(new PutItemCommand({ TableName: table, Item: toItem(pointer) }));
      const put = new PutItemCommand({
        TableName: table,
        Item: toItem(toRow(delivery, expiryOf)),
        ConditionExpression: opensAgain
          ? 'revision = :read'
          : '(revision = :read AND #state <> :delivered) OR (attribute_not_exists(subscription) AND :read = :none)',
        ...(opensAgain ? {} : { ExpressionAttributeNames: { '#state': 'state' } }),
        ExpressionAttributeValues: toItem(
          opensAgain
            ? { ':read': delivery.revision }
            : { ':read': delivery.revision, ':none': 0, ':delivered': 'delivered' satisfies Delivery['state'] },
        ),
      });
      return putOnCondition(client, put);
    },
    async listBacklog(subscription, limit, after) {
      const { rows } = await queryMerged(client, {
        ...merged(table),
        partitions: backlogPartitions(subscription),
        order: 'rising',
        limit,
        after,
        isConsistent: true,
      });
      return rows.map(
        (row): BacklogEntry => ({
          subscription,
          event: String(row['event']),
          timestamp: String(row['timestamp']),
          place: String(row['delivery']),
          attempt: row['attempt'] === undefined ? undefined : Number(row['attempt']),
        }),
      );
    },
    async listDue(shard, untilMs, limit, after) {
      const { rows } = await queryMerged(client, {
        ...merged(table),
        partitions: [dueOf(shard)],
        order: 'rising',
        limit,
        after: after === undefined ? undefined : duePlace(after),
        between: [padded(0), padded(untilMs + 1)],
        isConsistent: true,
      });
      return rows.map(
        (row): DueEntry => ({
          subscription: String(row['of']),
          event: String(row['event']),
          timestamp: String(row['timestamp']),
          dueAtMs: Number(String(row['delivery']).split('#', 1)[0]),
          shard,
        }),
      );
    },
    async removeDue(entries) {
      await changeRows(
        client,
        table,
        [],
        entries.map((entry) => ({ subscription: dueOf(entry.shard), delivery: duePlace(entry) })),
      );
    },
  };
}

export function createDynamoDeliveryLog(client: DynamoDBClient, table: string, clock: Clock): DeliveryLog {
  const toLive = (rows: readonly Row[]) => rows.filter((row) => isLive(row, clock.nowMs())).map(toDelivery);

  async function countPage(
    { partition, start }: Uncounted,
    limit: number,
  ): Promise<{ readonly count: number; readonly rest: Uncounted | undefined }> {
    const answer = await client.send(
      new QueryCommand({
        TableName: table,
        Select: 'COUNT',
        // A limit is of rows that are read: expired ones among them do not count.
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

  return {
    async find(key) {
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: table,
          Key: toItem(rowKey(key)),
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
      // Expired rows take their places: the next page begins after the last row, whether it counts or not.
      return { items: toLive(rows), next: isComplete ? undefined : String(rows.at(-1)?.['delivery']) };
    },
    async listNewest(subscription, { since, until }, limit) {
      // DynamoDB takes no range that ends before it begins.
      if (until <= since) return { items: [], isComplete: true };
      const { rows, isComplete } = await queryMerged(client, {
        ...merged(table),
        partitions: deliveryPartitions(subscription),
        order: 'falling',
        limit,
        // A sort key begins with the time: all of one instant are behind the instant alone.
        between: [since, until],
        maxReads: maxNewestReads,
      });
      return { items: toLive(rows), isComplete };
    },
    async countBacklog(subscription, limit) {
      let count = 0;
      let unread: readonly Uncounted[] = backlogPartitions(subscription).map((partition) => ({ partition }));
      while (unread.length > 0 && count < limit) {
        const answers = await Promise.all(unread.map((one) => countPage(one, limit - count)));
        count += answers.reduce((sum, answer) => sum + answer.count, 0);
        unread = answers.flatMap(({ rest }) => rest ?? []);
      }
      return { count: Math.min(count, limit), isComplete: unread.length === 0 && count <= limit };
    },
  };
}

/** A partition, and from where on its rows are not counted yet. */
interface Uncounted {
  readonly partition: string;
  readonly start?: Item;
}

const merged = (table: string): Pick<MergedQuery, 'table' | 'key'> => ({
  table,
  key: { partition: 'subscription', sort: 'delivery' },
});

export function toDelivery(row: Row): Delivery {
  const { delivery: _, [ttlAttribute]: __, ...delivery } = row;
  const [, subscription] = String(row['subscription']).split('#');
  return { ...delivery, subscription } as unknown as Delivery;
}
