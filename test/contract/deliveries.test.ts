import { ScanCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDynamoDeliveryLog } from '../../lambdas/adapters/dynamo/stores/delivery-log.ts';
import { createDynamoDeliveryStore } from '../../lambdas/adapters/dynamo/stores/delivery-store.ts';
import { backlogShards, deliveryShards, dueShards, shardOf } from '../../lambdas/contracts/shards.ts';
import type { Delivery } from '../../lambdas/engine/delivery/delivery.ts';
import { listDeliveries } from '../../lambdas/flows/subscriptions/list-deliveries.ts';
import type { DeliveryLog, DeliveryStore, DueEntry, DueIndex } from '../../lambdas/ports/delivery/delivery-store.ts';
import { createInMemoryDeliveries } from '../fakes/in-memory-deliveries.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { propertyRuns } from '../property-runs.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

interface Deliveries {
  readonly deliveries: DeliveryStore & DueIndex & DeliveryLog;
  readonly clock: ManualClock;
}

const retentionDays = 30;
const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Deliveries>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      return { clock, deliveries: createInMemoryDeliveries(clock, { retentionDays }) };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('deliveries');
      return {
        clock,
        deliveries: {
          ...createDynamoDeliveryStore(tables.client(), table, { clock, retentionDays }),
          ...createDynamoDeliveryLog(tables.client(), table, clock),
        },
      };
    },
  ],
];

function aDelivery(number: number, change: Partial<Delivery> = {}): Delivery {
  return {
    subscription: 'sub_1',
    scope: 'acme',
    event: `evt_${number}`,
    tenant: 'acme',
    sequence: number,
    timestamp: new Date(Date.parse('2026-11-21T12:00:00.000Z') + number * 1000).toISOString(),
    state: 'retrying',
    exhaustedBy: undefined,
    attemptCount: 2,
    scheduledCount: 2,
    firstAttemptAt: '2026-11-21T12:00:01.000Z',
    waitsIn: 'queue',
    replay: undefined,
    isManual: undefined,
    revision: 0,
    attempts: [
      {
        number: 1,
        trigger: 'schedule',
        at: '2026-11-21T12:00:01.000Z',
        durationMs: 7,
        status: 503,
        error: undefined,
        response: 'später “☂”',
      },
      {
        number: 2,
        trigger: 'probe',
        at: '2026-11-21T12:00:09.000Z',
        durationMs: 15_000,
        status: undefined,
        error: 'slow',
        response: undefined,
      },
    ],
    nextAttemptAt: '2026-11-21T12:01:00.000Z',
    ...change,
  };
}

const aDelivered = (number: number) =>
  aDelivery(number, { state: 'delivered', nextAttemptAt: undefined, waitsIn: undefined });
const aParked = (number: number, change: Partial<Delivery> = {}) =>
  aDelivery(number, { state: 'waiting', nextAttemptAt: undefined, waitsIn: 'backlog', ...change });
const aDue = (number: number, nextAttemptAt: string, change: Partial<Delivery> = {}) =>
  aDelivery(number, { nextAttemptAt, waitsIn: 'due-index', ...change });

/** Deliveries after their first write. */
const written = (...all: readonly Delivery[]) => all.map((one) => ({ ...one, revision: 1 }));
const byEvent = (all: readonly Delivery[]) => [...all].sort((a, b) => a.sequence - b.sequence);

describe.each(implementations)('delivery store on %s', (_, open) => {
  test('returns deliveries that were put, and leaves out missing ones', async () => {
    const { deliveries } = await open();
    const delivered = aDelivered(2);
    await deliveries.putMany([aDelivery(1), delivered, aDelivery(3, { subscription: 'sub_2' })]);
    const keys = [aDelivery(3), aDelivery(2), aDelivery(1), aDelivery(1), aDelivery(4)];
    expect(byEvent(await deliveries.getMany(keys))).toEqual(written(aDelivery(1), delivered));
    expect(await deliveries.getMany([])).toEqual([]);
  });

  test('replaces a delivery by its key', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aDelivery(1)]);
    await deliveries.putMany([aDelivered(1)]);
    await deliveries.putMany([]);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual(written(aDelivered(1)));
  });

  test('replaces a delivery that was read, and fails when another caller wrote in between', async () => {
    const { deliveries } = await open();
    const [first, second] = [aDelivery(1), aDelivery(1, { state: 'cancelled' })];
    expect(await deliveries.replace(first)).toBe(true);
    expect(await deliveries.replace(second)).toBe(false);
    expect(await deliveries.getMany([first])).toEqual([{ ...first, revision: 1 }]);
    expect(await deliveries.replace({ ...second, revision: 1 })).toBe(true);
    expect(await deliveries.replace({ ...first, revision: 1 })).toBe(false);
    expect(await deliveries.replace({ ...aDelivery(2), revision: 7 })).toBe(false);
    expect(byEvent(await deliveries.getMany([first, aDelivery(2)]))).toEqual([{ ...second, revision: 2 }]);
  });

  test('replaces a delivery that was put without a condition', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aParked(1)]);
    expect(await deliveries.replace(aDelivered(1))).toBe(false);
    expect(await deliveries.replace({ ...aDelivered(1), revision: 1 })).toBe(true);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual([{ ...aDelivered(1), revision: 2 }]);
  });

  test('raises the revision on every write, and replaces a delivered one only to send it again', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aDelivered(1)]);
    // Another run of the same job had read nothing, and failed.
    expect(await deliveries.replace(aDelivery(1))).toBe(false);
    // A run had read the delivery before the delivered one replaced it: the revisions are equal.
    expect(await deliveries.replace(aDelivery(1, { revision: 1 }))).toBe(false);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual(written(aDelivered(1)));
    expect(await deliveries.replace(aParked(1), true)).toBe(false);
    expect(await deliveries.replace(aParked(1, { revision: 1 }), true)).toBe(true);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual([aParked(1, { revision: 2 })]);
    expect(await deliveries.replace(aParked(2), true)).toBe(false);
  });

  test('adds only deliveries that are not stored yet, with their backlog entries', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany([aDelivered(1)]);
    await deliveries.replace(aDelivery(2));
    const fresh = Array.from({ length: 40 }, (_, index) => aParked(index + 1));
    const added = await deliveries.addMany(fresh);
    expect([...added]).toEqual(fresh.slice(2));
    expect(await deliveries.addMany([])).toEqual(new Set());
    expect(byEvent(await deliveries.getMany(fresh))).toEqual(written(aDelivered(1), aDelivery(2), ...fresh.slice(2)));
    const entries = await deliveries.listBacklog('sub_1', 100, undefined);
    expect(entries.map(({ event }) => event)).toEqual(fresh.slice(2).map(({ event }) => event));
    clock.advance((retentionDays + 1) * msPerDay);
    expect([...(await deliveries.addMany([aParked(1)]))]).toHaveLength(1);
    expect(await deliveries.getMany([aParked(1)])).toEqual(written(aParked(1)));
  });

  test('lets one of many concurrent replacements succeed', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aDelivery(1)]);
    const replacing = Array.from({ length: 8 }, () => deliveries.replace({ ...aDelivered(1), revision: 1 }));
    expect((await Promise.all(replacing)).filter((replaced) => replaced)).toHaveLength(1);
  });

  test('puts and gets more deliveries than one request takes', async () => {
    const { deliveries } = await open();
    const all = Array.from({ length: 120 }, (_, index) => aDelivery(index + 1));
    await deliveries.putMany(all);
    expect(byEvent(await deliveries.getMany(all))).toEqual(written(...all));
  });

  test('counts expired deliveries as absent', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany([aDelivery(1)]);
    clock.advance((retentionDays + 1) * msPerDay);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual([]);
    expect((await deliveries.list('sub_1', 10, undefined)).items).toEqual([]);
  });
});

describe.each(implementations)('backlog on %s', (_, open) => {
  const eventsIn = async ({ deliveries }: Deliveries, subscription = 'sub_1') =>
    (await deliveries.listBacklog(subscription, 100, undefined)).map(({ event }) => event);

  test('lists only the entries of an endpoint, in the order of the sequence, page by page', async () => {
    const { deliveries } = await open();
    const numbers = [9, 100, 2, 10, 30_000, 1];
    await deliveries.putMany(numbers.map((number) => aParked(number)));
    await deliveries.putMany([aParked(3, { subscription: 'sub_2' }), aDelivery(4), aDelivered(5)]);
    const events: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await deliveries.listBacklog('sub_1', 2, after);
      expect(page.length).toBeLessThanOrEqual(2);
      events.push(...page.map(({ event }) => event));
      after = page.at(-1)?.place;
      if (after === undefined) break;
    }
    expect(events).toEqual([1, 2, 9, 10, 100, 30_000].map((number) => `evt_${number}`));
  });

  test('lists replayed deliveries last, but a delivery that a person sends again in its usual place', async () => {
    const opened = await open();
    await opened.deliveries.putMany([
      aParked(1, { replay: 'rpl_1' }),
      aParked(2, { replay: 'manual' }),
      aParked(3),
      aParked(10, { replay: 'rpl_1' }),
    ]);
    expect(await eventsIn(opened)).toEqual(['evt_2', 'evt_3', 'evt_1', 'evt_10']);
    await opened.deliveries.putMany([
      aParked(4, { scope: '*', subscription: 'sub_2', replay: 'rpl_2' }),
      aParked(5, { scope: '*', subscription: 'sub_2' }),
    ]);
    expect(await eventsIn(opened, 'sub_2')).toEqual(['evt_5', 'evt_4']);
  });

  test('lists the events of several tenants in the order of time', async () => {
    const opened = await open();
    await opened.deliveries.putMany([
      aParked(3, { scope: '*', tenant: 'globex', sequence: 1 }),
      aParked(1, { scope: '*', tenant: 'acme', sequence: 900 }),
      aParked(2, { scope: '*', tenant: 'initech', sequence: 5 }),
    ]);
    expect(await eventsIn(opened)).toEqual(['evt_1', 'evt_2', 'evt_3']);
  });

  test('adds and removes entries in one call with the records of their deliveries', async () => {
    const opened = await open();
    const { deliveries } = opened;
    await deliveries.putMany([1, 2, 3].map((number) => aParked(number)));
    const [first, second] = await deliveries.listBacklog('sub_1', 2, undefined);
    if (first === undefined || second === undefined) throw new Error('no delivery waits');
    expect(await deliveries.getMany([first])).toEqual(written(aParked(1)));
    // A run that finds this attempt done knows that the entry is stale.
    expect(first.attempt).toBe(aParked(1).attemptCount + 1);
    await deliveries.putMany([aDelivered(1)], [first, second]);
    expect(await eventsIn(opened)).toEqual(['evt_3']);
    expect(byEvent(await deliveries.getMany([first, second]))).toEqual(written(aDelivered(1), aParked(2)));
    await deliveries.putMany([], []);
  });

  test('gets an entry when a delivery is replaced, and again when the entry was lost', async () => {
    const opened = await open();
    const { deliveries } = opened;
    await deliveries.replace(aParked(1));
    expect(await eventsIn(opened)).toEqual(['evt_1']);
    await deliveries.putMany([], await deliveries.listBacklog('sub_1', 1, undefined));
    expect(await eventsIn(opened)).toEqual([]);
    await deliveries.remind([aParked(1), aDelivered(2)]);
    expect(await eventsIn(opened)).toEqual(['evt_1']);
    // A delivery has one place, so a second reminder adds no entry.
    await deliveries.remind([aParked(1)]);
    expect(await eventsIn(opened)).toEqual(['evt_1']);
  });

  test('takes more entries than one request', async () => {
    const { deliveries } = await open();
    await deliveries.putMany(Array.from({ length: 60 }, (_, index) => aParked(index + 1)));
    const entries = await deliveries.listBacklog('sub_1', 100, undefined);
    expect(entries).toHaveLength(60);
    await deliveries.putMany(
      Array.from({ length: 60 }, (_, index) => aDelivered(index + 1)),
      entries,
    );
    expect(await deliveries.listBacklog('sub_1', 100, undefined)).toEqual([]);
  });

  test('lists each entry once and in order, with pages of any size', async () => {
    const { deliveries } = await open();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { maxLength: 120 }),
        fc.integer({ min: 1, max: 50 }),
        async (numbers, limit) => {
          runs += 1;
          const subscription = `sub_${runs}`;
          const isReplayed = (number: number) => number % 5 === 0;
          await deliveries.putMany(
            numbers.map((number) =>
              aParked(number, { subscription, replay: isReplayed(number) ? 'rpl_1' : undefined }),
            ),
          );
          const seen: number[] = [];
          for (let after: string | undefined, isLast = false; !isLast; ) {
            const page = await deliveries.listBacklog(subscription, limit, after);
            seen.push(...page.map(({ event }) => Number(event.slice('evt_'.length))));
            after = page.at(-1)?.place;
            isLast = page.length < limit;
          }
          const rising = numbers.toSorted((a, b) => a - b);
          expect(seen).toEqual([...rising.filter((one) => !isReplayed(one)), ...rising.filter(isReplayed)]);
          expect(await deliveries.countBacklog(subscription, 1_000)).toEqual({
            count: numbers.length,
            isComplete: true,
          });
        },
      ),
      propertyRuns(8, 40),
    );
  });

  test('does not appear in lists of deliveries', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aParked(1)]);
    expect((await deliveries.list('sub_1', 10, undefined)).items).toEqual(written(aParked(1)));
  });

  test('lists expired entries like any other, so that a page of them hides no entry behind it', async () => {
    const opened = await open();
    const { deliveries } = opened;
    await deliveries.putMany(Array.from({ length: 100 }, (_, index) => aParked(index + 1)));
    opened.clock.advance((retentionDays + 1) * msPerDay);
    await deliveries.putMany([aParked(101)]);
    const page = await deliveries.listBacklog('sub_1', 100, undefined);
    expect(page).toHaveLength(100);
    expect(await deliveries.getMany(page)).toEqual([]);
    const rest = await deliveries.listBacklog('sub_1', 100, page.at(-1)?.place);
    expect(rest.map(({ event }) => event)).toEqual(['evt_101']);
    expect(await deliveries.countBacklog('sub_1', 1_000)).toEqual({ count: 1, isComplete: true });
    await deliveries.putMany([], page);
    expect(await eventsIn(opened)).toEqual(['evt_101']);
  });
});

describe.each(implementations)('due index on %s', (_, open) => {
  const at = (time: string) => `2026-11-21T${time}.000Z`;
  const listAll = async ({ deliveries }: Deliveries, until: string, limit = 100): Promise<readonly DueEntry[]> => {
    const shards = Array.from({ length: dueShards }, (_, shard) =>
      deliveries.listDue(shard, Date.parse(at(until)), limit),
    );
    return (await Promise.all(shards)).flat();
  };
  const eventsOf = (entries: readonly DueEntry[]) => entries.map(({ event }) => event).sort();

  test('lists deliveries that are due up to and including an instant, and none from a backlog', async () => {
    const opened = await open();
    await opened.deliveries.putMany([aDue(1, at('13:00:00')), aDue(2, at('14:00:00')), aDue(3, at('14:00:01'))]);
    await opened.deliveries.putMany([aDelivery(4), aParked(5), aDelivered(6)]);
    await opened.deliveries.replace(aDue(7, at('13:30:00')));
    expect(eventsOf(await listAll(opened, '12:59:59'))).toEqual([]);
    expect(eventsOf(await listAll(opened, '14:00:00'))).toEqual(['evt_1', 'evt_2', 'evt_7']);
    expect(await opened.deliveries.getMany(await listAll(opened, '13:00:00'))).toEqual(
      written(aDue(1, at('13:00:00'))),
    );
  });

  test('spreads deliveries over shards, and lists a shard’s earliest deliveries first, up to the limit', async () => {
    const opened = await open();
    const { deliveries } = opened;
    const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
    const dueAt = (number: number) => new Date(Date.parse(at('13:00:00')) + ((number * 37) % 200) * 1000).toISOString();
    await deliveries.putMany(numbers.map((number) => aDue(number, dueAt(number))));
    const all = await listAll(opened, '23:00:00');
    expect(all).toHaveLength(200);
    expect(new Set(all.map(({ shard }) => shard)).size).toBe(dueShards);
    for (let shard = 0; shard < dueShards; shard += 1) {
      const own = all.filter((entry) => entry.shard === shard).map(({ dueAtMs }) => dueAtMs);
      expect(own).toEqual([...own].sort((a, b) => a - b));
      const first = await deliveries.listDue(shard, Date.parse(at('23:00:00')), 2);
      expect(first.map(({ dueAtMs }) => dueAtMs)).toEqual(own.slice(0, 2));
    }
  });

  test('keeps separate entries for each subscription of an event, and for each instant of a delivery', async () => {
    const opened = await open();
    await opened.deliveries.putMany([aDue(1, at('13:00:00')), aDue(1, at('13:00:00'), { subscription: 'sub_2' })]);
    await opened.deliveries.putMany([aDue(1, at('15:00:00'))]);
    expect((await listAll(opened, '13:00:00')).map(({ subscription }) => subscription).sort()).toEqual([
      'sub_1',
      'sub_2',
    ]);
    const entries = await listAll(opened, '16:00:00');
    expect(entries).toHaveLength(3);
    // The delivery's record says which of the two instants is valid.
    expect((await opened.deliveries.getMany(entries)).map(({ nextAttemptAt = '' }) => nextAttemptAt).sort()).toEqual([
      at('13:00:00'),
      at('15:00:00'),
    ]);
  });

  test('lists expired entries like any other, page by page', async () => {
    const opened = await open();
    const { deliveries, clock } = opened;
    const one = aDue(1, at('13:00:00'));
    const shard = shardOf(one.event);
    await deliveries.putMany(Array.from({ length: 7 }, (_, index) => ({ ...one, subscription: `sub_${index}` })));
    clock.advance((retentionDays + 1) * msPerDay);
    const live = new Date(clock.nowMs()).toISOString();
    await deliveries.putMany([{ ...one, nextAttemptAt: live }]);
    const due = clock.nowMs();
    const first = await deliveries.listDue(shard, due, 7);
    expect(first.map(({ subscription }) => subscription)).toEqual([0, 1, 2, 3, 4, 5, 6].map((at) => `sub_${at}`));
    const rest = await deliveries.listDue(shard, due, 7, first.at(-1));
    expect(rest.map(({ dueAtMs }) => dueAtMs)).toEqual([due]);
    await deliveries.removeDue(first);
    expect(await deliveries.listDue(shard, due, 7)).toEqual(rest);
  });

  test('keeps a delivery and its entry until it is due, however soon rows expire', async () => {
    const opened = await open();
    const nextAttemptAt = new Date(opened.clock.nowMs() + (retentionDays + 5) * msPerDay).toISOString();
    await opened.deliveries.putMany([aDue(1, nextAttemptAt)]);
    opened.clock.advance((retentionDays + 6) * msPerDay);
    const entries = await opened.deliveries.listDue(shardOf('evt_1'), opened.clock.nowMs(), 10);
    expect(await opened.deliveries.getMany(entries)).toEqual(written(aDue(1, nextAttemptAt)));
    opened.clock.advance(2 * msPerDay);
    expect(await opened.deliveries.getMany(entries)).toEqual([]);
  });

  test('removes only entries', async () => {
    const opened = await open();
    await opened.deliveries.putMany([aDue(1, at('13:00:00')), aDue(2, at('13:00:00')), aDue(3, at('18:00:00'))]);
    await opened.deliveries.removeDue(await listAll(opened, '14:00:00'));
    await opened.deliveries.removeDue([]);
    expect(eventsOf(await listAll(opened, '23:00:00'))).toEqual(['evt_3']);
    expect(await opened.deliveries.getMany([aDelivery(1)])).toHaveLength(1);
  });
});

describe.each(implementations)('delivery log on %s', (_, open) => {
  test('lists the deliveries of a subscription newest first, page by page', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([3, 1, 5, 2, 4].map((number) => aDelivery(number)));
    await deliveries.putMany([aDelivery(6, { subscription: 'sub_2' })]);
    const pages = await readAllPages((after) => deliveries.list('sub_1', 2, after));
    expect(pages.flat()).toEqual(written(...[5, 4, 3, 2, 1].map((number) => aDelivery(number))));
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });

  /** A model of lists: it sorts. */
  const keyOf = ({ timestamp, event }: Delivery) => `${timestamp}#${event}`;
  const newestFirst = (all: readonly Delivery[]) => [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : -1));
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { maxLength: 60 });

  test('lists each delivery once and in order, whatever is added between pages or dropped by a filter', async () => {
    const { deliveries } = await open();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        numbers,
        numbers,
        fc.integer({ min: 1, max: 25 }),
        // Few instants, so that many deliveries share one.
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(undefined, 'delivered' as const),
        async (first, late, limit, instants, state) => {
          runs += 1;
          const subscription = `sub_${runs}`;
          const toDelivery = (number: number): Delivery => ({
            ...aDelivery(number, { subscription, revision: 1 }),
            timestamp: aDelivery(number % instants).timestamp,
            state: number % 3 === 0 ? 'delivered' : 'retrying',
          });
          const stored = new Map<number, Delivery>();
          const put = async (some: readonly number[]) => {
            for (const number of some) stored.set(number, toDelivery(number));
            await deliveries.putMany(some.map((number) => ({ ...toDelivery(number), revision: 0 })));
          };
          const isListed = (one: Delivery) => state === undefined || one.state === state;
          const readPage = (after: string | undefined) =>
            listDeliveries({ deliveries }, subscription, { state, limit, after });

          await put(first);
          const firstPage = await readPage(undefined);
          await put(late.filter((number) => !first.includes(number)));
          const rest =
            firstPage.next === undefined ? [] : await readAllPages(async (after) => readPage(after ?? firstPage.next));
          const seen = [...firstPage.items, ...rest.flat()];
          const after = firstPage.next;
          const expected = [
            ...newestFirst(first.map(toDelivery)).filter((one) => after === undefined || keyOf(one) >= after),
            ...newestFirst([...stored.values()]).filter((one) => after !== undefined && keyOf(one) < after),
          ].filter(isListed);
          expect(seen.map(keyOf)).toEqual(expected.map(keyOf));
          expect(seen).toEqual(expected);
          for (const page of [firstPage.items, ...rest]) expect(page.length).toBeLessThanOrEqual(limit);
        },
      ),
      propertyRuns(8, 50),
    );
  });

  test('searches several subscriptions newest first, with pages of any size, also where they share events', async () => {
    const { deliveries } = await open();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 30 })), { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.option(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }))),
        async (pairs, limit, between) => {
          runs += 1;
          const subscriptions = [0, 1, 2].map((one) => `sub_${runs}_${one}`);
          const named = new Map(
            pairs.map(([owner, number]) => {
              const one = aDelivery(number, { subscription: subscriptions[owner] ?? '', revision: 1 });
              return [deliveries.placeOf(one), one];
            }),
          );
          await deliveries.putMany([...named.values()].map((one) => ({ ...one, revision: 0 })));
          const [first, last] = between ?? [undefined, undefined];
          const range = {
            since: first === undefined ? undefined : aDelivery(first).timestamp,
            until: last === undefined ? undefined : aDelivery(last).timestamp,
          };
          const pages = await readAllPages((after) => deliveries.search(subscriptions, range, limit, after));
          const expected = [...named.values()]
            .filter(({ timestamp }) => timestamp >= (range.since ?? '') && timestamp <= (range.until ?? '~'))
            .sort((a, b) =>
              keyOf(a) === keyOf(b) ? (a.subscription < b.subscription ? -1 : 1) : keyOf(a) < keyOf(b) ? 1 : -1,
            );
          expect(pages.flat()).toEqual(expected);
          // Any delivery is a place where a page may begin.
          const [middle] = expected.slice(Math.floor(expected.length / 2));
          if (middle === undefined) return;
          const rest = await deliveries.search(subscriptions, range, 100, deliveries.placeOf(middle));
          expect(rest.items).toEqual(expected.slice(Math.floor(expected.length / 2) + 1));
        },
      ),
      propertyRuns(10, 60),
    );
  });

  test('lists deliveries that are all in one partition', async () => {
    const { deliveries } = await open();
    const inOneShard = Array.from({ length: 2_000 }, (_, index) => index).filter(
      (number) => shardOf(`evt_${number}`, deliveryShards) === 5,
    );
    await deliveries.putMany(inOneShard.map((number) => aDelivery(number)));
    const pages = await readAllPages((after) => deliveries.list('sub_1', 40, after));
    expect(pages.flat().map(({ sequence }) => sequence)).toEqual(inOneShard.toReversed());
  });

  test('skips expired deliveries', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany(Array.from({ length: 120 }, (_, index) => aDelivery(index + 100)));
    clock.advance((retentionDays + 1) * msPerDay);
    await deliveries.putMany([1, 2, 3, 300].map((number) => aDelivery(number)));
    const pages = await readAllPages((after) => deliveries.list('sub_1', 10, after));
    expect(pages.flat().map(({ sequence }) => sequence)).toEqual([300, 3, 2, 1]);
  });

  test('finds a delivery by its key', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany([aDelivery(1)]);
    expect(await deliveries.find(aDelivery(1))).toEqual({ ...aDelivery(1), revision: 1 });
    expect(await deliveries.find(aDelivery(1, { subscription: 'sub_2' }))).toBeUndefined();
    clock.advance((retentionDays + 1) * msPerDay);
    expect(await deliveries.find(aDelivery(1))).toBeUndefined();
  });
});

test('DynamoDB spreads the deliveries and the backlog of one subscription over all shards', async () => {
  const client = tables.client();
  const table = await tables.create('deliveries');
  const options = { clock: createManualClock(), retentionDays };
  const deliveries = createDynamoDeliveryStore(client, table, options);
  await deliveries.putMany(Array.from({ length: 400 }, (_, index) => aParked(index)));
  const { Items = [] } = await client.send(new ScanCommand({ TableName: table }));
  const rowsIn = (prefix: string) => {
    const partitions = Items.map((item) => item['subscription']?.S ?? '').filter((name) => name.startsWith(prefix));
    return [...Map.groupBy(partitions, (name) => name).values()].map((rows) => rows.length);
  };
  for (const [prefix, shards] of [
    ['delivery#sub_1#', deliveryShards],
    ['backlog#sub_1#', backlogShards],
  ] as const) {
    expect(rowsIn(prefix)).toHaveLength(shards);
    expect(Math.max(...rowsIn(prefix))).toBeLessThan((2 * 400) / shards);
  }
});

test('one query per partition reads a page of deliveries from DynamoDB, with few surplus rows', async () => {
  const client = tables.client();
  const table = await tables.create('deliveries');
  const options = { clock: createManualClock(), retentionDays };
  const store = createDynamoDeliveryStore(client, table, options);
  const log = createDynamoDeliveryLog(client, table, options.clock);
  await store.putMany(Array.from({ length: 1_000 }, (_, index) => aDelivery(index)));
  const limits: number[] = [];
  client.middlewareStack.add(
    (next) => (call) => {
      limits.push(Number((call.input as { readonly Limit?: number }).Limit));
      return next(call);
    },
    { name: 'noteLimits', step: 'initialize' },
  );
  onTestFinished(() => void client.middlewareStack.remove('noteLimits'));
  expect((await log.list('sub_1', 50, undefined)).items).toHaveLength(50);
  expect(limits.length).toBeLessThanOrEqual(deliveryShards + 2);
  expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThan(4 * 50);
});

test('DynamoDB gets no entry for a delivery that was not stored, because a reader would remove it', async () => {
  const clock = createManualClock();
  const client = tables.client();
  const deliveries = createDynamoDeliveryStore(client, await tables.create('deliveries'), { clock, retentionDays });
  let writes = 0;
  client.middlewareStack.add(
    (next, { commandName }) =>
      (call) => {
        if (commandName === 'BatchWriteItemCommand') writes += 1;
        return commandName === 'BatchWriteItemCommand' && writes === 1 ? Promise.reject(new Error('lost')) : next(call);
      },
    { name: 'failFirstWrite', step: 'initialize' },
  );
  onTestFinished(() => void client.middlewareStack.remove('failFirstWrite'));
  const all = Array.from({ length: 60 }, (_, index) => aParked(index + 1));
  await expect(deliveries.putMany(all)).rejects.toThrow('lost');
  const entries = await deliveries.listBacklog('sub_1', 100, undefined);
  expect(await deliveries.getMany(entries)).toHaveLength(entries.length);
  await deliveries.putMany(all);
  expect(await deliveries.listBacklog('sub_1', 100, undefined)).toHaveLength(60);
});

describe.each(implementations)('delivery statistics on %s', (_, open) => {
  const at = (number: number) => aDelivery(number).timestamp;

  test('use the newest deliveries of a time range, its begin included and its end excluded', async () => {
    const { deliveries } = await open();
    await deliveries.putMany(Array.from({ length: 9 }, (_, index) => aDelivered(index)));
    await deliveries.putMany([aDelivered(4), aDelivery(4, { subscription: 'sub_2' }), aParked(5)]);
    const range = { since: at(2), until: at(6) };
    expect(await deliveries.listNewest('sub_1', range, 10)).toEqual({
      items: written(aParked(5), aDelivered(4), aDelivered(3), aDelivered(2)),
      isComplete: true,
    });
    expect(await deliveries.listNewest('sub_1', range, 3)).toEqual({
      items: written(aParked(5), aDelivered(4), aDelivered(3)),
      isComplete: false,
    });
    expect(await deliveries.listNewest('sub_3', range, 3)).toEqual({ items: [], isComplete: true });
    for (const until of [at(2), at(1)])
      expect(await deliveries.listNewest('sub_1', { since: at(2), until }, 3)).toEqual({ items: [], isComplete: true });
  });

  test('read the newest deliveries over several pages', async () => {
    const { deliveries } = await open();
    const response = 'x'.repeat(100_000);
    const [attempt] = aDelivered(0).attempts;
    if (attempt === undefined) throw new Error('the sample has an attempt');
    await deliveries.putMany(
      Array.from({ length: 30 }, (_, index) => ({ ...aDelivered(index), attempts: [{ ...attempt, response }] })),
    );
    const { items, isComplete } = await deliveries.listNewest('sub_1', { since: at(0), until: at(100) }, 1_000);
    expect(items.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 30 }, (_, index) => 29 - index));
    expect(isComplete).toBe(true);
  });

  test('read only a few pages where one partition has many rows', async () => {
    const { deliveries } = await open();
    const [attempt] = aDelivered(0).attempts;
    if (attempt === undefined) throw new Error('the sample has an attempt');
    const attempts = [{ ...attempt, response: 'x'.repeat(100_000) }];
    const numbers = Array.from({ length: 1_000 }, (_, index) => index)
      .filter((number) => shardOf(`evt_${number}`, deliveryShards) === 5)
      .slice(0, 40);
    await deliveries.putMany(numbers.map((number) => ({ ...aDelivered(number), attempts })));
    const { items, isComplete } = await deliveries.listNewest('sub_1', { since: at(0), until: at(10_000) }, 1_000);
    expect(items.map(({ sequence }) => sequence)).toEqual(numbers.toReversed().slice(0, items.length));
    expect(isComplete).toBe(items.length === numbers.length);
  });

  test('leave out expired deliveries', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany([aParked(1)]);
    clock.advance((retentionDays + 1) * msPerDay);
    expect(await deliveries.listNewest('sub_1', { since: at(0), until: at(9) }, 10)).toEqual({
      items: [],
      isComplete: true,
    });
    expect(await deliveries.countBacklog('sub_1', 10)).toEqual({ count: 0, isComplete: true });
  });

  test('count only the backlog of the subscription, up to a limit', async () => {
    const { deliveries } = await open();
    await deliveries.putMany(Array.from({ length: 5 }, (_, index) => aParked(index)));
    await deliveries.putMany([aDelivered(7), aDelivery(8), aParked(9, { subscription: 'sub_2' })]);
    expect(await deliveries.countBacklog('sub_1', 10)).toEqual({ count: 5, isComplete: true });
    expect(await deliveries.countBacklog('sub_1', 4)).toEqual({ count: 4, isComplete: false });
    expect(await deliveries.countBacklog('sub_3', 4)).toEqual({ count: 0, isComplete: true });
  });
});
