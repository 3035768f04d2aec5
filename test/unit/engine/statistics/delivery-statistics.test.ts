import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CountedDelivery, deliveryStatistics } from '../../../../lambdas/engine/statistics/delivery-statistics.ts';

type Attempt = CountedDelivery['attempts'][number];

const anAttempt = (change: Partial<Attempt> = {}): Attempt => ({
  trigger: 'schedule',
  at: '2026-11-21T12:00:01.000Z',
  durationMs: 100,
  status: 200,
  error: undefined,
  ...change,
});

function aDelivery(attempts: readonly Attempt[], change: Partial<CountedDelivery> = {}): CountedDelivery {
  return {
    timestamp: '2026-11-21T12:00:00.000Z',
    state: 'delivered',
    replay: undefined,
    attemptCount: attempts.length,
    attempts,
    ...change,
  };
}

const noAnswer = (error: string, durationMs = 15_000) => anAttempt({ status: undefined, error, durationMs });

test('without deliveries there is neither a rate nor percentiles', () => {
  expect(deliveryStatistics([])).toEqual({
    deliveries: { total: 0, waiting: 0, retrying: 0, delivered: 0, exhausted: 0, cancelled: 0 },
    successRate: undefined,
    attempts: {
      total: 0,
      retries: 0,
      detailed: 0,
      byClass: { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, other: 0, noAnswer: 0 },
      byStatus: {},
      byError: {},
    },
    latencyMs: undefined,
    timeToDeliveryMs: undefined,
    oldestWaitingAt: undefined,
  });
});

test('counts one delivery at the first attempt', () => {
  expect(deliveryStatistics([aDelivery([anAttempt()])])).toMatchObject({
    deliveries: { total: 1, delivered: 1 },
    successRate: 1,
    attempts: { total: 1, retries: 0, detailed: 1, byStatus: { 200: 1 } },
    latencyMs: { p50: 100, p95: 100, p99: 100, max: 100 },
    timeToDeliveryMs: { p50: 1_100, p95: 1_100, p99: 1_100, max: 1_100 },
  });
});

test('counts attempts by their outcome', () => {
  const { attempts, latencyMs } = deliveryStatistics([
    aDelivery([anAttempt({ status: 503, durationMs: 30 }), noAnswer('ECONNREFUSED', 2), anAttempt({ status: 204 })]),
    aDelivery([noAnswer('refused: 10.0.0.7 is not public'), noAnswer('refused: 10.0.0.8 is not public')], {
      state: 'exhausted',
    }),
    aDelivery([anAttempt({ status: 301 }), anAttempt({ status: 404 }), anAttempt({ status: 999 })], {
      state: 'retrying',
    }),
    aDelivery([], { state: 'waiting' }),
  ]);
  expect(attempts).toEqual({
    total: 8,
    retries: 5,
    detailed: 8,
    byClass: { '2xx': 1, '3xx': 1, '4xx': 1, '5xx': 1, other: 1, noAnswer: 3 },
    byStatus: { 204: 1, 301: 1, 404: 1, 503: 1, 999: 1 },
    byError: { refused: 2, ECONNREFUSED: 1 },
  });
  expect(latencyMs).toMatchObject({ p50: 100, max: 15_000 });
});

test('counts attempts without stored details', () => {
  const { attempts } = deliveryStatistics([aDelivery([anAttempt({ status: 500 }), anAttempt()], { attemptCount: 45 })]);
  expect(attempts).toMatchObject({ total: 45, retries: 44, detailed: 2, byStatus: { 200: 1, 500: 1 } });
});

test('excludes attempts that sent nothing from the latency', () => {
  const { attempts, latencyMs } = deliveryStatistics([
    aDelivery([noAnswer('filter: undefined function', 0)], { state: 'retrying' }),
  ]);
  expect(attempts).toMatchObject({ byClass: { noAnswer: 1 }, byError: { filter: 1 } });
  expect(latencyMs).toBeUndefined();
});

test('counts frequent kinds of error by name, and sums up the others', () => {
  const errors = Array.from({ length: 30 }, (_, index) => noAnswer(`E${index}`));
  const { byError } = deliveryStatistics([
    aDelivery([...errors, noAnswer('E29'), noAnswer('x'.repeat(10_000)), noAnswer('x'.repeat(9_000))]),
  ]).attempts;
  expect(Object.keys(byError)).toHaveLength(21);
  expect(byError).toMatchObject({ E29: 2, ['x'.repeat(64)]: 2, other: 11 });
});

describe('the success rate', () => {
  test.each<[string, readonly CountedDelivery['state'][], number | undefined]>([
    ['covers deliveries that ended', ['delivered', 'delivered', 'delivered', 'exhausted'], 0.75],
    ['excludes deliveries that may still succeed', ['delivered', 'waiting', 'retrying'], 1],
    ['is undefined while no delivery has ended', ['waiting', 'retrying'], undefined],
    ['excludes cancelled deliveries', ['cancelled', 'cancelled'], undefined],
    ['is zero when all deliveries failed', ['exhausted', 'cancelled'], 0],
  ])('%s', (_, states, rate) => {
    expect(deliveryStatistics(states.map((state) => aDelivery([], { state }))).successRate).toBe(rate);
  });
});

describe('the time to delivery', () => {
  const timeOf = (delivery: CountedDelivery) => deliveryStatistics([delivery]).timeToDeliveryMs?.max;
  const late = anAttempt({ at: '2026-11-21T12:10:00.000Z' });

  test('ends with the answer that accepted the event', () => {
    expect(timeOf(aDelivery([anAttempt({ status: 500 }), late]))).toBe(600_100);
  });

  test.each([
    ['is not delivered', aDelivery([late], { state: 'retrying' })],
    ['was replayed', aDelivery([late], { replay: 'rpl_1' })],
    ['was retried manually', aDelivery([anAttempt({ status: 500 }), { ...late, trigger: 'manual' }])],
    ['has no attempt', aDelivery([])],
  ])('excludes an event that %s', (_, delivery) => {
    expect(timeOf(delivery)).toBeUndefined();
  });

  test('is never negative, even if clocks differ', () => {
    expect(timeOf(aDelivery([anAttempt({ at: '2026-11-21T11:59:59.000Z' })]))).toBe(0);
  });
});

test('the oldest waiting delivery is the one with the earliest event', () => {
  const ofHour = (hour: string, state: CountedDelivery['state']) =>
    aDelivery([], { state, timestamp: `2026-11-21T${hour}:00:00.000Z` });
  const all = [ofHour('09', 'waiting'), ofHour('08', 'retrying'), ofHour('10', 'waiting'), ofHour('07', 'delivered')];
  expect(deliveryStatistics(all).oldestWaitingAt).toBe('2026-11-21T08:00:00.000Z');
});

const anyAttempt: fc.Arbitrary<Attempt> = fc.record({
  trigger: fc.constantFrom('schedule' as const, 'probe' as const, 'manual' as const),
  at: fc.constantFrom('2026-11-21T11:00:00.000Z', '2026-11-21T13:00:00.000Z'),
  durationMs: fc.nat(20_000),
  status: fc.option(fc.integer({ min: 100, max: 999 }), { nil: undefined }),
  error: fc.option(fc.oneof(fc.constantFrom('other', '__proto__', 'a: b', ''), fc.string({ unit: 'binary' })), {
    nil: undefined,
  }),
});
const anyDelivery: fc.Arbitrary<CountedDelivery> = fc
  .record({
    state: fc.constantFrom<CountedDelivery['state']>('waiting', 'retrying', 'delivered', 'exhausted', 'cancelled'),
    replay: fc.option(fc.constant('rpl_1'), { nil: undefined }),
    attempts: fc.array(anyAttempt, { maxLength: 8 }),
    forgotten: fc.nat(3),
  })
  .map(({ forgotten, ...delivery }) =>
    aDelivery(delivery.attempts, {
      ...delivery,
      attemptCount: delivery.attempts.length + (delivery.attempts.length === 0 ? 0 : forgotten),
    }),
  );

test('every delivery has one state, every attempt one outcome, and every answer one status (property)', () => {
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, one) => total + one, 0);
  fc.assert(
    fc.property(fc.array(anyDelivery, { maxLength: 40 }), (all) => {
      const { deliveries, successRate, attempts } = deliveryStatistics(all);
      const { total, ...states } = deliveries;
      expect(total).toBe(all.length);
      expect(sum(states)).toBe(total);
      expect(attempts.total).toBe(all.reduce((count, { attemptCount }) => count + attemptCount, 0));
      expect(attempts.retries).toBe(attempts.total - all.filter((one) => one.attemptCount > 0).length);
      expect(sum(attempts.byClass)).toBe(attempts.detailed);
      expect(sum(attempts.byStatus)).toBe(attempts.detailed - attempts.byClass.noAnswer);
      expect(sum(attempts.byError)).toBe(attempts.byClass.noAnswer);
      expect(attempts.detailed).toBeLessThanOrEqual(attempts.total);
      expect(successRate ?? 0).toBeGreaterThanOrEqual(0);
      expect(successRate ?? 0).toBeLessThanOrEqual(1);
    }),
  );
});

test('the order of deliveries does not matter (property)', () => {
  fc.assert(
    fc.property(fc.array(anyDelivery, { maxLength: 10 }), (all) => {
      const { attempts, ...rest } = deliveryStatistics(all);
      expect(deliveryStatistics([...all].reverse())).toMatchObject({
        ...rest,
        attempts: { byClass: attempts.byClass },
      });
    }),
  );
});
