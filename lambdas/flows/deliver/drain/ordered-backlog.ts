import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { type BacklogEntry, isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { readItems, type Work, type WorkItem, type WorkPorts } from './backlog-work.ts';

/** Entries that are listed together, and learnt of with their deliveries and events. */
const listedTogether = 500;
/** Entries of which a round makes its work. */
const sentTogether = 100;
/** Entries that a run keeps in mind, and that may wait behind failing ones before the feed is no longer followed. */
const maxWaiting = 2_000;
/** After this long a run looks for what others have done: a person may have sent or cancelled what waits. */
const freshMs = 10_000;

/** What a run keeps in mind of an entry: enough to know whether it may be sent, and nothing of its event's data. */
interface Waiting {
  readonly entry: BacklogEntry;
  readonly sequence: number;
  readonly group: string;
  readonly isReplayed: boolean;
  /** Epoch milliseconds; 0 where it need not wait. */
  readonly dueAtMs: number;
  /** Whether others may have changed that. */
  readonly isUnsure: boolean;
}

/** Events that are sent one after the other. */
type Chain = readonly WorkItem[];

/** Which part of a backlog: the one holds up nothing of the other. */
export type BacklogPart = 'live' | 'replayed';

type Findings = Pick<Work, 'expired' | 'untold' | 'stale'>;

/**
 * The backlog of an ordered subscription, as one run of its drain knows it.
 *
 * A run that read all that waits in each of its rounds would read the events behind a failing one again and again. So it
 * keeps in mind which entries there are, to which group each belongs, and until when the first of a group waits; a round
 * goes on from there, and reads only what it is going to send. It looks from the beginning again where others may have
 * put something there: when a wake-up was counted, and after a while. Of a group that is blocked it reads the first
 * event again then, and no other.
 *
 * ```
 * entries   1a 2b 3a 4a 5c       a waits for the retry of 1a until 12:30
 * kept      1a(12:30) 3a 4a      2b and 5c were sent; 6a and 7b come from the feed
 * ```
 */
export interface OrderedBacklog {
  /** Begin a round: list what is new. @param wakeups - As they are counted in the state that the round begins with. */
  read(wakeups: number): Promise<void>;
  /** Whether all is known of which the feed has to know. */
  isRead(): boolean;
  /** Whether no entry lies beyond those that are known, and there is room for more. */
  hasRoom(): boolean;
  /** What may be sent now, some of each group; nothing where every group has to wait. */
  takeDue(part: BacklogPart): Promise<readonly Chain[]>;
  /** The groups that wait, and when the first of them may be sent. */
  waits(part: BacklogPart): { readonly groups: ReadonlySet<string>; readonly nextAtMs: number | undefined };
  has(event: string): boolean;
  /** Something was put there of an event of the feed: the next round lists it. */
  expectFrom(sequence: number): void;
  /** What has become of an item. @param delivery - As it is stored; undefined where another writer has changed it. */
  settle(item: WorkItem, delivery: Delivery | undefined): void;
  /** What was found beside work since this was called last. */
  takeFindings(): Findings;
}

export function createOrderedBacklog(ports: WorkPorts, prepared: PreparedSubscription): OrderedBacklog {
  const { subscription } = prepared;
  const waiting = new Map<string, Waiting>();
  /** Items that this round has read already, while it learnt of them. */
  const recent = new Map<string, WorkItem>();
  let findings = noFindings;
  /** The place up to which entries are listed; from there the list goes on. */
  let listedTo: string | undefined;
  let lastKnown = '';
  /** Whether the list has come to its end. */
  let isWhole = false;
  /** What has been put there of the feed since, by the sequence of its first event. */
  let expected = Number.POSITIVE_INFINITY;
  let seenWakeups: number | undefined;
  let lookedAtMs = 0;

  const inOrder = () => [...waiting.values()].sort((a, b) => (a.entry.place < b.entry.place ? -1 : 1));
  const groupsOf = (part: BacklogPart) =>
    Map.groupBy(
      inOrder().filter((one) => one.isReplayed === (part === 'replayed')),
      ({ group }) => group,
    );
  const isFull = () => waiting.size >= maxWaiting && (listedTo ?? '') >= lastKnown;
  const isRead = () => isWhole || isFull();

  /** Read entries with their deliveries and events; those that point to no work are forgotten. */
  async function learn(entries: readonly BacklogEntry[]): Promise<readonly WorkItem[]> {
    const { items, expired, untold, stale } = await readItems(ports, prepared, entries);
    findings = {
      expired: [...findings.expired, ...expired],
      untold: [...findings.untold, ...untold],
      stale: [...findings.stale, ...stale],
    };
    for (const { place } of entries) waiting.delete(place);
    for (const item of items) {
      if (item.entry === undefined) continue;
      const { place } = item.entry;
      waiting.set(place, toWaiting(subscription, item, item.entry));
      if (place > lastKnown) lastKnown = place;
      if (recent.size < sentTogether) recent.set(place, item);
    }
    return items;
  }

  /** A round lists so many entries at most: those without a delivery may be very many. */
  async function list(): Promise<void> {
    for (let listed = 0; !isRead() && listed < maxWaiting; ) {
      const page = await ports.deliveries.listBacklog(subscription.id, listedTogether, listedTo);
      listed += page.length;
      listedTo = page.at(-1)?.place ?? listedTo;
      isWhole = page.length < listedTogether;
      await learn(page.filter(({ place }) => !waiting.has(place)));
    }
  }

  /** What the feed gave stands behind all that was before it in the feed, and before all that is replayed. */
  function listExpected(): void {
    const before = inOrder().findLast((one) => !one.isReplayed && one.sequence < expected)?.entry.place;
    if (before === undefined || (listedTo !== undefined && listedTo > before)) listedTo = before;
    isWhole = false;
    expected = Number.POSITIVE_INFINITY;
  }

  function lookAgain(): void {
    listedTo = undefined;
    isWhole = false;
    for (const part of ['live', 'replayed'] as const)
      for (const [head] of groupsOf(part).values())
        if (head !== undefined && head.dueAtMs > 0) waiting.set(head.entry.place, { ...head, isUnsure: true });
  }

  function expectFrom(sequence: number): void {
    expected = Math.min(expected, sequence);
  }

  /** The first ones of each group come before the second ones: no group waits until another is empty. */
  function dueOf(part: BacklogPart, nowMs: number): readonly BacklogEntry[] {
    const ranked = [...groupsOf(part).values()].flatMap((group) =>
      dueFirst(group, nowMs).map(({ entry }, rank) => ({ entry, rank })),
    );
    return ranked.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry);
  }

  async function itemsOf(entries: readonly BacklogEntry[]): Promise<readonly WorkItem[]> {
    const read = new Map(recent);
    recent.clear();
    for (const item of await learn(entries.filter(({ place }) => !read.has(place))))
      if (item.entry !== undefined) read.set(item.entry.place, item);
    return entries.flatMap(({ place }) => read.get(place) ?? []);
  }

  return {
    isRead,
    hasRoom: () => isWhole && waiting.size < maxWaiting,
    has: (event) => waiting.values().some(({ entry }) => entry.event === event),
    async read(wakeups) {
      const nowMs = ports.clock.nowMs();
      recent.clear();
      if (wakeups !== seenWakeups || nowMs - lookedAtMs >= freshMs) {
        lookAgain();
        seenWakeups = wakeups;
        lookedAtMs = nowMs;
      }
      if (expected < Number.POSITIVE_INFINITY) listExpected();
      await list();
    },
    async takeDue(part) {
      const nowMs = ports.clock.nowMs();
      // Ends: what is read and may not be sent after all is known to wait now, or is known no more.
      for (;;) {
        const due = dueOf(part, nowMs).slice(0, sentTogether);
        if (due.length === 0) return [];
        const items = (await itemsOf(due)).filter(({ delivery }) => isReplayed(delivery) === (part === 'replayed'));
        const chains = chainsOf(subscription, items, nowMs);
        if (chains.length > 0) return chains;
      }
    },
    waits(part) {
      const groups = groupsOf(part);
      const times = [...groups.values()].flatMap(([head]) => head?.dueAtMs ?? []);
      return { groups: new Set(groups.keys()), nextAtMs: times.length === 0 ? undefined : Math.min(...times) };
    },
    expectFrom,
    settle(item, delivery) {
      const { entry } = item;
      const waits = delivery === undefined || delivery.waitsIn === 'backlog';
      if (entry === undefined) {
        if (waits) expectFrom(item.delivery.sequence);
        return;
      }
      const known = waiting.get(entry.place);
      if (!waits || known === undefined) waiting.delete(entry.place);
      else waiting.set(entry.place, { ...known, ...settled(entry, delivery) });
    },
    takeFindings() {
      const taken = findings;
      findings = noFindings;
      return taken;
    },
  };
}

const noFindings: Findings = { expired: [], untold: [], stale: [] };

function toWaiting(subscription: Subscription, { row, delivery }: WorkItem, entry: BacklogEntry): Waiting {
  return {
    entry,
    sequence: delivery.sequence,
    group: groupOf(subscription, row),
    isReplayed: isReplayed(delivery),
    dueAtMs: dueTimeOf(delivery),
    isUnsure: false,
  };
}

/** What is known of an entry after an attempt. Its delivery has put it anew. */
function settled(entry: BacklogEntry, delivery: Delivery | undefined): Partial<Waiting> {
  if (delivery === undefined) return { isUnsure: true };
  return { entry: { ...entry, attempt: delivery.attemptCount + 1 }, dueAtMs: dueTimeOf(delivery), isUnsure: false };
}

function dueTimeOf({ nextAttemptAt }: Delivery): number {
  return nextAttemptAt === undefined ? 0 : Date.parse(nextAttemptAt);
}

/** Those at the beginning of a group that may be sent; or its first one, where it has to be read to know. */
function dueFirst(group: readonly Waiting[], nowMs: number): readonly Waiting[] {
  if (group[0]?.isUnsure) return group.slice(0, 1);
  const end = group.findIndex(({ dueAtMs, isUnsure }) => isUnsure || dueAtMs > nowMs);
  return end < 0 ? group : group.slice(0, end);
}

/** Those that may be sent now, one after the other within a group. */
function chainsOf(subscription: Subscription, items: readonly WorkItem[], nowMs: number): readonly Chain[] {
  const groups = Map.groupBy(items, ({ row }) => groupOf(subscription, row));
  return [...groups.values()].flatMap((group) => {
    const end = group.findIndex(({ delivery }) => dueTimeOf(delivery) > nowMs);
    const chain = group.slice(0, end < 0 ? undefined : end);
    return chain.length === 0 ? [] : [chain];
  });
}

/** What has to be kept in order. */
export function groupOf(
  { ordering }: Subscription,
  { tenant, account, resource, record_id: record }: EventRow,
): string {
  return ordering === 'tenant' ? tenant : JSON.stringify([account, resource, record]);
}
