import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../../lambdas/engine/delivery/delivery.ts';
import { newDelivery } from '../../../lambdas/engine/delivery/record-attempt.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { createRejectionCounter } from '../../../lambdas/flows/ingest/count-rejections.ts';
import { createNormalizationCounter } from '../../../lambdas/flows/normalize/count-normalizations.ts';
import { normalizeWebhooks } from '../../../lambdas/flows/normalize/normalize-webhooks.ts';
import { readStatistics, type StatisticsQuery } from '../../../lambdas/flows/statistics/read-statistics.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anAccount, aSubscription } from '../../fakes/samples.ts';
import { rawMessage } from '../provider-request.ts';

const msPerHour = 3_600_000;
const nowMs = Date.parse('2026-11-21T12:00:00.000Z');

function aDelivery(number: number, change: Partial<Delivery> = {}): Delivery {
  const job = {
    subscription: 'sub_1',
    scope: 'acme',
    event: `evt_${number}`,
    tenant: 'acme',
    sequence: number,
    timestamp: new Date(nowMs - 10_000_000 + number * 1_000).toISOString(),
  };
  return { ...newDelivery(job), state: 'delivered', ...change };
}

const aParked = (number: number, change: Partial<Delivery> = {}) =>
  aDelivery(number, { state: 'waiting', waitsIn: 'backlog', ...change });

const read = (engine: FakeEngine, query: Partial<StatisticsQuery> = {}) =>
  readStatistics(engine, {
    tenant: undefined,
    subscriptions: [],
    sinceMs: nowMs - 24 * msPerHour,
    untilMs: nowMs,
    ...query,
  });

async function firstOf(engine: FakeEngine, query: Partial<StatisticsQuery> = {}) {
  const { subscriptions } = await read(engine, { subscriptions: [aSubscription()], ...query });
  const [first] = subscriptions;
  if (first === undefined) throw new Error('expected one subscription');
  return first;
}

describe('by subscription', () => {
  test('each requested subscription has an entry, in the requested order, with or without deliveries', async () => {
    const engine = createFakeEngine();
    await engine.deliveries.putMany([aDelivery(1, { subscription: 'sub_2' })]);
    const asked = ['sub_3', 'sub_2', 'sub_1'].map((id) => aSubscription({ id }));
    const { subscriptions, window } = await read(engine, { subscriptions: asked });
    expect(subscriptions.map(({ subscription }) => subscription)).toEqual(asked);
    expect(subscriptions.map(({ deliveries }) => deliveries.total)).toEqual([0, 1, 0]);
    expect(window).toEqual({ since: '2026-11-20T12:00:00.000Z', until: '2026-11-21T12:00:00.000Z' });
    expect(subscriptions[0]).toMatchObject({
      sample: { deliveries: 0, ...window, isComplete: true },
      successRate: undefined,
      backlog: { count: 0, isComplete: true },
      oldestWaitingAt: undefined,
    });
  });

  test('only deliveries of events in the window count', async () => {
    const engine = createFakeEngine();
    await engine.deliveries.putMany([1, 2, 3, 4].map((number) => aDelivery(number)));
    const at = (number: number) => Date.parse(aDelivery(number).timestamp);
    const { deliveries, sample } = await firstOf(engine, { sinceMs: at(2), untilMs: at(4) });
    expect(deliveries.total).toBe(2);
    expect(sample).toMatchObject({ deliveries: 2, since: aDelivery(2).timestamp, until: aDelivery(4).timestamp });
  });

  test('if there are too many, only the newest count, and the sample is marked incomplete', async () => {
    const engine = createFakeEngine();
    await engine.deliveries.putMany(
      Array.from({ length: 1_300 }, (_, index) => aDelivery(index, { state: index < 300 ? 'exhausted' : 'delivered' })),
    );
    const { deliveries, successRate, sample } = await firstOf(engine);
    expect(deliveries.total).toBe(1_000);
    expect(successRate).toBe(1);
    expect(sample).toEqual({
      deliveries: 1_000,
      since: aDelivery(300).timestamp,
      until: '2026-11-21T12:00:00.000Z',
      isComplete: false,
    });
  });

  test('the backlog of any time is counted, up to a bound', async () => {
    const engine = createFakeEngine();
    await engine.deliveries.putMany(Array.from({ length: 10_001 }, (_, index) => aParked(index)));
    const { backlog } = await firstOf(engine, { sinceMs: nowMs, untilMs: nowMs + 1 });
    expect(backlog).toEqual({ count: 10_000, isComplete: false });
  });

  test('the oldest waiting event may be older than the window if it waits in the backlog', async () => {
    const engine = createFakeEngine();
    const longAgo = '2026-11-10T00:00:00.000Z';
    const retrying = { state: 'retrying', waitsIn: 'queue', nextAttemptAt: '2026-11-21T13:00:00.000Z' } as const;
    await engine.deliveries.putMany([aDelivery(1), aDelivery(2, retrying), aDelivery(3, retrying)]);
    expect((await firstOf(engine)).oldestWaitingAt).toBe(aDelivery(2).timestamp);
    await engine.deliveries.putMany([aParked(4, { timestamp: longAgo }), aParked(5)]);
    expect(await firstOf(engine)).toMatchObject({
      oldestWaitingAt: longAgo,
      backlog: { count: 2 },
      deliveries: { retrying: 2, waiting: 1 },
    });
  });
});

describe('by integration', () => {
  test('requests are counted for the calling tenant, and for all tenants together (invariant 3)', async () => {
    const engine = createFakeEngine();
    const hour = '2026-11-21T11';
    const add = (scope: string, verified: number) =>
      engine.statistics.add({ scope, integration: 'staff', hour, counts: { verified } });
    await Promise.all([add('acme', 1), add('globex', 2), add('*', 4)]);
    const verifiedOf = async (tenant: string | undefined) =>
      (await read(engine, { tenant })).integrations.items.map(({ integration, verified }) => [integration, verified]);
    expect(await verifiedOf('acme')).toEqual([['staff', 1]]);
    expect(await verifiedOf('globex')).toEqual([['staff', 2]]);
    expect(await verifiedOf('initech')).toEqual([]);
    expect(await verifiedOf(undefined)).toEqual([['staff', 7]]);
  });

  test.each([
    ['2026-11-21T10:30:00.000Z', '2026-11-21T12:30:00.000Z', 3, '2026-11-21T10:00:00.000Z', '2026-11-21T13:00:00.000Z'],
    ['2026-11-21T11:00:00.000Z', '2026-11-21T12:00:00.000Z', 1, '2026-11-21T11:00:00.000Z', '2026-11-21T12:00:00.000Z'],
    ['2026-11-21T11:59:59.999Z', '2026-11-21T12:00:00.001Z', 2, '2026-11-21T11:00:00.000Z', '2026-11-21T13:00:00.000Z'],
  ])('the hours from %s to %s are %i', async (from, to, hours, since, until) => {
    const engine = createFakeEngine();
    for (const hour of ['09', '10', '11', '12', '13'])
      await engine.statistics.add({
        scope: 'acme',
        integration: 'staff',
        hour: `2026-11-21T${hour}`,
        counts: { verified: 1 },
      });
    const { integrations, window } = await read(engine, { sinceMs: Date.parse(from), untilMs: Date.parse(to) });
    expect(window).toEqual({ since: from, until: to });
    expect(integrations.window).toEqual({ since, until });
    expect(integrations.isComplete).toBe(true);
    expect(integrations.items).toMatchObject([{ integration: 'staff', verified: hours }]);
  });
});

async function deliver(engine: FakeEngine): Promise<void> {
  const messages = engine.deliveryQueue.receive();
  const jobs = messages.flatMap(({ id, body }) => [JSON.parse(body)].flat().map((job) => ({ messageId: id, job })));
  await deliverEvents(engine.deliverPorts, jobs);
  for (const { id } of messages) engine.deliveryQueue.remove(id);
}

test('one report shows requests, their outcomes and the deliveries', async () => {
  const engine = createFakeEngine();
  await engine.accounts.create(anAccount());
  await engine.subscriptions.create(aSubscription());
  engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 503 : 200));
  await createRejectionCounter(engine.countPorts).count(
    { integration: 'staff', account: 'acc_acme' },
    {
      kind: 'rejected',
      reason: 'timestamp-too-old',
      reply: { accepted: { status: 200 }, rejected_status: 401, rejected_body: 'none' },
    },
  );
  const message = rawMessage('raw_1', [{ verb: 'created', id: '1' }]);
  const [normalization] = await normalizeWebhooks(engine.normalizePorts, [
    { messageId: 'm1', body: JSON.stringify(message), message },
  ]);
  if (normalization === undefined || normalization.kind === 'failed') throw new Error('expected a mapped request');
  await createNormalizationCounter(engine.countPorts).count([{ message, normalization }]);
  await deliver(engine);

  const statistics = await read(engine, {
    tenant: 'acme',
    subscriptions: [aSubscription()],
    untilMs: engine.clock.nowMs() + 1,
  });
  expect(statistics.integrations.items).toMatchObject([
    {
      integration: 'staff',
      verified: 1,
      rejected: { total: 1, byReason: { 'timestamp-too-old': 1 } },
      mapped: 1,
      published: 1,
    },
  ]);
  // The first event of a new endpoint waits for a drain.
  expect(statistics.subscriptions).toMatchObject([
    {
      deliveries: { total: 1, waiting: 1 },
      successRate: undefined,
      backlog: { count: 1, isComplete: true },
      oldestWaitingAt: '2026-11-21T12:00:00.000Z',
    },
  ]);

  const drain = async () => drainEndpoint(engine.drainPorts, { kind: 'drain', subscription: 'sub_1', scope: 'acme' });
  await drain();
  expect(await firstOf(engine, { untilMs: engine.clock.nowMs() + 1 })).toMatchObject({
    deliveries: { total: 1, retrying: 1 },
    successRate: undefined,
    attempts: { total: 1, retries: 0, byStatus: { 503: 1 } },
    backlog: { count: 0 },
    oldestWaitingAt: '2026-11-21T12:00:00.000Z',
  });

  engine.clock.advance(60_000);
  await deliver(engine);
  await drain();
  expect(await firstOf(engine, { untilMs: engine.clock.nowMs() + 1 })).toMatchObject({
    deliveries: { total: 1, delivered: 1 },
    successRate: 1,
    attempts: { total: 2, retries: 1, byClass: { '2xx': 1, '5xx': 1 }, byStatus: { 200: 1, 503: 1 } },
    backlog: { count: 0 },
    oldestWaitingAt: undefined,
  });
});
