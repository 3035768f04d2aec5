import { type DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type {
  BacklogEntry,
  DeliveryLog,
  DeliveryStore,
  DueEntry,
  DueIndex,
} from '../../../ports/delivery/delivery-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import {
  backlogOf,
  backlogPartitions,
  deliveryPartitions,
  deliveryRowKey,
  dueOf,
  duePlace,
  merged,
  padded,
  toDelivery,
  toDeliveryRow,
  toPointerRow,
} from '../rows/delivery-rows.ts';
import { queryMerged } from '../rows/merged-query.ts';
import { fromItem, type Item, isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, insertRows } from '../rows/row-writes.ts';
import { createExpiries, type ExpiryOf, type ExpiryOptions } from '../rows/tenant-expiry.ts';

/** Rows that one query counts. */
const countedTogether = 1_000;
/** Queries of up to 1 MB for the newest deliveries of a partition: rows with many answers are large. */
const maxNewestReads = 2;

interface StoreContext {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly expiryFor: (deliveries: readonly Delivery[]) => Promise<ExpiryOf>;
}

/** Deliveries, backlogs and the due index, in one table (`rows/delivery-rows.ts`). */
export function createDynamoDeliveryStore(
  client: DynamoDBClient,
  table: string,
  options: ExpiryOptions,
): DeliveryStore & DueIndex {
  const { clock } = options;
  const expiriesOf = createExpiries(options);
  const expiryFor = (deliveries: readonly Delivery[]) => expiriesOf(deliveries.map(({ tenant }) => tenant));
  const context: StoreContext = { client, table, clock, expiryFor };
  return {
    async getMany(keys) {
      const rows = await readRows(client, table, keys.map(deliveryRowKey));
      return rows.filter((row) => isLive(row, clock.nowMs())).map(toDelivery);
    },
    putMany: (deliveries, done = []) => putDeliveries(context, deliveries, done),
    addMany: (deliveries) => addDeliveries(context, deliveries),
    async remind(deliveries) {
      const expiryOf = await expiryFor(deliveries);
      await changeRows(client, table, pointerRows(deliveries, expiryOf), []);
    },
    replace: (delivery, opensAgain = false) => replaceDelivery(context, delivery, opensAgain),
    listBacklog: (subscription, limit, after) => listBacklog(context, subscription, limit, after),
    listDue: (shard, untilMs, limit, after) => listDue(context, shard, untilMs, limit, after),
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

function pointerRows(deliveries: Iterable<Delivery>, expiryOf: ExpiryOf): readonly Row[] {
  return [...deliveries].map((one) => toPointerRow(one, expiryOf)).filter((row) => row !== undefined);
}

async function putDeliveries(
  { client, table, expiryFor }: StoreContext,
  deliveries: readonly Delivery[],
  done: readonly BacklogEntry[],
): Promise<void> {
  const expiryOf = await expiryFor(deliveries);
  const removals = done.map(({ subscription, event, place }) => ({
    subscription: backlogOf(subscription, event),
    delivery: place,
  }));
  // Two requests, because a batch has no order: a run that saw a pointer before its delivery would remove the pointer
  // as stale. A crash between the two leaves the queue's message, or the old pointer.
  await changeRows(
    client,
    table,
    deliveries.map((one) => toDeliveryRow(one, expiryOf)),
    [],
  );
  await changeRows(client, table, pointerRows(deliveries, expiryOf), removals);
}

async function addDeliveries(context: StoreContext, deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>> {
  const { client, table, expiryFor } = context;
  const expiryOf = await expiryFor(deliveries);
  const insertions = await insertRows(
    client,
    table,
    deliveries.map((one) => toDeliveryRow(one, expiryOf)),
  );
  const added = new Set<Delivery>();
  for (const [index, delivery] of deliveries.entries()) {
    const insertion = insertions[index];
    if (insertion instanceof Error) throw insertion;
    if (insertion === 'inserted' || (await putOverExpired(context, toDeliveryRow(delivery, expiryOf))))
      added.add(delivery);
  }
  await changeRows(client, table, pointerRows(added, expiryOf), []);
  return added;
}

/** Replace an expired row, which DynamoDB deletes days late. @returns False where the row is live. */
async function putOverExpired({ client, table, clock }: StoreContext, row: Row): Promise<boolean> {
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(row),
    ConditionExpression: '#expiry < :now',
    ExpressionAttributeNames: { '#expiry': ttlAttribute },
    ExpressionAttributeValues: toItem({ ':now': Math.floor(clock.nowMs() / 1000) }),
  });
  return putOnCondition(client, put);
}

async function replaceDelivery(
  { client, table, expiryFor }: StoreContext,
  delivery: Delivery,
  opensAgain: boolean,
): Promise<boolean> {
  const expiryOf = await expiryFor([delivery]);
  const pointer = toPointerRow(delivery, expiryOf);
  // Before the delivery: a reader removes a pointer whose delivery does not wait.
  if (pointer !== undefined) await client.send(new PutItemCommand({ TableName: table, Item: toItem(pointer) }));
  const put = new PutItemCommand({
    TableName: table,
    Item: toItem(toDeliveryRow(delivery, expiryOf)),
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
}

async function listBacklog(
  { client, table }: StoreContext,
  subscription: string,
  limit: number,
  after: string | undefined,
): Promise<readonly BacklogEntry[]> {
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
}

async function listDue(
  { client, table }: StoreContext,
  shard: number,
  untilMs: number,
  limit: number,
  after: DueEntry | undefined,
): Promise<readonly DueEntry[]> {
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
