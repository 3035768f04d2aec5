import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { BacklogEntry, DeliveryStore, DueEntry, DueIndex } from '../../../ports/delivery/delivery-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import { putOnCondition } from '../rows/conditions.ts';
import {
  backlogOf,
  backlogPartitions,
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
import { isLive, type Row, readRows, toItem } from '../rows/row-codecs.ts';
import { changeRows, insertRows } from '../rows/row-writes.ts';
import { createExpiries, type ExpiryOf, type ExpiryOptions } from '../rows/tenant-expiry.ts';

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
