import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { runReplay, startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';

const minuteMs = 60_000;
const batch = { max_events: 10, max_wait_seconds: 1 };

async function subscribe(shaping: Subscription['shaping'] = {}, change: Partial<Subscription> = {}) {
  const engine = createFakeEngine();
  const retry = { scheduleMs: [1_000, 5_000] };
  const subscription = aSubscription({ shaping: { batch, ...shaping }, retry, ...change });
  await engine.subscriptions.create(subscription);
  return { engine, subscription };
}

async function publish(engine: FakeEngine, names: readonly string[], text = ''): Promise<void> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  await publishEvents(
    engine.publishPorts,
    names.map((id) => ({ owner: id, event: anEvent({ id, record_id: id, timestamp, data: { id, text } }) })),
  );
}

/** Move the queued jobs into the backlog, without draining it. */
async function park(engine: FakeEngine): Promise<void> {
  for (const { id, body } of engine.deliveryQueue.receive()) {
    const jobs = [JSON.parse(body)].flat() as readonly DeliveryJob[];
    await deliverEvents(
      engine.deliverPorts,
      jobs.map((job) => ({ messageId: id, job })),
    );
    engine.deliveryQueue.remove(id);
  }
}

const idsOf = ({ body }: CallbackRequest): readonly string[] =>
  JSON.parse(body).events.map((event: { readonly id: string }) => event.id);
const statesOf = async (engine: FakeEngine) =>
  Object.fromEntries(
    (await engine.deliveries.list('sub_1', 100, undefined)).items.map(({ event, state }) => [event, state]),
  );

describe('a bad event of a batch', () => {
  test('that cannot be shaped fails alone, and the batch is sent without it', async () => {
    const { engine } = await subscribe({ transform: 'id = "evt_2" or id = "evt_3" ? $error("no") : {"id": id}' });
    await publish(engine, ['evt_1', 'evt_2', 'evt_3', 'evt_4']);
    await letTimePass(engine, 5 * minuteMs);
    expect(engine.callbacks.requests.map(idsOf)).toEqual([['evt_1', 'evt_4']]);
    expect(await statesOf(engine)).toEqual({
      evt_1: 'delivered',
      evt_2: 'exhausted',
      evt_3: 'exhausted',
      evt_4: 'delivered',
    });
  });

  test('that cannot be read fails alone, and the batch is sent without it', async () => {
    const { engine } = await subscribe();
    const text = 'x'.repeat(limits.claimThresholdBytes);
    await publish(engine, ['evt_1', 'evt_2', 'evt_3'], text);
    const read = (key: string) => stored.get(key);
    const stored = { ...engine.payloads };
    engine.payloads.get = async (key) => {
      if (key.includes('evt_2')) throw new EngineError('corrupt-state', 'it is gone', { retryable: false });
      return read(key);
    };
    await letTimePass(engine, 5 * minuteMs);
    expect(engine.callbacks.requests.map(idsOf)).toEqual([['evt_1', 'evt_3']]);
    expect(await statesOf(engine)).toEqual({ evt_1: 'delivered', evt_2: 'exhausted', evt_3: 'delivered' });
  });

  test('that its receiver rejects is alone exhausted: events of a failed batch are sent one by one', async () => {
    const { engine } = await subscribe();
    engine.callbacks.answerWith((request) => answered(idsOf(request).includes('evt_2') ? 422 : 204));
    await publish(engine, ['evt_1', 'evt_2', 'evt_3']);
    await letTimePass(engine, 5 * minuteMs);
    const [first, ...others] = engine.callbacks.requests.map(idsOf);
    expect(first).toEqual(['evt_1', 'evt_2', 'evt_3']);
    expect(others.map(({ length }) => length)).toEqual(others.map(() => 1));
    expect(await statesOf(engine)).toEqual({ evt_1: 'delivered', evt_2: 'exhausted', evt_3: 'delivered' });
  });

  test('that the engine cannot sign is a failed attempt, and does not block later events', async () => {
    const { engine } = await subscribe();
    let faults = 1;
    const engineKey = {
      derive: async (purpose: string) => {
        faults -= 1;
        if (faults >= 0) throw new TypeError('a key of an unknown kind');
        return engine.engineKey.derive(purpose);
      },
    };
    await publish(engine, ['evt_1', 'evt_2']);
    await park(engine);
    engine.clock.advance(2_000);
    for (const { id, body } of engine.drainQueue.receive()) {
      await drainEndpoint({ ...engine.drainPorts, engineKey }, JSON.parse(body));
      engine.drainQueue.remove(id);
    }
    await letTimePass(engine, 5 * minuteMs);
    expect(await statesOf(engine)).toEqual({ evt_1: 'delivered', evt_2: 'delivered' });
  });
});

test('a drain that meets an error records its posts, and fails', async () => {
  const { engine } = await subscribe({ batch: undefined }, { concurrency: 1 });
  await publish(engine, ['evt_1', 'evt_2', 'evt_3']);
  await park(engine);
  const callbacks = {
    async post(request: CallbackRequest) {
      if (request.headers['webhook-id'] === 'evt_2') throw new Error('the network is gone');
      return engine.callbacks.post(request);
    },
  };
  const [message] = engine.drainQueue.receive();
  await expect(drainEndpoint({ ...engine.drainPorts, callbacks }, JSON.parse(message?.body ?? ''))).rejects.toThrow(
    'the network is gone',
  );
  expect(await statesOf(engine)).toEqual({ evt_1: 'delivered', evt_2: 'waiting', evt_3: 'waiting' });
  await letTimePass(engine, 30 * minuteMs);
  expect(engine.callbacks.requests).toHaveLength(3);
});

describe('a batch', () => {
  test('has a maximum size in bytes, and a larger event is sent alone', async () => {
    const { engine } = await subscribe();
    await publish(engine, ['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5'], 'x'.repeat(300_000));
    await publish(engine, ['evt_6'], 'x'.repeat(1_500_000));
    await publish(engine, ['evt_7']);
    await letTimePass(engine, 5 * minuteMs);
    const batches = engine.callbacks.requests.map(idsOf);
    expect(batches.flat().sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((number) => `evt_${number}`));
    expect(batches).toContainEqual(['evt_6']);
    const shared = engine.callbacks.requests.filter((_, index) => batches[index]?.length !== 1);
    expect(Math.max(...shared.map(({ body }) => body.length))).toBeLessThanOrEqual(1024 * 1024);
    expect(batches.length).toBeLessThanOrEqual(5);
  });

  test('of replayed events holds no new event', async () => {
    const { engine, subscription } = await subscribe();
    await publish(engine, ['evt_1', 'evt_2']);
    await letTimePass(engine, 5 * minuteMs);
    const { id } = await startReplay(engine.drainPorts, subscription, {
      tenant: 'acme',
      mode: 'all',
      ratePerSecond: 50,
    });
    await publish(engine, ['evt_3', 'evt_4']);
    await park(engine);
    await runReplay(engine.drainPorts, prepareSubscription(subscription), id);
    const before = engine.callbacks.requests.length;
    await letTimePass(engine, 5 * minuteMs);
    const sent = engine.callbacks.requests.slice(before);
    expect(sent.map(idsOf).sort((a, b) => String(a).localeCompare(String(b)))).toEqual([
      ['evt_1', 'evt_2'],
      ['evt_3', 'evt_4'],
    ]);
    for (const request of sent)
      expect(request.headers['tributary-replay']).toBe(idsOf(request).includes('evt_1') ? 'true' : undefined);
  });
});
