import { type BacklogEntry, type Delivery, isReplayed } from '../ports/delivery-store.ts';
import type { EventRow } from '../ports/event-store.ts';
import type { Subscription } from '../ports/subscription-store.ts';
import { judgeRows, newDelivery, type PreparedSubscription, parked, parkNew } from './attempt-delivery.ts';
import { hasEnded, readItems, type Work, type WorkItem, type WorkPorts } from './backlog-work.ts';
import { isEvent, readGaplessRows } from './gapless-rows.ts';
import { toJob } from './publish-events.ts';
import { mayWant } from './read-event.ts';

/** Backlog entries and rows of the feed that are looked at together. */
const pageSize = 100;
/** Backlog entries that may wait behind failing ones before the feed is no longer followed. */
const maxWaiting = 2_000;

/**
 * What an ordered subscription is to be sent next.
 *
 * Its events are taken from the feed, which alone is in order, whoever published when. An event waits
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
): Promise<Work> {
  const { subscription } = prepared;
  const { live, replayed, isWhole, expired, untold, stale, entries } = await readBacklog(ports, prepared);
  const backlog = { again: false, position: undefined, unwanted: [], passed: [], expired, untold, stale };
  if (live.chains.length > 0) return { ...backlog, posts: live.chains, nextAtMs: undefined };
  const { blocked } = live;
  // Entries without a delivery took the place of what waits behind them. They are removed now: look again, before
  // anything of the feed overtakes what was not seen.
  if (!isWhole && live.waiting + replayed.waiting < entries.length)
    return { ...backlog, posts: [], nextAtMs: undefined, again: true };
  const nextAtMs = earliestOf(live.nextAtMs, replayed.nextAtMs);
  const isHeldUp = blocked.size > 0 && (subscription.ordering === 'tenant' || !isWhole);
  if (isHeldUp || subscription.tenant === null)
    return { ...backlog, posts: replayed.chains, nextAtMs: replayed.chains.length > 0 ? undefined : nextAtMs };

  const gapless = await readGaplessRows(ports, subscription.tenant, position, pageSize);
  const rows = gapless.rows.filter((row) => isEvent(row)).filter((row) => mayWant(subscription, row));
  const { fresh, unwanted, known } = await withoutKnown(ports, prepared, rows);
  // A run that died between the delivery and its entry: it has its turn before what follows it.
  const entered = new Set(entries.map(({ event }) => event));
  // What a replay has put there is the replay's to remind of, and may be more than was looked at.
  const lost = known.filter((one) => one.waitsIn === 'backlog' && !isReplayed(one) && !entered.has(one.event));
  if (lost.length > 0) {
    await ports.deliveries.remind(lost);
    return { ...backlog, posts: [], nextAtMs: undefined, again: true };
  }
  const held = fresh.filter(({ row }) => blocked.has(groupOf(subscription, row)));
  await parkNew(
    ports,
    held.map(({ delivery }) => parked(delivery)),
  );
  const free = fresh.filter(({ row }) => !blocked.has(groupOf(subscription, row)));
  const fromFeed = [...Map.groupBy(free, ({ row }) => groupOf(subscription, row)).values()].map((items) => ({
    requests: items.map((item) => [item]),
  }));
  // What is new goes before what is replayed.
  const posts = fromFeed.length > 0 ? fromFeed : replayed.chains;
  return {
    posts,
    nextAtMs: posts.length > 0 ? undefined : earliestOf(nextAtMs, gapless.holeUntilMs),
    again: posts.length === 0 && gapless.reached > position,
    position: gapless.reached > position ? gapless.reached : undefined,
    unwanted,
    passed: known.filter(hasEnded),
    expired,
    untold,
    stale,
  };
}

function earliestOf(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** What waits in the backlog, and what a replay has put there: the one holds up nothing of the other. */
async function readBacklog(ports: WorkPorts, prepared: PreparedSubscription) {
  const { subscription } = prepared;
  const entries: BacklogEntry[] = [];
  let isWhole = false;
  while (!isWhole && entries.length < maxWaiting) {
    const page = await ports.deliveries.listBacklog(subscription.id, pageSize, entries.at(-1)?.place);
    entries.push(...page);
    isWhole = page.length < pageSize;
  }
  const { items, expired, untold, stale } = await readItems(ports, prepared, entries);
  const nowMs = ports.clock.nowMs();
  const live = chainsOf(
    subscription,
    items.filter(({ delivery }) => !isReplayed(delivery)),
    nowMs,
  );
  const replayed = chainsOf(
    subscription,
    items.filter(({ delivery }) => isReplayed(delivery)),
    nowMs,
  );
  return { live, replayed, isWhole, expired, untold, stale, entries };
}

/** Those that may be sent now, one after the other within a group; and the groups that have to wait. */
function chainsOf(subscription: Subscription, items: readonly WorkItem[], nowMs: number) {
  const blocked = new Set<string>();
  const free = new Map<string, WorkItem[]>();
  let nextAtMs: number | undefined;
  for (const item of items) {
    const group = groupOf(subscription, item.row);
    const dueMs = item.delivery.nextAttemptAt === undefined ? 0 : Date.parse(item.delivery.nextAttemptAt);
    if (blocked.has(group)) continue;
    if (dueMs > nowMs) {
      blocked.add(group);
      nextAtMs = earliestOf(nextAtMs, dueMs);
    } else free.set(group, [...(free.get(group) ?? []), item]);
  }
  const chains = [...free.values()].map((chain) => ({ requests: chain.map((item) => [item]) }));
  return { chains, blocked, nextAtMs, waiting: items.length };
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

/** What has to be kept in order. */
function groupOf({ ordering }: Subscription, { tenant, account, resource, record_id: record }: EventRow): string {
  return ordering === 'tenant' ? tenant : JSON.stringify([account, resource, record]);
}
