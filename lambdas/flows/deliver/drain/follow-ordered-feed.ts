import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { newDelivery, parked } from '../../../engine/delivery/record-attempt.ts';
import { isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { isEvent, readGaplessRows } from '../../feed/gapless-rows.ts';
import { mayWant } from '../../feed/read-event.ts';
import { toJob } from '../../publish/queue-deliveries.ts';
import { parkNew } from '../attempt/attempt-delivery.ts';
import { judgeRows } from '../attempt/judge-events.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { hasEnded, type Work, type WorkItem, type WorkPorts } from './backlog-work.ts';
import type { OrderedBacklog } from './ordered-backlog.ts';
import { groupOf } from './waiting-entries.ts';

/** Rows of the feed read together. */
const pageSize = 100;

/**
 * Find the next work of an ordered subscription.
 *
 * Its events come from the feed, because only the feed is in order, whichever run published an event. An event waits
 * while an earlier one of its record (or its tenant) is not delivered. Waiting events move to the backlog, so that the
 * others continue.
 *
 * ```
 * feed      1a 2b 3a 4c 5b       a fails
 * sent      2b 4c 5b             2b before 5b
 * backlog   1a 3a                1a is retried; 3a follows once 1a is delivered or given up
 * ```
 *
 * Replayed events were in the feed before: they are sent in order, after new events, and never block them.
 */
export async function followOrderedFeed(
  ports: WorkPorts,
  prepared: PreparedSubscription,
  position: number,
  backlog: OrderedBacklog,
): Promise<OrderedWork> {
  const { subscription } = prepared;
  const due = await backlog.takeDue('live');
  if (due.length > 0) return { ...nothing, posts: postsOf(due) };
  // Read the rest of the backlog first, so that no event of the feed overtakes an unread entry.
  if (!backlog.isRead()) return { ...nothing, again: true };
  const { groups: blocked } = backlog.waits('live');
  const isHeldUp = blocked.size > 0 && (subscription.ordering === 'tenant' || !backlog.hasRoom());
  if (isHeldUp || subscription.tenant === null) return { ...nothing, ...(await replayedOr(backlog, undefined)) };

  const gapless = await readGaplessRows(ports, subscription.tenant, position, pageSize);
  const rows = gapless.rows
    .filter((row) => isEvent(row))
    // Its tenant only pulled then: a replay delivers it, the feed's follower does not.
    .filter(({ pullOnly }) => pullOnly !== true)
    .filter((row) => mayWant(subscription, row));
  const { fresh, unwanted, known } = await withoutKnown(ports, prepared, rows);
  // A run died between the write of a delivery and of its entry: put the entry back, so that it goes before its
  // successors. A replay restores its own entries, and may have more of them than this run has read.
  const lost = known.filter((one) => one.waitsIn === 'backlog' && !isReplayed(one) && !backlog.has(one.event));
  if (lost.length > 0) {
    await ports.deliveries.remind(lost);
    for (const { sequence } of lost) backlog.expectFrom(sequence);
    return { ...nothing, again: true };
  }
  const held = fresh.filter(({ row }) => blocked.has(groupOf(subscription, row)));
  await parkNew(
    ports,
    held.map(({ delivery }) => parked(delivery)),
  );
  for (const { delivery } of held) backlog.expectFrom(delivery.sequence);
  const free = fresh.filter(({ row }) => !blocked.has(groupOf(subscription, row)));
  const fromFeed = postsOf([...Map.groupBy(free, ({ row }) => groupOf(subscription, row)).values()]);
  // New events go before replayed ones.
  const work =
    fromFeed.length > 0 ? { posts: fromFeed, nextAtMs: undefined } : await replayedOr(backlog, gapless.holeUntilMs);
  return {
    ...work,
    again: work.posts.length === 0 && gapless.reached > position,
    position: gapless.reached > position ? gapless.reached : undefined,
    unwanted,
    passed: known.filter(hasEnded),
  };
}

/** The next work, without the findings of the backlog. */
type OrderedWork = Omit<Work, 'expired' | 'untold' | 'stale'>;

const nothing: OrderedWork = {
  posts: [],
  nextAtMs: undefined,
  again: false,
  position: undefined,
  unwanted: [],
  passed: [],
};

function postsOf(chains: readonly (readonly WorkItem[])[]): Work['posts'] {
  return chains.map((chain) => ({ requests: chain.map((item) => [item]) }));
}

/** The replayed work that is due; or, when there is none, the time of the next work. */
async function replayedOr(
  backlog: OrderedBacklog,
  otherwiseAtMs: number | undefined,
): Promise<Pick<Work, 'posts' | 'nextAtMs'>> {
  const posts = postsOf(await backlog.takeDue('replayed'));
  if (posts.length > 0) return { posts, nextAtMs: undefined };
  const nextAtMs = earliestOf(backlog.waits('live').nextAtMs, backlog.waits('replayed').nextAtMs, otherwiseAtMs);
  return { posts, nextAtMs };
}

function earliestOf(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Sort rows into new deliveries, deliveries that the filter rejects, and deliveries that an earlier run has stored. */
async function withoutKnown(
  ports: WorkPorts,
  prepared: PreparedSubscription,
  rows: readonly EventRow[],
): Promise<{
  readonly fresh: readonly WorkItem[];
  readonly unwanted: readonly Delivery[];
  readonly known: readonly Delivery[];
}> {
  const { subscription } = prepared;
  const deliveries = rows.map((row) => deliveryOf(subscription, row));
  const stored = await ports.deliveries.getMany(deliveries);
  const known = new Set(stored.map(({ event }) => event));
  const unknown = rows.filter(({ id }) => !known.has(id));
  const judgements = await judgeRows(ports, prepared, unknown);
  const fresh: WorkItem[] = [];
  const unwanted: Delivery[] = [];
  for (const [index, row] of unknown.entries()) {
    const delivery = deliveryOf(subscription, row);
    const judgement = judgements[index];
    if (judgement === 'unwanted') unwanted.push(delivery);
    else {
      const isUnjudged = judgement === 'unjudged' || undefined;
      fresh.push({ row, delivery: { ...delivery, isUnjudged }, entry: undefined });
    }
  }
  return { fresh, unwanted, known: stored };
}

export function deliveryOf(subscription: Subscription, row: EventRow): Delivery {
  return newDelivery(toJob(subscription, row));
}
