import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { type BacklogEntry, isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { WorkItem } from './backlog-work.ts';

/** What a run remembers of an entry: enough to decide whether it may be sent, without its event's data. */
export interface WaitingEntry {
  readonly entry: BacklogEntry;
  readonly sequence: number;
  readonly group: string;
  readonly isReplayed: boolean;
  /** Epoch milliseconds; 0 when it need not wait. */
  readonly dueAtMs: number;
  /** Whether another writer may have changed the delivery since. */
  readonly isUnsure: boolean;
}

/** By place in the backlog. */
export type WaitingEntries = ReadonlyMap<string, WaitingEntry>;

/** One part of a backlog. The two parts never block each other. */
export type BacklogPart = 'live' | 'replayed';

/** Items sent one after the other. */
export type Chain = readonly WorkItem[];

export function toWaitingEntry(
  subscription: Subscription,
  { row, delivery }: WorkItem,
  entry: BacklogEntry,
): WaitingEntry {
  return {
    entry,
    sequence: delivery.sequence,
    group: groupOf(subscription, row),
    isReplayed: isReplayed(delivery),
    dueAtMs: dueTimeOf(delivery),
    isUnsure: false,
  };
}

/**
 * What an attempt changes of an entry that stays in the backlog: its delivery has written the entry again.
 *
 * @param delivery - As stored; undefined when another writer has changed it.
 */
export function afterAttempt(entry: BacklogEntry, delivery: Delivery | undefined): Partial<WaitingEntry> {
  if (delivery === undefined) return { isUnsure: true };
  return { entry: { ...entry, attempt: delivery.attemptCount + 1 }, dueAtMs: dueTimeOf(delivery), isUnsure: false };
}

export function inBacklogOrder(waiting: WaitingEntries): readonly WaitingEntry[] {
  return [...waiting.values()].sort((a, b) => (a.entry.place < b.entry.place ? -1 : 1));
}

/** The entries of one part by group, each group in backlog order. */
export function groupsOf(waiting: WaitingEntries, part: BacklogPart): ReadonlyMap<string, readonly WaitingEntry[]> {
  return Map.groupBy(
    inBacklogOrder(waiting).filter((one) => one.isReplayed === (part === 'replayed')),
    ({ group }) => group,
  );
}

/** Due entries, the first of every group before the second of any: no group waits until another is empty. */
export function dueEntries(waiting: WaitingEntries, part: BacklogPart, nowMs: number): readonly BacklogEntry[] {
  const ranked = [...groupsOf(waiting, part).values()].flatMap((group) =>
    dueFirst(group, nowMs).map(({ entry }, rank) => ({ entry, rank })),
  );
  return ranked.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry);
}

/** The entries at the head of a group that may be sent; or only its first, when that must be read again to decide. */
function dueFirst(group: readonly WaitingEntry[], nowMs: number): readonly WaitingEntry[] {
  if (group[0]?.isUnsure) return group.slice(0, 1);
  const end = group.findIndex(({ dueAtMs, isUnsure }) => isUnsure || dueAtMs > nowMs);
  return end < 0 ? group : group.slice(0, end);
}

/** Items that may be sent now, as one chain per group. */
export function chainsOf(subscription: Subscription, items: readonly WorkItem[], nowMs: number): readonly Chain[] {
  const groups = Map.groupBy(items, ({ row }) => groupOf(subscription, row));
  return [...groups.values()].flatMap((group) => {
    const end = group.findIndex(({ delivery }) => dueTimeOf(delivery) > nowMs);
    const chain = group.slice(0, end < 0 ? undefined : end);
    return chain.length === 0 ? [] : [chain];
  });
}

function dueTimeOf({ nextAttemptAt }: Delivery): number {
  return nextAttemptAt === undefined ? 0 : Date.parse(nextAttemptAt);
}

/** The group of an event: the subscription keeps the order within it. */
export function groupOf(
  { ordering }: Subscription,
  { tenant, account, resource, record_id: record }: EventRow,
): string {
  return ordering === 'tenant' ? tenant : JSON.stringify([account, resource, record]);
}
