import { describe, expect, test } from 'vitest';
import type { DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { beginAtEnd } from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';
import { publishRecords } from './publish-records.ts';

const secondMs = 1_000;
const minuteMs = 60_000;

async function subscribe(engine: FakeEngine, change: Partial<Subscription> = {}): Promise<void> {
  const subscription = aSubscription({ ordering: 'record', ...change });
  await beginAtEnd(engine.drainPorts, subscription);
  await engine.subscriptions.create(subscription);
}

const idOf = ({ headers }: CallbackRequest) => String(headers['webhook-id']);
const recordOf = ({ body }: CallbackRequest) => (JSON.parse(body) as { record_id: string }).record_id;

/** Counts the drain messages sent from now on, by whether they are delayed. */
function countDrains(engine: FakeEngine): { now: number; later: number } {
  const sent = { now: 0, later: 0 };
  const counting: FakeEngine['drainPorts']['drainQueue'] = {
    async send(message, delayMs) {
      if (delayMs > 0) sent.later += 1;
      else sent.now += 1;
      await original.send(message, delayMs);
    },
  };
  const original = engine.publishPorts.drainQueue;
  for (const ports of [engine.publishPorts, engine.drainPorts, engine.deliverPorts, engine.dispatchPorts])
    Object.assign(ports, { drainQueue: counting });
  return sent;
}

/** Drain once, as a function that received the only message. */
async function drain(engine: FakeEngine, ports: Partial<FakeEngine['drainPorts']> = {}) {
  const message: DrainMessage = { kind: 'drain', subscription: 'sub_1', scope: 'acme' };
  return drainEndpoint({ ...engine.drainPorts, ...ports }, message);
}

const batches = Array.from({ length: 20 }, (_, batch) => batch);

describe('the drain of an ordered subscription is requested', () => {
  test('once by 20 batches published before it starts (formerly 20 times)', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const sent = countDrains(engine);
    const ids: string[] = [];
    for (const batch of batches) ids.push(...(await publishRecords(engine, [`${batch}`, 'same'])));
    expect(sent).toEqual({ now: 1, later: 0 });
    await letTimePass(engine, secondMs);
    expect(engine.callbacks.requests.map(idOf).toSorted()).toEqual(ids);
    expect(sent).toEqual({ now: 1, later: 0 });
  });

  test('once by 20 batches published while it runs, and it sends them (formerly 20 times)', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const sent = countDrains(engine);
    const ids = [...(await publishRecords(engine, ['first']))];
    const left = [...batches];
    const callbacks = {
      ...engine.callbacks,
      async post(request: CallbackRequest) {
        if (left.pop() !== undefined) ids.push(...(await publishRecords(engine, ['first', 'other'])));
        return engine.callbacks.post(request);
      },
    };
    expect(await drain(engine, { callbacks })).toMatchObject({ kind: 'drained' });
    expect(engine.callbacks.requests.map(idOf).toSorted()).toEqual(ids);
    expect(sent).toEqual({ now: 1, later: 0 });
  });

  test('once by each of 20 separate batches, and once for the retry of a record (as formerly)', async () => {
    const engine = createFakeEngine();
    await subscribe(engine, { retry: { scheduleMs: [10 * minuteMs] } });
    const sent = countDrains(engine);
    engine.callbacks.answerWith((request, earlier) => answered(recordOf(request) === 'a' && earlier < 1 ? 500 : 204));
    await publishRecords(engine, ['a']);
    await letTimePass(engine, secondMs);
    expect(sent).toEqual({ now: 1, later: 1 });
    for (const batch of batches) {
      await publishRecords(engine, ['a', `${batch}`]);
      await letTimePass(engine, 10 * secondMs);
    }
    expect(sent).toEqual({ now: 21, later: 1 });
    expect(engine.callbacks.requests).toHaveLength(21);
    await letTimePass(engine, 20 * minuteMs);
    expect(engine.callbacks.requests).toHaveLength(42);
    expect(sent).toEqual({ now: 21, later: 1 });
  });

  test('at most once while its circuit is open, for the time of the probe', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    engine.callbacks.answerWith(() => answered(500));
    await publishRecords(
      engine,
      Array.from({ length: 10 }, (_, index) => `lost ${index}`),
    );
    await letTimePass(engine, secondMs);
    const sent = countDrains(engine);
    for (const batch of batches) await publishRecords(engine, [`${batch}`]);
    expect(sent).toEqual({ now: 0, later: 0 });
    engine.callbacks.answerWith(() => answered(204));
    await letTimePass(engine, 15 * minuteMs);
    expect(engine.callbacks.requests.length).toBeGreaterThanOrEqual(30);
  });
});

describe('a batch that is published', () => {
  /** Ports that run an action before or after one of their calls, counted from 1. */
  function interposed(engine: FakeEngine, at: number, moment: 'before' | 'after', act: () => Promise<unknown>) {
    let calls = 0;
    const wrap = <P extends object>(port: P): P =>
      Object.fromEntries(
        Object.entries(port).map(([name, call]: [string, unknown]) => [
          name,
          async (...args: unknown[]) => {
            calls += 1;
            const isNow = calls === at;
            if (isNow && moment === 'before') await act();
            const answer = await (call as (...all: unknown[]) => Promise<unknown>)(...args);
            if (isNow && moment === 'after') await act();
            return answer;
          },
        ]),
      ) as P;
    const { endpoints, events, deliveries, subscriptions, callbacks } = engine.drainPorts;
    return {
      ports: {
        endpoints: wrap(endpoints),
        events: wrap(events),
        deliveries: wrap(deliveries),
        subscriptions: wrap(subscriptions),
        callbacks: wrap(callbacks),
      },
      hasActed: () => calls >= at,
    };
  }

  test.each([
    ['when all events are sent', false],
    ['when a record waits for its retry', true],
  ])('at any call of a drain that ends %s is sent at once, by this drain or the next', async (_, isBlocked) => {
    let at = 0;
    for (let hasActed = true; hasActed; ) {
      at += 1;
      for (const moment of ['before', 'after'] as const) {
        const engine = createFakeEngine();
        await subscribe(engine, { retry: { scheduleMs: [60 * minuteMs] } });
        engine.callbacks.answerWith((request) => answered(isBlocked && recordOf(request) === 'a' ? 500 : 204));
        await publishRecords(engine, ['a', 'b']);
        let late: readonly string[] = [];
        const interposing = interposed(engine, at, moment, async () => {
          late = await publishRecords(engine, ['c', 'd']);
        });
        for (const { id } of engine.drainQueue.receive()) {
          await drain(engine, interposing.ports);
          engine.drainQueue.remove(id);
        }
        hasActed = interposing.hasActed();
        // Dispatch does not run within this second, so it cannot hide a lost wake-up.
        await letTimePass(engine, secondMs);
        expect(engine.callbacks.requests.map(idOf)).toEqual(expect.arrayContaining([...late]));
        expect(engine.drainQueue.messages().length).toBeLessThanOrEqual(1);
      }
    }
    expect(at).toBeGreaterThan(10);
  });

  test('is sent within two minutes when the drain message is lost', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const ids = await publishRecords(engine, ['a', 'b']);
    for (const { id } of engine.drainQueue.messages()) engine.drainQueue.remove(id);
    await letTimePass(engine, 2 * minuteMs);
    expect(engine.callbacks.requests.map(idOf).toSorted()).toEqual(ids);
  });

  test('is published, and its drain requested, although the state of the endpoint is unavailable', async () => {
    const engine = createFakeEngine();
    await subscribe(engine);
    const endpoints = { ...engine.endpoints, wake: async () => Promise.reject(new Error('corrupt')) };
    const ids = await publishRecords(engine, ['a', 'b'], { ports: { ...engine.publishPorts, endpoints } });
    await letTimePass(engine, secondMs);
    expect(engine.callbacks.requests.map(idOf).toSorted()).toEqual(ids);
  });
});
