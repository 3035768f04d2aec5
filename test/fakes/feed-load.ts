import { expect } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { CanonicalEvent } from '../../lambdas/engine/event/canonical-event.ts';
import type { FeedFilter } from '../../lambdas/engine/feed/feed-filter.ts';
import { type FeedPage, type FeedWaitPorts, readFeed, waitForFeed } from '../../lambdas/flows/feed/read-feed.ts';
import type { Candidate, PublishPorts } from '../../lambdas/flows/publish/publication.ts';
import { publishEvents } from '../../lambdas/flows/publish/publish-events.ts';
import type { EventReader, EventRow, EventWriter, FeedRow } from '../../lambdas/ports/events/event-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Randomness } from '../../lambdas/ports/runtime/randomness.ts';
import { alwaysEnter } from './always-enter.ts';
import type { ManualClock } from './manual-clock.ts';
import { anEvent } from './samples.ts';
import { createSeededRandomness } from './seeded-randomness.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Concurrent writers and readers of one tenant's feed. */
export interface FeedLoad {
  readonly seed: string;
  /** Events to publish; some of them occur in several inputs. */
  readonly events: number;
  readonly writers: number;
  /** Fractions of writer runs that go wrong between taking their block and writing it. */
  readonly killed: number;
  /** Most virtual time that a call takes until its effect, and again until its answer. */
  readonly callMs: number;
  /** Longest pause of a reader that found no event; then the fraction of reads that long-poll instead. */
  readonly lookMs: number;
  readonly waits: number;
  readonly ports: Omit<PublishPorts, 'events' | 'clock'>;
  readonly store: EventWriter & EventReader;
  readonly clock: ManualClock;
  readonly time: VirtualTime;
}

/** How one writer run ends. */
type Fate =
  | 'well'
  /** It dies after it takes its block: at its first claims, later, or before it writes. */
  | 'killed'
  /** It dies in the middle of its write. */
  | 'torn'
  /** It takes almost the allowed time. */
  | 'slow'
  /** It hangs for longer than the allowed time, then continues. */
  | 'hung';

export interface FeedLoadReport {
  /** All events of the feed, as finally stored, in order. */
  readonly stored: readonly EventRow[];
  readonly ids: ReadonlySet<string>;
  readonly readers: readonly LoadedReader[];
  readonly runs: Readonly<Record<Fate, number>>;
  readonly virtualMs: number;
}

export interface LoadedReader {
  readonly filter: Partial<FeedFilter>;
  readonly seen: readonly CanonicalEvent[];
  readonly pages: number;
  readonly restarts: number;
  /** The longest time from the write of an event to its first read. */
  readonly maxLagMs: number;
}

interface Input {
  readonly candidates: readonly Candidate[];
  readonly visibleAtMs: number;
}

const accounts = ['acc_1', 'acc_2', 'acc_3', 'acc_4', 'acc_5'];
const resources = ['hris/employees', 'hris/time_off_requests', 'crm/contacts', 'ticketing/tickets'];
const types = ['record:created', 'record:updated', 'record:deleted'] as const;
const origins = ['webhook', 'poll', 'backfill'] as const;
const tenant = 'acme';

/** A skewed clock, within the allowed skew. */
function clockOff(clock: ManualClock, part: number): { readonly clock: Clock; readonly offMs: number } {
  const offMs = Math.round((part * limits.clockSkewMs) / 2);
  return { clock: { nowMs: () => clock.nowMs() + offMs }, offMs };
}

/** Publish all events, read them all, and report what the readers saw. */
export async function runFeedLoad(load: FeedLoad): Promise<FeedLoadReport> {
  const { clock, time, store } = load;
  const random = createSeededRandomness(load.seed);
  const dice = diceOf(random);
  const startedAtMs = clock.nowMs();
  const { inputs, ids } = inputsOf(load.events, dice);
  const writtenAtMs = new Map<string, number>();
  const runs: Record<Fate, number> = { well: 0, killed: 0, torn: 0, slow: 0, hung: 0 };

  const queue = createInputQueue(inputs, clock);
  const write = async () => {
    while (!queue.isDone()) {
      const input = queue.take();
      if (input === undefined) {
        await time.pause(250);
        continue;
      }
      const fate = fateOf(dice, load.killed);
      runs[fate] += 1;
      const run = runOf(load, fate, input.candidates.length, dice, writtenAtMs);
      const publications = await publishEvents(run.ports, input.candidates);
      const isDone = !run.isDead() && publications.every(({ kind }) => kind !== 'failed');
      // Like SQS: an input that failed, or whose run died, becomes visible again after a while.
      queue.end(input, isDone ? undefined : clock.nowMs() + dice.ms(20_000, 90_000));
      await time.pause(dice.ms(0, 500));
    }
  };

  const readers = [
    readAll(load, dice, writtenAtMs, queue.isDone, {}, false),
    readAll(load, dice, writtenAtMs, queue.isDone, { types: dice.some(types), resources: dice.some(resources) }, false),
    readAll(
      load,
      dice,
      writtenAtMs,
      queue.isDone,
      { accounts: dice.some(accounts), origins: dice.some(origins) },
      true,
    ),
  ];
  const writers = Array.from({ length: load.writers }, write);
  await time.run([...writers, ...readers]);
  const rows = await store.listAfter(tenant, 0, Number.MAX_SAFE_INTEGER);
  return {
    stored: rows.filter((row) => !('sealed' in row)) as readonly (FeedRow & EventRow)[],
    ids,
    readers: await Promise.all(readers),
    runs,
    virtualMs: clock.nowMs() - startedAtMs,
  };
}

/**
 * Read to the end of the feed. @param isRestarted - Whether the reader now and then restarts from its stored cursor.
 */
async function readAll(
  { clock, time, store, ports: { payloads }, callMs, lookMs, waits }: FeedLoad,
  dice: Dice,
  writtenAtMs: ReadonlyMap<string, number>,
  isWritten: () => boolean,
  filter: Partial<FeedFilter>,
  isRestarted: boolean,
): Promise<LoadedReader> {
  const ports: FeedWaitPorts = {
    events: {
      async listAfter(...args) {
        await time.pause(dice.ms(0, callMs));
        const rows = await time.stand(() => store.listAfter(...args));
        await time.pause(dice.ms(0, callMs));
        return rows;
      },
    },
    payloads,
    clock: clockOff(clock, dice.between(-1, 1)).clock,
    pause: time.pause,
  };
  const stored: { cursor: number; seen: CanonicalEvent[] } = { cursor: 0, seen: [] };
  let position = 0;
  let fresh: CanonicalEvent[] = [];
  let pages = 0;
  let restarts = 0;
  let maxLagMs = 0;
  const known = new Set<string>();
  for (;;) {
    const wasWritten = isWritten();
    const query = { ...filter, tenant, position, limit: Math.ceil(dice.between(0, 200)) };
    const page: FeedPage =
      dice.between(0, 1) < waits
        ? await waitForFeed(ports, query, dice.ms(0, 20_000), alwaysEnter)
        : await readFeed(ports, query);
    pages += 1;
    for (const { id } of page.events.filter((event) => !known.has(event.id))) {
      known.add(id);
      maxLagMs = Math.max(maxLagMs, clock.nowMs() - (writtenAtMs.get(id) ?? Number.NEGATIVE_INFINITY));
    }
    if (isRestarted && dice.between(0, 1) < 0.1) {
      // The reader dies after a read, before it stores the events.
      restarts += 1;
      position = stored.cursor;
      fresh = [];
      continue;
    }
    fresh.push(...page.events);
    position = page.position;
    // Store events and cursor together, every few pages.
    if (!isRestarted || page.caughtUp || dice.between(0, 1) < 0.3) {
      stored.seen.push(...fresh);
      stored.cursor = position;
      fresh = [];
    }
    if (page.caughtUp && wasWritten && fresh.length === 0)
      return { filter, seen: stored.seen, pages, restarts, maxLagMs };
    if (page.events.length === 0) await time.pause(dice.ms(0, lookMs));
  }
}

/** One writer run with the given fate. */
function runOf(
  { ports, store, clock, time, callMs }: FeedLoad,
  fate: Fate,
  candidates: number,
  dice: Dice,
  writtenAtMs: Map<string, number>,
): { readonly ports: PublishPorts; readonly isDead: () => boolean } {
  let isDead = false;
  // Claims that a killed run makes; one more than the candidates means that it dies before its write.
  let claimsLeft = fate === 'killed' ? Math.floor(dice.between(0, candidates + 1)) : Number.POSITIVE_INFINITY;
  const die = (): never => {
    isDead = true;
    throw new Error('the process has ended');
  };
  const call = async <T>(act: () => Promise<T>): Promise<T> => {
    if (callMs > 0) await time.pause(dice.ms(0, callMs));
    if (isDead) die();
    const answer = await time.stand(act);
    if (callMs > 0) await time.pause(dice.ms(0, callMs));
    return answer;
  };
  const own = clockOff(clock, dice.between(-1, 1));
  const heldUpMs = fate === 'slow' ? dice.ms(0, 29_000) : fate === 'hung' ? dice.ms(20_000, 150_000) : 0;
  const events: PublishPorts['events'] = {
    async takeSequences(...args) {
      const first = await call(() => store.takeSequences(...args));
      await time.pause(heldUpMs + dice.ms(0, 50));
      return first;
    },
    async claim(wanted) {
      if (claimsLeft <= 0) die();
      claimsLeft -= 1;
      return call(() => store.claim(wanted));
    },
    findClaim: (...args) => call(() => store.findClaim(...args)),
    point: (...args) => call(() => store.point(...args)),
    moveClaim: (...args) => call(() => store.moveClaim(...args)),
    getMany: (...args) => call(() => store.getMany(...args)),
    async writeRows(rows, untilMs) {
      if (fate === 'killed') die();
      if (fate === 'slow') await time.pause(dice.ms(0, 20_000));
      const taken = fate === 'torn' ? rows.slice(0, Math.floor(dice.between(0, rows.length))) : rows;
      await call(async () => {
        // The store uses the shared clock, so convert the deadline from the function's clock.
        await store.writeRows(taken, untilMs === undefined ? untilMs : untilMs - own.offMs);
        for (const row of taken) if (!('sealed' in row)) writtenAtMs.set(row.id, clock.nowMs());
      });
      if (fate === 'torn') die();
    },
  };
  return { ports: { ...ports, events, clock: own.clock }, isDead: () => isDead };
}

function fateOf(dice: Dice, killed: number): Fate {
  const drawn = dice.between(0, 1);
  if (drawn < killed) return 'killed';
  if (drawn < killed + 0.01) return 'torn';
  if (drawn < killed + 0.02) return 'slow';
  return drawn < killed + 0.03 ? 'hung' : 'well';
}

/** Batches of up to 20 events; one in ten repeats an event of another batch. */
function inputsOf(count: number, dice: Dice): { readonly inputs: readonly Input[]; readonly ids: ReadonlySet<string> } {
  const inputs: Input[] = [];
  const ids = new Set<string>();
  while (ids.size < count) {
    const owner = `raw_${inputs.length}`;
    const doubled = dice.between(0, 1) < 0.1 ? (dice.of(inputs.slice(-20))?.candidates.slice(0, 1) ?? []) : [];
    const size = Math.min(count - ids.size, Math.ceil(dice.between(0, 20)));
    const fresh = Array.from({ length: size }, () => {
      const id = `evt_${ids.size + 1}`;
      ids.add(id);
      return anEvent({
        id,
        record_id: id,
        account: dice.of(accounts) ?? '',
        resource: dice.of(resources) ?? '',
        type: dice.of(types) ?? 'record:updated',
        origin: dice.of(origins) ?? 'webhook',
        data: { id },
      });
    });
    const candidates = [...doubled.map(({ event }) => event), ...fresh].map((event) => ({ event, owner }));
    inputs.push({ candidates, visibleAtMs: 0 });
  }
  return { inputs, ids };
}

/** Inputs to publish: each is in flight once at a time, and returns after a failed run. */
function createInputQueue(inputs: readonly Input[], clock: ManualClock) {
  const waiting = [...inputs].reverse();
  const later: Input[] = [];
  let taken = 0;
  return {
    isDone: () => taken === 0 && waiting.length === 0 && later.length === 0,
    take(): Input | undefined {
      const due = later.findIndex(({ visibleAtMs }) => visibleAtMs <= clock.nowMs());
      const input = due < 0 ? waiting.pop() : later.splice(due, 1)[0];
      if (input !== undefined) taken += 1;
      return input;
    },
    end({ candidates }: Input, againAtMs: number | undefined): void {
      taken -= 1;
      if (againAtMs !== undefined) later.push({ candidates, visibleAtMs: againAtMs });
    },
  };
}

interface Dice {
  between(min: number, max: number): number;
  /** Integer milliseconds. */
  ms(min: number, max: number): number;
  of<T>(list: readonly T[]): T | undefined;
  /** A random part of a list, neither empty nor complete. */
  some<T>(list: readonly T[]): readonly T[];
}

/** Cheap random draws: a multiplicative generator, seeded once. */
function diceOf(random: Randomness): Dice {
  let state = 1 + Math.floor(random.fraction() * 0x7fff_fffd);
  const fraction = () => {
    // Park and Miller's generator: its products stay within the integers that a double can hold.
    state = (state * 48_271) % 0x7fff_ffff;
    return (state - 1) / 0x7fff_fffe;
  };
  const between = (min: number, max: number) => min + fraction() * (max - min);
  return {
    between,
    ms: (min, max) => Math.round(between(min, max)),
    of: (list) => list[Math.floor(fraction() * list.length)],
    some(list) {
      const first = Math.floor(fraction() * list.length);
      const count = Math.floor(between(1, list.length));
      return Array.from({ length: count }, (_, index) => list[(first + index) % list.length]).filter(
        (item) => item !== undefined,
      );
    },
  };
}

/** Expect every event in the feed, and seen once and in order by every reader whose filter includes it. */
export function expectExactlyOnce({ stored, ids, readers }: FeedLoadReport): void {
  expect(stored).toHaveLength(ids.size);
  expect(new Set(stored.map(({ id }) => id))).toEqual(ids);
  for (const { filter, seen } of readers) {
    const includes = (list: readonly string[] = [], value: string) => list.length === 0 || list.includes(value);
    const wanted = stored.filter(
      ({ type, resource, account, origin }) =>
        includes(filter.types, type) &&
        includes(filter.resources, resource) &&
        includes(filter.accounts, account) &&
        includes(filter.origins, origin),
    );
    expect(wanted.length).toBeGreaterThan(0);
    const placesOf = (events: readonly Pick<CanonicalEvent, 'sequence' | 'id'>[]) =>
      events.map(({ sequence, id }) => `${sequence} ${id}`);
    // Compare by numbers first: a diff of thousands of lines is unreadable.
    const missing = missingFrom(placesOf(seen), placesOf(wanted));
    const unexpected = missingFrom(placesOf(wanted), placesOf(seen));
    expect({ seen: seen.length, missing, unexpected }).toEqual({ seen: wanted.length, missing: [], unexpected: [] });
    const numbers = seen.map(({ sequence }) => sequence);
    expect(numbers.findIndex((number, index) => number <= (numbers[index - 1] ?? 0))).toBe(-1);
    for (const { id, data } of seen) if (data['id'] !== id) expect(data['id']).toBe(id);
  }
}

/** The first few items of a list that are missing from another. */
function missingFrom(list: readonly string[], all: readonly string[]): readonly string[] {
  const known = new Set(list);
  return all.filter((item) => !known.has(item)).slice(0, 5);
}
