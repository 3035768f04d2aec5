import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { newDelivery, parked } from '../../../engine/delivery/record-attempt.ts';
import { isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import { isEvent, readGaplessRows } from '../../feed/gapless-rows.ts';
import { mayWant } from '../../feed/read-event.ts';
import { toJob } from '../../publish/publish-events.ts';
import { parkNew } from '../attempt/attempt-delivery.ts';
import { judgeRows } from '../attempt/judge-events.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { hasEnded, type Work, type WorkItem, type WorkPorts } from './backlog-work.ts';
import { groupOf, type OrderedBacklog } from './ordered-backlog.ts';

/** Rows of the feed that are looked at together. */
const pageSize = 100;

/**
 * What an ordered subscription is to be sent next.
 *
 * Its events are taken from the feed, which alone is in order, whichever run published when. An event waits
 * while an earlier one of its record (or its tenant) is not delivered; those that wait stand in the backlog,
 * so that the others go on.
 *
 * ```
 * feed      1a 2b 3a 4c 5b       a fails
 * sent      2b 4c 5b             2b before 5b
 * backlog   1a 3a                1a is tried again; 3a follows it, or its end
 * ```
 *
 * What is replayed was in the feed before: it is sent in order, after what is new, and holds up nothing of it.
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
  // Look on, before anything of the feed overtakes what was not seen.
  if (!backlog.isRead()) return { ...nothing, again: true };
  const { groups: blocked } = backlog.waits('live');
  const isHeldUp = blocked.size > 0 && (subscription.ordering === 'tenant' || !backlog.hasRoom());
  if (isHeldUp || subscription.tenant === null) return { ...nothing, ...(await replayedOr(backlog, undefined)) };

  const gapless = await readGaplessRows(ports, subscription.tenant, position, pageSize);
  const rows = gapless.rows.filter((row) => isEvent(row)).filter((row) => mayWant(subscription, row));
  const { fresh, unwanted, known } = await withoutKnown(ports, prepared, rows);
  // A run that died between the delivery and its entry: it has its turn before what follows it. What a replay has put
  // there is the replay's to remind of, and may be more than was looked at.
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
  // What is new goes before what is replayed.
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

/** What is to be sent next, beside what the backlog finds of others. */
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

/** What is replayed; or when there is something, where there is nothing now. */
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

/** Deliveries to be made of rows, and those that the filter leaves out. What a run before this one has made is passed over. */
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
