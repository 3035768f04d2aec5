import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import type { DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { dueShards, shardOf } from '../../../lambdas/contracts/shards.ts';
import type { EndpointState } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import { createDispatchHandler } from '../../../lambdas/functions/dispatch/handler.ts';
import { createDrainHandler } from '../../../lambdas/functions/drain/handler.ts';
import { createPreparedSubscriptions } from '../../../lambdas/functions/sending/prepared-subscriptions.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

const log = new Logger({ logLevel: 'SILENT' });
const toRecord = (body: string, index: number) => ({ messageId: `m${index}`, body }) as SQSRecord;

/** An engine with a subscription, and with these events in its backlog. */
async function prepare(ids: readonly string[]): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  await publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ owner: 'raw_1', event: anEvent({ id }) })),
  );
  for (let messages = engine.deliveryQueue.receive(); messages.length > 0; messages = engine.deliveryQueue.receive()) {
    await deliverEvents(
      engine.deliverPorts,
      messages.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) })),
    );
    for (const { id } of messages) engine.deliveryQueue.remove(id);
  }
  return engine;
}

function drainOn(engine: FakeEngine, ports: Partial<FakeEngine['drainPorts']> = {}) {
  const outcomes = createOutcomeTally();
  const handler = createDrainHandler({
    ports: { ...engine.drainPorts, ...ports },
    log,
    ...noTelemetry,
    outcomes,
    outcomesNow: outcomes,
  });
  const give = (...bodies: readonly string[]) => handler({ Records: bodies.map(toRecord) });
  return { outcomes, give, tell: (message: DrainMessage) => give(JSON.stringify(message)) };
}

const drainIt: DrainMessage = { kind: 'drain', subscription: 'sub_1', scope: 'acme' };

describe('a message of the drain queue', () => {
  test('sends a backlog, and counts each delivery', async () => {
    const engine = await prepare(['evt_1', 'evt_2', 'evt_3']);
    engine.callbacks.answerWith(({ headers }) => answered(headers['webhook-id'] === 'evt_2' ? 500 : 204));
    const { outcomes, tell } = drainOn(engine);
    expect(await tell(drainIt)).toEqual({ batchItemFailures: [] });
    expect(outcomes.sum('delivered')).toBe(2);
    expect(outcomes.sum('retried')).toBe(1);
  });

  test('that fails is redelivered, and its work before the failure is counted (invariant 9)', async () => {
    const ids = Array.from({ length: 250 }, (_, index) => `evt_${index}`);
    const engine = await prepare(ids);
    const { deliveries } = engine;
    let pages = 0;
    const failing = {
      ...deliveries,
      listBacklog: (...args: Parameters<typeof deliveries.listBacklog>) => {
        pages += 1;
        return pages === 2 ? Promise.reject(new Error('unavailable')) : deliveries.listBacklog(...args);
      },
    };
    const { outcomes, tell } = drainOn(engine, { deliveries: failing });
    expect(await tell(drainIt)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
    const before = outcomes.sum('delivered');
    expect(before).toBe(engine.callbacks.requests.length);
    expect(before).toBeGreaterThan(0);
    // The message is redelivered in seconds, and does not find the dead run registered as the drainer.
    engine.clock.advance(2_000);
    expect(await tell(drainIt)).toEqual({ batchItemFailures: [] });
    expect(outcomes.sum('delivered')).toBe(ids.length);
  });

  test('continues as soon as other runs have given back their leases of the endpoint', async () => {
    const engine = await prepare(['evt_1']);
    const key = { endpoint: 'sub_1', scope: 'acme' };
    const change = async (leases: EndpointState['leases']) => {
      const [state] = await engine.endpoints.getMany([key]);
      if (state !== undefined) await engine.endpoints.replace({ ...state, leases }, undefined);
    };
    const startedMs = engine.clock.nowMs();
    await change({ other: { slots: 10, untilMs: startedMs + 60_000 } });
    const pause = async (ms: number) => {
      engine.clock.advance(ms);
      await change({});
    };
    const { outcomes, tell } = drainOn(engine, { pause });
    await tell(drainIt);
    expect(outcomes.sum('delivered')).toBe(1);
    expect(engine.clock.nowMs() - startedMs).toBeLessThan(1_000);
  });

  test('disables a subscription whose endpoint only failed, although the run that noticed it died', async () => {
    const engine = await prepare(['evt_1']);
    engine.callbacks.answerWith(() => answered(500));
    const key = { endpoint: 'sub_1', scope: 'acme' };
    const [state] = await engine.endpoints.getMany([key]);
    if (state === undefined) throw new Error('no endpoint');
    const failingSinceMs = engine.clock.nowMs() - 6 * 86_400_000;
    await engine.endpoints.replace({ ...state, failingSinceMs, noticedPercent: 100 }, undefined);
    await drainOn(engine).tell(drainIt);
    expect(await engine.subscriptions.find('sub_1')).toMatchObject({
      status: 'disabled',
      disabled: { by: 'failures' },
    });
    expect(engine.notices.sent).toMatchObject([{ type: 'subscription.disabled' }]);
    expect(engine.operations.sum('subscription-disabled')).toBe(1);
  });

  test('continues a replay', async () => {
    const engine = await prepare(['evt_1']);
    const { tell, outcomes } = drainOn(engine);
    await tell(drainIt);
    const replay = await startReplay(engine.drainPorts, aSubscription(), {
      tenant: 'acme',
      mode: 'all',
      ratePerSecond: 50,
    });
    const message: DrainMessage = { kind: 'replay', replay: replay.id, subscription: 'sub_1', scope: 'acme' };
    expect(await tell(message)).toEqual({ batchItemFailures: [] });
    expect(await engine.replays.find('sub_1', replay.id)).toMatchObject({ state: 'done', replayed: 1 });
    await tell(drainIt);
    expect(outcomes.sum('delivered')).toBe(2);
    expect(engine.callbacks.requests.map(({ headers }) => headers['tributary-replay'])).toEqual([undefined, 'true']);
  });

  test('ends a replay whose subscription is gone', async () => {
    const engine = await prepare(['evt_1']);
    const request = { tenant: 'acme', mode: 'all', ratePerSecond: 50 } as const;
    const { id } = await startReplay(engine.drainPorts, aSubscription(), request);
    await engine.subscriptions.remove(aSubscription());
    const { tell } = drainOn(engine);
    await tell({ kind: 'replay', replay: id, subscription: 'sub_1', scope: 'acme' });
    expect(await engine.replays.find('sub_1', id)).toMatchObject({ state: 'cancelled', replayed: 0 });
  });

  test('schedules the next run of a slow replay instead of waiting for it', async () => {
    const engine = await prepare(['evt_1', 'evt_2', 'evt_3']);
    const { tell } = drainOn(engine);
    await tell(drainIt);
    for (const { id } of engine.drainQueue.messages()) engine.drainQueue.remove(id);
    const startedMs = engine.clock.nowMs();
    const request = { tenant: 'acme', mode: 'all', ratePerSecond: 0.01 } as const;
    const { id } = await startReplay(engine.drainPorts, aSubscription(), request);
    const message: DrainMessage = { kind: 'replay', replay: id, subscription: 'sub_1', scope: 'acme' };
    await tell(message);
    expect(engine.clock.nowMs() - startedMs).toBeLessThan(40_000);
    expect(await engine.replays.find('sub_1', id)).toMatchObject({ state: 'running', replayed: 1 });
    const next = engine.drainQueue.messages().filter(({ body }) => body === JSON.stringify(message));
    expect(next.map(({ visibleAtMs }) => visibleAtMs - startedMs)).toContain(100_000);
  });

  test.each([
    'null',
    '7',
    '[]',
    '{}',
    '{',
    '{"kind":"drain"}',
    '{"kind":"drain","subscription":"","scope":"acme"}',
    '{"kind":"replay","subscription":"sub_1","scope":"acme"}',
    '{"kind":"other","subscription":"sub_1","scope":"acme"}',
  ])('fails alone when it is not a drain message: %s (invariant 12)', async (poison) => {
    const engine = await prepare(['evt_1']);
    const { outcomes, give } = drainOn(engine);
    expect(await give(poison, JSON.stringify(drainIt))).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
    expect(outcomes.sum('delivered')).toBe(1);
  });
});

describe('a run of dispatch', () => {
  test('counts the work that it dispatched', async () => {
    const engine = await prepare(['evt_1', 'evt_2']);
    await engine.subscriptions.replace(aSubscription({ retry: { scheduleMs: [3_600_000] } }));
    engine.callbacks.answerWith(() => answered(500));
    await drainOn(engine).tell(drainIt);
    const outcomes = createOutcomeTally();
    const dispatch = createDispatchHandler({ ports: engine.dispatchPorts, log, outcomes });
    await dispatch();
    expect(outcomes.sum('attempts-dispatched', 'drains-requested')).toBe(0);
    engine.clock.advance(5_400_000);
    await dispatch();
    await dispatch();
    expect(outcomes.sum('attempts-dispatched')).toBe(2);
    expect(engine.deliveryQueue.messages()).toHaveLength(2);
  });

  test('counts nothing when nothing is due: a metric with a value every minute costs money all the time', async () => {
    const engine = await prepare([]);
    const counted: string[] = [];
    const outcomes = { count: (outcome: string) => void counted.push(outcome) };
    await createDispatchHandler({ ports: engine.dispatchPorts, log, outcomes })();
    expect(counted).toEqual([]);
  });

  test('restarts silent work, even when the due index cannot be read', async () => {
    const engine = await prepare(['evt_1']);
    await startReplay(engine.drainPorts, aSubscription(), { tenant: 'acme', mode: 'all', ratePerSecond: 50 });
    for (const { id } of engine.drainQueue.messages()) engine.drainQueue.remove(id);
    engine.clock.advance(900_000);
    const outcomes = createOutcomeTally();
    const endpoints = { ...engine.endpoints, listDue: async () => Promise.reject(new Error('unreadable')) };
    const dispatch = createDispatchHandler({ ports: { ...engine.dispatchPorts, endpoints }, log, outcomes });
    await expect(dispatch()).rejects.toThrow('some shards were not dispatched');
    expect(outcomes.sum('silent-work-restarted')).toBe(1);
    expect(engine.drainQueue.messages().map(({ body }) => (JSON.parse(body) as DrainMessage).kind)).toEqual(['replay']);
  });
});

describe('a shard that fails', () => {
  test('does not stop the others, and is reported after they are done', async () => {
    const engine = await prepare(['evt_1', 'evt_2']);
    await engine.subscriptions.replace(aSubscription({ retry: { scheduleMs: [3_600_000] } }));
    engine.callbacks.answerWith(() => answered(500));
    await drainOn(engine).tell(drainIt);
    engine.clock.advance(5_400_000);
    const broken = (shardOf('evt_1') + 1) % dueShards;
    const { deliveries } = engine.dispatchPorts;
    const ports = {
      ...engine.dispatchPorts,
      deliveries: {
        ...deliveries,
        listDue: (...args: Parameters<typeof deliveries.listDue>) =>
          args[0] === broken ? Promise.reject(new Error('a bad shard')) : deliveries.listDue(...args),
      },
    };
    const outcomes = createOutcomeTally();
    const dispatch = createDispatchHandler({ ports, log, outcomes });
    await expect(dispatch()).rejects.toThrow('some shards were not dispatched');
    expect(outcomes.sum('attempts-dispatched')).toBeGreaterThanOrEqual(1);
    expect(engine.deliveryQueue.messages().map(({ body }) => body)).toContainEqual(expect.stringContaining('evt_1'));
  });
});

describe('a subscription', () => {
  const filter = (value: string) => ({ filter: `data.id = "${value}"` });

  test('is prepared once as long as it is unchanged', () => {
    const prepare = createPreparedSubscriptions();
    const first = prepare(aSubscription({ shaping: filter('1') }));
    expect(prepare(aSubscription({ shaping: filter('1') }))).toBe(first);
    const changed = prepare(aSubscription({ shaping: filter('2'), revision: 2 }));
    expect(changed).not.toBe(first);
    expect(changed.subscription.shaping).toEqual(filter('2'));
  });

  test('with the id of a removed subscription is prepared again', () => {
    const prepare = createPreparedSubscriptions();
    const first = prepare(aSubscription());
    const second = prepare(aSubscription({ createdAt: '2026-11-02T00:00:00.000Z' }));
    expect(second).not.toBe(first);
    // The same id of another tenant is not the same subscription.
    expect(prepare(aSubscription({ tenant: null }))).not.toBe(first);
  });

  test('is forgotten when it was not used for a long time', () => {
    const prepare = createPreparedSubscriptions();
    const first = prepare(aSubscription());
    const often = prepare(aSubscription({ id: 'sub_often' }));
    for (let index = 0; index < 600; index += 1) {
      prepare(aSubscription({ id: `sub_${index + 2}` }));
      expect(prepare(aSubscription({ id: 'sub_often' }))).toBe(often);
    }
    expect(prepare(aSubscription())).not.toBe(first);
  });
});
