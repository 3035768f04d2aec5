import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { type BacklogEntry, isReplayed } from '../../../ports/delivery/delivery-store.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';
import { readItems, type Work, type WorkItem, type WorkPorts } from './backlog-work.ts';
import {
  afterAttempt,
  type BacklogPart,
  type Chain,
  chainsOf,
  dueEntries,
  groupsOf,
  inBacklogOrder,
  toWaitingEntry,
  type WaitingEntry,
} from './waiting-entries.ts';

/** Entries listed in one page; their deliveries and events are read together. */
const listedTogether = 500;
/** Entries that one round sends. */
const sentTogether = 100;
/** Entries that a run remembers. When so many wait behind failing ones, the run stops following the feed. */
const maxWaiting = 2_000;
/** A run lists its backlog again after this long: a person may have sent or cancelled a waiting delivery. */
const freshMs = 10_000;

type Findings = Pick<Work, 'expired' | 'untold' | 'stale'>;

/**
 * The backlog of an ordered subscription, as one run of its drain knows it.
 *
 * A run that read the whole backlog in each round would read the events behind a failing one again and again. So it
 * remembers which entries exist, the group of each, and when the first of each group is due. A round continues from
 * there, and reads only what it is about to send. The run lists the backlog from the beginning when another writer may
 * have added an entry: after a counted wake-up, and every 10 seconds. It then reads the first event of a blocked group
 * again, and no other event of that group.
 *
 * ```
 * entries   1a 2b 3a 4a 5c       a waits for the retry of 1a until 12:30
 * kept      1a(12:30) 3a 4a      2b and 5c were sent; 6a and 7b come from the feed
 * ```
 */
export interface OrderedBacklog {
  /** Begin a round: list new entries. @param wakeups - The count in the state that the round begins with. */
  read(wakeups: number): Promise<void>;
  /** Whether the run knows every entry that the feed depends on. */
  isRead(): boolean;
  /** Whether the run knows every entry and has room for more. */
  hasRoom(): boolean;
  /** Items that may be sent now, some of each group; empty when every group has to wait. */
  takeDue(part: BacklogPart): Promise<readonly Chain[]>;
  /** The groups with waiting entries, and when the first of them is due. */
  waits(part: BacklogPart): { readonly groups: ReadonlySet<string>; readonly nextAtMs: number | undefined };
  has(event: string): boolean;
  /** An event of the feed was put into the backlog: the next round lists it. */
  expectFrom(sequence: number): void;
  /** Note how an item ended. @param delivery - As stored; undefined when another writer has changed it. */
  settle(item: WorkItem, delivery: Delivery | undefined): void;
  /** Everything found besides work since the last call. */
  takeFindings(): Findings;
}

/** What a run knows of a backlog. */
interface KnownBacklog {
  readonly ports: WorkPorts;
  readonly prepared: PreparedSubscription;
  readonly waiting: Map<string, WaitingEntry>;
  /** Items that this round has already read while it listed them. */
  readonly recent: Map<string, WorkItem>;
  findings: Findings;
  /** The last place listed; listing continues after it. */
  listedTo: string | undefined;
  lastKnown: string;
  /** Whether listing has reached the end. */
  isWhole: boolean;
  /** The lowest sequence that was added from the feed and is not yet listed. */
  expected: number;
  seenWakeups: number | undefined;
  lookedAtMs: number;
}

const noFindings: Findings = { expired: [], untold: [], stale: [] };

export function createOrderedBacklog(ports: WorkPorts, prepared: PreparedSubscription): OrderedBacklog {
  const backlog: KnownBacklog = {
    ports,
    prepared,
    waiting: new Map(),
    recent: new Map(),
    findings: noFindings,
    listedTo: undefined,
    lastKnown: '',
    isWhole: false,
    expected: Number.POSITIVE_INFINITY,
    seenWakeups: undefined,
    lookedAtMs: 0,
  };
  const { waiting } = backlog;
  return {
    read: async (wakeups) => beginRound(backlog, wakeups),
    isRead: () => isRead(backlog),
    hasRoom: () => backlog.isWhole && waiting.size < maxWaiting,
    takeDue: async (part) => takeDue(backlog, part),
    waits(part) {
      const groups = groupsOf(waiting, part);
      const times = [...groups.values()].flatMap(([head]) => head?.dueAtMs ?? []);
      return { groups: new Set(groups.keys()), nextAtMs: times.length === 0 ? undefined : Math.min(...times) };
    },
    has: (event) => waiting.values().some(({ entry }) => entry.event === event),
    expectFrom: (sequence) => expectFrom(backlog, sequence),
    settle: (item, delivery) => settle(backlog, item, delivery),
    takeFindings() {
      const taken = backlog.findings;
      backlog.findings = noFindings;
      return taken;
    },
  };
}

async function beginRound(backlog: KnownBacklog, wakeups: number): Promise<void> {
  const nowMs = backlog.ports.clock.nowMs();
  backlog.recent.clear();
  if (wakeups !== backlog.seenWakeups || nowMs - backlog.lookedAtMs >= freshMs) {
    lookAgain(backlog);
    backlog.seenWakeups = wakeups;
    backlog.lookedAtMs = nowMs;
  }
  if (backlog.expected < Number.POSITIVE_INFINITY) listExpected(backlog);
  await listEntries(backlog);
}

/** List from the beginning again, and read the first event of each blocked group again. */
function lookAgain(backlog: KnownBacklog): void {
  backlog.listedTo = undefined;
  backlog.isWhole = false;
  for (const part of ['live', 'replayed'] as const)
    for (const [head] of groupsOf(backlog.waiting, part).values())
      if (head !== undefined && head.dueAtMs > 0) backlog.waiting.set(head.entry.place, { ...head, isUnsure: true });
}

/** Entries from the feed come after all earlier events of the feed, and before everything replayed: list from there. */
function listExpected(backlog: KnownBacklog): void {
  const { listedTo, expected } = backlog;
  const before = inBacklogOrder(backlog.waiting).findLast((one) => !one.isReplayed && one.sequence < expected)?.entry
    .place;
  if (before === undefined || (listedTo !== undefined && listedTo > before)) backlog.listedTo = before;
  backlog.isWhole = false;
  backlog.expected = Number.POSITIVE_INFINITY;
}

/** List new entries. One round lists at most `maxWaiting`: very many entries may have no delivery. */
async function listEntries(backlog: KnownBacklog): Promise<void> {
  const { ports, prepared, waiting } = backlog;
  for (let listed = 0; !isRead(backlog) && listed < maxWaiting; ) {
    const page = await ports.deliveries.listBacklog(prepared.subscription.id, listedTogether, backlog.listedTo);
    listed += page.length;
    backlog.listedTo = page.at(-1)?.place ?? backlog.listedTo;
    backlog.isWhole = page.length < listedTogether;
    await readEntries(
      backlog,
      page.filter(({ place }) => !waiting.has(place)),
    );
  }
}

function isRead({ isWhole, waiting, listedTo, lastKnown }: KnownBacklog): boolean {
  return isWhole || (waiting.size >= maxWaiting && (listedTo ?? '') >= lastKnown);
}

/** Read entries with their deliveries and events; forget those that point to no work. */
async function readEntries(backlog: KnownBacklog, entries: readonly BacklogEntry[]): Promise<readonly WorkItem[]> {
  const { ports, prepared, waiting, recent } = backlog;
  const { items, expired, untold, stale } = await readItems(ports, prepared, entries);
  const { findings } = backlog;
  backlog.findings = {
    expired: [...findings.expired, ...expired],
    untold: [...findings.untold, ...untold],
    stale: [...findings.stale, ...stale],
  };
  for (const { place } of entries) waiting.delete(place);
  for (const item of items) {
    if (item.entry === undefined) continue;
    const { place } = item.entry;
    waiting.set(place, toWaitingEntry(prepared.subscription, item, item.entry));
    if (place > backlog.lastKnown) backlog.lastKnown = place;
    if (recent.size < sentTogether) recent.set(place, item);
  }
  return items;
}

async function takeDue(backlog: KnownBacklog, part: BacklogPart): Promise<readonly Chain[]> {
  const nowMs = backlog.ports.clock.nowMs();
  // Ends: an entry that was read and may not be sent after all is now known to wait, or is forgotten.
  for (;;) {
    const due = dueEntries(backlog.waiting, part, nowMs).slice(0, sentTogether);
    if (due.length === 0) return [];
    const read = await itemsOf(backlog, due);
    const items = read.filter(({ delivery }) => isReplayed(delivery) === (part === 'replayed'));
    const chains = chainsOf(backlog.prepared.subscription, items, nowMs);
    if (chains.length > 0) return chains;
  }
}

/** The items of entries; reads those that this round has not read yet. */
async function itemsOf(backlog: KnownBacklog, entries: readonly BacklogEntry[]): Promise<readonly WorkItem[]> {
  const read = new Map(backlog.recent);
  backlog.recent.clear();
  const unread = entries.filter(({ place }) => !read.has(place));
  for (const item of await readEntries(backlog, unread)) if (item.entry !== undefined) read.set(item.entry.place, item);
  return entries.flatMap(({ place }) => read.get(place) ?? []);
}

function expectFrom(backlog: KnownBacklog, sequence: number): void {
  backlog.expected = Math.min(backlog.expected, sequence);
}

function settle(backlog: KnownBacklog, { entry, delivery: before }: WorkItem, delivery: Delivery | undefined): void {
  const waits = delivery === undefined || delivery.waitsIn === 'backlog';
  if (entry === undefined) {
    if (waits) expectFrom(backlog, before.sequence);
    return;
  }
  const known = backlog.waiting.get(entry.place);
  if (!waits || known === undefined) backlog.waiting.delete(entry.place);
  else backlog.waiting.set(entry.place, { ...known, ...afterAttempt(entry, delivery) });
}
