import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { shardOf } from '../../contracts/shards.ts';
import { ttlAttribute } from '../../contracts/tables.ts';
import type { Clock } from '../../ports/clock.ts';
import {
  type BacklogEntry,
  type Delivery,
  type DeliveryKey,
  type DeliveryLog,
  type DeliveryStore,
  type DueEntry,
  type DueIndex,
  isReplayed,
} from '../../ports/delivery-store.ts';
import { putOnCondition } from './dynamo-conditions.ts';
import { fromItem, type Item, isLive, type Row, readRows, toItem } from './dynamo-rows.ts';
import { changeRows, insertRows } from './dynamo-writes.ts';
import { createExpiries, type ExpiryOf, type ExpiryOptions } from './tenant-expiry.ts';

/**
 * A delivery whose next attempt has its time is kept for this much longer than until then, however soon its tenant's
 * rows expire: dispatch may come late, and a delivery ends by its attempt, never by its row's end.
 */
const waitingSlackSeconds = 2 * 86_400;
/** Rows that are counted together. */
const countedTogether = 1_000;
/** Queries of 1 MB for the newest deliveries: rows with many answers in them are large. */
const maxNewestPages = 5;

/*
 * How deliveries stand in their table.
 *
 *   partition            sort                        what
 *   <subscription>       <timestamp>#<event>         the delivery: a subscription's list, in order of time
 *   backlog#<subscr.>    <place>                     points to a delivery that waits for its endpoint's turn;
 *                                                    replayed ones stand behind all others
 *   due#<shard>          <due at>#<subscr.>#<event>  points to a delivery whose next attempt waits for its time
 *
 * Pointers are read consistently, which an index could not be: whoever finds a backlog empty may rely on
 * it. DynamoDB deletes expired rows days late. Expired pointers are read like any other, so that no page of them hides
 * the live ones behind it: their delivery tells what they are worth, and their reader removes those without one. They are written after the delivery and removed after it, so that a pointer without meaning may be left
 * behind by a crash, but never a delivery without its pointer.
 */

/** A delivery's sort key. */
function sortKey({ timestamp, event }: DeliveryKey): string {
  return `${timestamp}#${event}`;
}

export const backlogOf = (subscription: string) => `backlog#${subscription}`;
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
  if (waitsIn === 'backlog') return { subscription: backlogOf(subscription), delivery: backlogPlace(delivery) };
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
    revision: delivery.revision + 1,
    delivery: sortKey(delivery),
    [ttlAttribute]: expiryAt(delivery, expiryOf),
  });
  const pointerOf = (delivery: Delivery, expiryOf: ExpiryOf): Row | undefined => {
    const { subscription, event, timestamp, attemptCount, waitsIn } = delivery;
    const key = pointerKey(delivery);
    if (key === undefined) return undefined;
    const more = waitsIn === 'due-index' ? { of: subscription } : { attempt: attemptCount + 1 };
    return { ...key, ...more, event, timestamp, [ttlAttribute]: expiryAt(delivery, expiryOf) };
  };

  /** Expired rows, too: the page is shorter than the limit only where the partition ends. */
  async function list(
    partition: string,
    limit: number,
    range: { readonly after?: string; readonly until?: string },
  ): Promise<readonly Row[]> {
    const { after, until } = range;
    const items: Item[] = [];
    let start = after === undefined ? undefined : toItem({ subscription: partition, delivery: after });
    do {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          Limit: limit - items.length,
          KeyConditionExpression: `subscription = :partition${until === undefined ? '' : ' AND delivery < :until'}`,
          ExpressionAttributeValues: toItem({ ':partition': partition, ':until': until }),
          ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        }),
      );
      items.push(...(answer.Items ?? []));
      start = answer.LastEvaluatedKey;
    } while (start !== undefined && items.length < limit);
    return items.map(fromItem);
  }

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
      const rows = await readRows(
        client,
        table,
        keys.map((key) => ({ subscription: key.subscription, delivery: sortKey(key) })),
      );
      return rows.filter((row) => isLive(row, options.clock.nowMs())).map(toDelivery);
    },
    async putMany(deliveries, done = []) {
      const expiryOf = await expiryFor(deliveries);
      const pointers = deliveries.map((one) => pointerOf(one, expiryOf)).filter((row) => row !== undefined);
      const removals = done.map(({ subscription, place }) => ({
        subscription: backlogOf(subscription),
        delivery: place,
      }));
      // A batch is written in no order: whoever saw a pointer before its delivery would remove it as one
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
      // Before the delivery: a pointer to what does not wait is removed by whoever finds it.
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
      const rows = await list(backlogOf(subscription), limit, after === undefined ? {} : { after });
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
      const range = { until: padded(untilMs + 1), ...(after === undefined ? {} : { after: duePlace(after) }) };
      const rows = await list(dueOf(shard), limit, range);
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
  return {
    async find(key) {
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: table,
          Key: toItem({ subscription: key.subscription, delivery: sortKey(key) }),
          ConsistentRead: true,
        }),
      );
      const row = Item === undefined ? undefined : fromItem(Item);
      return row !== undefined && isLive(row, clock.nowMs()) ? toDelivery(row) : undefined;
    },
    async list(subscription, limit, after) {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          Limit: limit,
          ScanIndexForward: false,
          KeyConditionExpression: 'subscription = :subscription',
          ExpressionAttributeValues: toItem({ ':subscription': subscription }),
          ...(after === undefined ? {} : { ExclusiveStartKey: toItem({ subscription, delivery: after }) }),
        }),
      );
      return {
        items: (answer.Items ?? [])
          .map(fromItem)
          .filter((row) => isLive(row, clock.nowMs()))
          .map(toDelivery),
        next: answer.LastEvaluatedKey === undefined ? undefined : String(fromItem(answer.LastEvaluatedKey)['delivery']),
      };
    },
    async listNewest(subscription, { since, until }, limit) {
      // DynamoDB takes no range that ends before it begins.
      if (until <= since) return { items: [], isComplete: true };
      const items: Item[] = [];
      let start: Item | undefined;
      let pages = 0;
      do {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            Limit: limit - items.length,
            ScanIndexForward: false,
            // A sort key begins with the time: all of one instant are behind the instant alone.
            KeyConditionExpression: 'subscription = :subscription AND delivery BETWEEN :since AND :until',
            ExpressionAttributeValues: toItem({ ':subscription': subscription, ':since': since, ':until': until }),
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        pages += 1;
        items.push(...(answer.Items ?? []));
        start = answer.LastEvaluatedKey;
      } while (start !== undefined && items.length < limit && pages < maxNewestPages);
      return {
        items: items
          .map(fromItem)
          .filter((row) => isLive(row, clock.nowMs()))
          .map(toDelivery),
        isComplete: start === undefined,
      };
    },
    async countBacklog(subscription, limit) {
      let count = 0;
      let start: Item | undefined;
      do {
        const answer = await client.send(
          new QueryCommand({
            TableName: table,
            Select: 'COUNT',
            // A limit is of rows that are read: expired ones among them do not count.
            Limit: Math.max(limit - count, countedTogether),
            KeyConditionExpression: 'subscription = :backlog',
            FilterExpression: '#expiry > :now',
            ExpressionAttributeNames: { '#expiry': ttlAttribute },
            ExpressionAttributeValues: toItem({
              ':backlog': backlogOf(subscription),
              ':now': Math.floor(clock.nowMs() / 1000),
            }),
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        count += answer.Count ?? 0;
        start = answer.LastEvaluatedKey;
      } while (start !== undefined && count < limit);
      return { count: Math.min(count, limit), isComplete: start === undefined && count <= limit };
    },
  };
}

export function toDelivery(row: Row): Delivery {
  const { delivery: _, [ttlAttribute]: __, ...delivery } = row;
  return delivery as unknown as Delivery;
}
