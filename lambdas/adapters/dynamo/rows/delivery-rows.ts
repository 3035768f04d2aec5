import { backlogShards, deliveryShards, shardOf } from '../../../contracts/shards.ts';
import { ttlAttribute } from '../../../contracts/tables.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { type DeliveryKey, type DueEntry, isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { MergedQuery } from './merged-query.ts';
import type { Row } from './row-codecs.ts';
import type { ExpiryOf } from './tenant-expiry.ts';

/*
 * Layout of the deliveries table.
 *
 *   partition                    sort                        what
 *   delivery#<subscr.>#<shard>   <timestamp>#<event>         the delivery: a subscription's list, in order of time
 *   backlog#<subscr.>#<shard>    <place>                     points to a delivery that waits for its endpoint's turn;
 *                                                            replayed deliveries sort last
 *   due#<shard>                  <due at>#<subscr.>#<event>  points to a delivery that waits for its next attempt
 *
 * Sort keys rise with time, so all new rows of a partition are written at its end, where DynamoDB cannot split it: one
 * partition takes 1,000 write units a second. Each of the three is therefore sharded by a hash of the event. A key is
 * known without a read, and lists merge the shards (`merged-query.ts`). No subscription id contains a `#`.
 *
 * Pointers are read consistently, which an index does not allow: a run that finds a backlog empty may rely on it. The
 * shards of a backlog are read in parallel, not at one instant. That is enough: the writer of an entry wakes the
 * endpoint afterwards, and a run that finds the backlog empty looks again if the endpoint was woken since. The entries
 * of an ordered subscription that wait for one another are written, one after another, by the drain that also reads
 * them.
 *
 * DynamoDB deletes expired rows days late. Expired pointers are read like any other, so that a page full of them does
 * not hide the live ones behind it: the delivery decides whether its pointer counts, and the reader removes pointers
 * without a delivery. Pointers are written after the delivery (`replace` writes them first) and removed after it, so a
 * crash may leave a stale pointer, but never a delivery without its pointer.
 */

/**
 * A delivery that waits for its next attempt is kept for this long after that attempt is due, however soon its tenant's
 * rows expire: dispatch may be late, and an attempt must end the delivery, not the expiry of its row.
 */
const waitingSlackSeconds = 2 * 86_400;

/** Where a delivery stands among those of its subscription. */
export function sortKey({ timestamp, event }: Pick<DeliveryKey, 'timestamp' | 'event'>): string {
  return `${timestamp}#${event}`;
}

const shardsOf = (prefix: string, subscription: string, shards: number) =>
  Array.from({ length: shards }, (_, shard) => `${prefix}#${subscription}#${shard}`);
/** The partitions of a subscription's deliveries. */
export const deliveryPartitions = (subscription: string) => shardsOf('delivery', subscription, deliveryShards);
/** The partitions of an endpoint's backlog. */
export const backlogPartitions = (subscription: string) => shardsOf('backlog', subscription, backlogShards);

export const deliveryRowKey = (key: DeliveryKey) => ({
  subscription: `delivery#${key.subscription}#${shardOf(key.event, deliveryShards)}`,
  delivery: sortKey(key),
});
/** The partition of a backlog that points to this event's delivery. */
export const backlogOf = (subscription: string, event: string) =>
  `backlog#${subscription}#${shardOf(event, backlogShards)}`;
/** The partition of one shard of the due index. */
export const dueOf = (shard: number) => `due#${shard}`;
/** As many digits as any sequence or epoch time in milliseconds has, so that texts sort as numbers do. */
export const padded = (number: number) => String(number).padStart(16, '0');

/** Ordered by sequence within a tenant, by time where events are of several tenants; replayed deliveries come last. */
function backlogPlace(delivery: Delivery): string {
  const { scope, sequence, timestamp, event } = delivery;
  // Other places begin with a digit, which sorts before any letter.
  const rank = isReplayed(delivery) ? 'replay#' : '';
  return `${rank}${scope === '*' ? timestamp : padded(sequence)}#${event}`;
}

/** The sort key of an entry of the due index. */
export const duePlace = ({ dueAtMs, subscription, event }: Pick<DueEntry, 'dueAtMs' | 'subscription' | 'event'>) =>
  `${padded(dueAtMs)}#${subscription}#${event}`;

/** The key of the pointer to a delivery that waits; undefined where the delivery does not wait. */
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

export function toDeliveryRow(delivery: Delivery, expiryOf: ExpiryOf): Row {
  return {
    ...delivery,
    ...deliveryRowKey(delivery),
    revision: delivery.revision + 1,
    [ttlAttribute]: expiryAt(delivery, expiryOf),
  };
}

/** The row that points to a delivery that waits; undefined where the delivery does not wait. */
export function toPointerRow(delivery: Delivery, expiryOf: ExpiryOf): Row | undefined {
  const { subscription, event, timestamp, attemptCount, waitsIn } = delivery;
  const key = pointerKey(delivery);
  if (key === undefined) return undefined;
  const more = waitsIn === 'due-index' ? { of: subscription } : { attempt: attemptCount + 1 };
  return { ...key, ...more, event, timestamp, [ttlAttribute]: expiryAt(delivery, expiryOf) };
}

function expiryAt({ tenant, waitsIn, nextAttemptAt }: Delivery, expiryOf: ExpiryOf): number {
  return waitsIn === undefined || nextAttemptAt === undefined
    ? expiryOf(tenant)
    : Math.max(expiryOf(tenant), Math.ceil(Date.parse(nextAttemptAt) / 1000) + waitingSlackSeconds);
}

export function toDelivery(row: Row): Delivery {
  const { delivery: _, [ttlAttribute]: __, ...delivery } = row;
  const [, subscription] = String(row['subscription']).split('#');
  return { ...delivery, subscription } as unknown as Delivery;
}

/** The members of a merged query that are the same for every list of the deliveries table. */
export const merged = (table: string): Pick<MergedQuery, 'table' | 'key'> => ({
  table,
  key: { partition: 'subscription', sort: 'delivery' },
});
