import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parked } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { deliveryOf } from '../../../lambdas/flows/deliver/drain/follow-ordered-feed.ts';
import { isEvent } from '../../../lambdas/flows/feed/gapless-rows.ts';
import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import { attemptNow, cancelDelivery } from '../../../lambdas/flows/subscriptions/manage-delivery.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { propertyRuns } from '../../property-runs.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
/** Rows that one BatchGetItem reads. */
const rowsPerRead = 100;

const subscription = aSubscription({ ordering: 'record', retry: { scheduleMs: [60 * minuteMs] } });

async function anEngine(change: Partial<Subscription> = {}): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create({ ...subscription, ...change });
  return engine;
}

const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);
const recordOf = ({ body }: CallbackRequest) => (JSON.parse(body) as { record_id: string }).record_id;
const recordsOf = (count: number, from: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => from(index));

/** One run of the drain. @returns Its DynamoDB read requests, by what they read. */
async function drainAndCount(engine: FakeEngine, change: Partial<FakeEngine['drainPorts']> = {}) {
  const reads = { backlog: 0, deliveries: 0, events: 0, feed: 0 };
  const { deliveries, events } = engine.drainPorts;
  const requestsFor = (keys: readonly unknown[]) => Math.ceil(keys.length / rowsPerRead);
  const ports = {
    ...engine.drainPorts,
    ...change,
    deliveries: {
      ...deliveries,
      listBacklog: (...args: Parameters<typeof deliveries.listBacklog>) => {
        reads.backlog += 1;
        return deliveries.listBacklog(...args);
      },
      getMany: (...args: Parameters<typeof deliveries.getMany>) => {
        reads.deliveries += requestsFor(args[0]);
        return deliveries.getMany(...args);
      },
    },
    events: {
      ...events,
      getMany: (...args: Parameters<typeof events.getMany>) => {
        reads.events += requestsFor(args[0]);
        return events.getMany(...args);
      },
      listAfter: (...args: Parameters<typeof events.listAfter>) => {
        reads.feed += 1;
        return events.listAfter(...args);
      },
    },
  };
  await drainEndpoint(ports, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
  return reads;
}

/** Publish rows into the backlog, behind the position in the feed, as after an outage of the endpoint. */
async function park(engine: FakeEngine, records: readonly string[]): Promise<readonly string[]> {
  const ids = await publishRecords(engine, records);
  const rows = (await engine.events.listAfter('acme', 0, 10_000)).filter((row) => isEvent(row));
  const waiting = rows.filter(({ id }) => ids.includes(id)).map((row) => parked(deliveryOf(subscription, row)));
  await engine.deliveries.addMany(waiting);
  const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
  if (state !== undefined) await engine.endpoints.replace({ ...state, position: rows.at(-1)?.sequence }, undefined);
  return ids;
}

/** Half a second for each post, ten concurrently: a round ends after a hundred posts. */
function answerSlowly(engine: FakeEngine, isWell: (record: string) => boolean): void {
  engine.callbacks.answerWith((request) => {
    engine.clock.advance(50);
    return answered(isWell(recordOf(request)) ? 204 : 500);
  });
}

const backlogSize = async (engine: FakeEngine) => (await engine.deliveries.countBacklog('sub_1', 10_000)).count;

describe('the rounds of one run read', () => {
  test('65 times when 1,951 rows wait behind one record and 1,000 others arrive (formerly 681 times)', async () => {
    const engine = await anEngine();
    engine.callbacks.answerWith((request) => answered(recordOf(request) === 'blocked' ? 500 : 204));
    await publishRecords(engine, ['blocked', 'well', 'good']);
    await letTimePass(engine, secondMs);
    for (let some = 0; some < 10; some += 1) {
      await publishRecords(
        engine,
        recordsOf(195, () => 'blocked'),
      );
      await letTimePass(engine, secondMs);
    }
    expect(await backlogSize(engine)).toBe(1_951);
    await publishRecords(
      engine,
      recordsOf(1_000, (index) => `record ${index % 50}`),
    );
    expect(await drainAndCount(engine)).toEqual({ backlog: 4, deliveries: 30, events: 20, feed: 11 });
    expect(engine.callbacks.requests).toHaveLength(1_003);
  });

  test('77 times when 2,000 rows wait, one record is blocked, and 894 are sent (formerly 412 times)', async () => {
    const engine = await anEngine();
    await park(
      engine,
      recordsOf(2_000, (index) => `record ${index % 20}`),
    );
    answerSlowly(engine, (record) => record !== 'record 7');
    expect(await drainAndCount(engine)).toEqual({ backlog: 12, deliveries: 37, events: 28, feed: 0 });
    expect(engine.callbacks.requests).toHaveLength(894);
    await letTimePass(engine, 2 * minuteMs);
    expect(engine.callbacks.requests).toHaveLength(1_901);
    expect(await backlogSize(engine)).toBe(100);
  });

  test('once each row that they park behind a blocked record (56 reads, formerly 117)', async () => {
    const engine = await anEngine();
    answerSlowly(engine, (record) => record !== 'blocked');
    await publishRecords(
      engine,
      recordsOf(1_000, (index) => (index % 2 === 0 ? 'blocked' : `record ${index % 50}`)),
    );
    expect(await drainAndCount(engine)).toEqual({ backlog: 11, deliveries: 22, events: 12, feed: 11 });
    expect(engine.callbacks.requests).toHaveLength(501);
    expect(await backlogSize(engine)).toBe(500);
  });
});

describe('a run continues', () => {
  /** Run an action once, at the given post. */
  function onPost(engine: FakeEngine, at: number, act: () => Promise<unknown>) {
    let posts = 0;
    return async (request: CallbackRequest) => {
      posts += 1;
      if (posts === at) await act();
      return engine.callbacks.post(request);
    };
  }

  test('with a record whose retry becomes due during the run, in its order', async () => {
    const engine = await anEngine({ retry: { scheduleMs: [10 * secondMs] } });
    let failures = 0;
    engine.callbacks.answerWith((request) => {
      engine.clock.advance(50);
      if (recordOf(request) !== 'late' || failures > 0) return answered(204);
      failures += 1;
      return answered(500);
    });
    const late = await publishRecords(engine, ['late', 'late', 'late']);
    await publishRecords(
      engine,
      recordsOf(700, (index) => (index === 350 ? 'late' : `record ${index % 50}`)),
    );
    await drainAndCount(engine);
    const ofLate = engine.callbacks.requests.filter((request) => recordOf(request) === 'late').map(idOf);
    expect(ofLate.slice(0, 4)).toEqual([late[0], late[0], late[1], late[2]]);
    expect(ofLate).toHaveLength(5);
    expect(engine.callbacks.requests).toHaveLength(704);
    expect(await backlogSize(engine)).toBe(0);
  });

  test.each(['sends', 'cancels'] as const)('soon with an event of a blocked record that a person %s', async (kind) => {
    const engine = await anEngine();
    let isWell = false;
    answerSlowly(engine, (record) => record !== 'blocked' || isWell);
    const [first, second] = await publishRecords(engine, ['blocked', 'blocked']);
    await publishRecords(
      engine,
      recordsOf(600, (index) => `record ${index % 50}`),
    );
    let askedAtMs = 0;
    let sentAtMs = 0;
    const post = onPost(engine, 150, async () => {
      isWell = true;
      askedAtMs = engine.clock.nowMs();
      const delivery = (await engine.deliveries.list('sub_1', 1_000, undefined)).items.find(
        ({ event }) => event === first,
      );
      if (delivery === undefined) throw new Error('no delivery');
      if (kind === 'sends') await attemptNow(engine.manageDeliveryPorts, subscription, delivery);
      else await cancelDelivery(engine.manageDeliveryPorts, delivery);
    });
    const callbacks = {
      ...engine.callbacks,
      async post(request: CallbackRequest) {
        const outcome = await post(request);
        if (idOf(request) === second) sentAtMs = engine.clock.nowMs();
        return outcome;
      },
    };
    await drainAndCount(engine, { callbacks });
    const ofBlocked = engine.callbacks.requests.filter((request) => recordOf(request) === 'blocked').map(idOf);
    expect(ofBlocked).toEqual(kind === 'sends' ? [first, first, second] : [first, second]);
    expect(sentAtMs - askedAtMs).toBeGreaterThan(0);
    expect(sentAtMs - askedAtMs).toBeLessThan(16 * secondMs);
  });

  test('with each of many records in turn, however many events of one record wait', async () => {
    const engine = await anEngine();
    await park(engine, [...recordsOf(400, () => 'much'), ...recordsOf(20, (index) => `record ${index}`)]);
    answerSlowly(engine, () => true);
    await drainAndCount(engine);
    const sent = engine.callbacks.requests.map(recordOf);
    for (const record of recordsOf(20, (index) => `record ${index}`)) expect(sent.indexOf(record)).toBeLessThan(100);
    expect(sent).toHaveLength(420);
  });

  test('with more rows than it remembers', async () => {
    const engine = await anEngine();
    const ids = await park(
      engine,
      recordsOf(5_000, (index) => `record ${index % 10}`),
    );
    await drainAndCount(engine);
    expect(engine.callbacks.requests.map(idOf).toSorted()).toEqual(ids);
    for (const record of recordsOf(10, (index) => `record ${index}`)) {
      const sent = engine.callbacks.requests.filter((request) => recordOf(request) === record).map(idOf);
      expect(sent).toEqual(sent.toSorted());
    }
  });
});

describe('whatever fails, and whenever events arrive', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('publish' as const),
      records: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 12 }),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 8 * minuteMs }) }),
  );

  test.each(['record', 'tenant'] as const)(
    'the events of each %s are sent one after the other, each when it is due (property)',
    async (ordering) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 3, maxLength: 12 }),
          fc.array(fc.record({ isWell: fc.boolean(), ms: fc.integer({ min: 0, max: 900 }) }), {
            minLength: 5,
            maxLength: 30,
          }),
          fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 }),
          async (steps, answers, interruptions) => {
            const engine = await anEngine({ ordering, retry: { scheduleMs: [5 * secondMs, 5 * minuteMs] } });
            const groupOf = (request: CallbackRequest) => (ordering === 'tenant' ? '' : recordOf(request));
            /** For each group: its events in the order of publication, and those the endpoint accepted. */
            const order = new Map<string, string[]>();
            const taken: string[] = [];
            const publishSome = async (records: readonly string[]) => {
              const ids = await publishRecords(engine, records);
              for (const [index, id] of ids.entries()) {
                const group = ordering === 'tenant' ? '' : (records[index] ?? '');
                order.set(group, [...(order.get(group) ?? []), id]);
              }
            };
            let posts = 0;
            engine.callbacks.answerWith(async (request) => {
              const stored = new Map(
                (await engine.deliveries.list('sub_1', 1_000, undefined)).items.map((one) => [one.event, one]),
              );
              const own = order.get(groupOf(request)) ?? [];
              for (const earlier of own.slice(0, own.indexOf(idOf(request))))
                expect(taken.includes(earlier) || stored.get(earlier)?.state === 'exhausted').toBe(true);
              const { nextAttemptAt } = stored.get(idOf(request)) ?? {};
              const dueAtMs = nextAttemptAt === undefined ? 0 : Date.parse(nextAttemptAt);
              expect(dueAtMs).toBeLessThanOrEqual(engine.clock.nowMs());
              const { isWell, ms } = answers[posts % answers.length] ?? { isWell: true, ms: 0 };
              posts += 1;
              engine.clock.advance(ms);
              if (interruptions.includes(posts)) await publishSome(['a', 'b', 'a']);
              if (isWell) taken.push(idOf(request));
              return answered(isWell ? 204 : 500);
            });
            for (const one of steps) {
              if (one.kind === 'publish') await publishSome(one.records);
              else await letTimePass(engine, one.ms);
            }
            engine.callbacks.answerWith((request) => {
              taken.push(idOf(request));
              return answered(204);
            });
            await letTimePass(engine, 30 * minuteMs);
            const { items } = await engine.deliveries.list('sub_1', 1_000, undefined);
            expect(items.map(({ event }) => event).toSorted()).toEqual([...order.values()].flat().toSorted());
            const delivered = items.filter(({ state }) => state === 'delivered').map(({ event }) => event);
            expect(taken.toSorted()).toEqual(delivered.toSorted());
            expect(items.filter(({ state }) => state !== 'delivered' && state !== 'exhausted')).toEqual([]);
            expect(await backlogSize(engine)).toBe(0);
          },
        ),
        propertyRuns(20, 200),
      );
    },
  );
});
