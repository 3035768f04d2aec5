import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { createRecordWrite } from '../../../lambdas/flows/deliver/attempt/record-writes.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { createManualClock, pauseOn } from '../../fakes/manual-clock.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';

const throttled = () => new EngineError('storage-unavailable', 'rows were not taken', { retryable: true });

/** An engine whose delivery store throttles every call for a time after the first post. */
async function throttledAfterPost(
  status: number,
  forMs: number,
  options: { readonly isFast?: boolean; readonly ids?: readonly string[]; readonly ordering?: 'record' } = {},
): Promise<FakeEngine> {
  const { isFast = true, ids = ['evt_1', 'evt_2'], ordering = 'none' } = options;
  const engine = createFakeEngine();
  // The second attempt is not due within the test.
  const subscription = aSubscription({ ordering, retry: { scheduleMs: [3_600_000] } });
  await engine.subscriptions.create(subscription);
  if (isFast) await engine.endpoints.replace({ ...newEndpoint('acme', subscription.id), latencyMs: 20 }, undefined);
  await publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ owner: 'raw_1', event: anEvent({ id, record_id: id, data: { id } }) })),
  );
  let untilMs = 0;
  engine.callbacks.answerWith(() => {
    if (untilMs === 0) untilMs = engine.clock.nowMs() + forMs;
    return answered(status);
  });
  const { deliveries } = engine.drainPorts;
  const refusing = new Proxy(deliveries, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return async (...args: readonly unknown[]) => {
        if (engine.clock.nowMs() < untilMs) throw throttled();
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
  const drainPorts = { ...engine.drainPorts, deliveries: refusing };
  return { ...engine, drainPorts, deliverPorts: drainPorts };
}

async function deliver(engine: FakeEngine): Promise<readonly string[]> {
  const messages = engine.deliveryQueue.receive();
  const outcomes = await deliverEvents(
    engine.deliverPorts,
    messages.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) })),
  );
  for (const [index, { id }] of messages.entries())
    if (outcomes[index]?.kind !== 'failed') engine.deliveryQueue.remove(id);
  return outcomes.map(({ kind }) => kind);
}

async function drain(engine: FakeEngine): Promise<void> {
  for (const { id, body } of engine.drainQueue.receive()) {
    await drainEndpoint(engine.drainPorts, JSON.parse(body));
    engine.drainQueue.remove(id);
  }
}

const postsOf = ({ callbacks }: FakeEngine) =>
  callbacks.requests.map(({ headers }) => String(headers['webhook-id'])).sort();
const statesOf = async ({ deliveries }: FakeEngine) =>
  (await deliveries.list('sub_1', 10, undefined)).items.map(({ state, attemptCount }) => [state, attemptCount]);

describe('a store that throttles for 5 s after a post', () => {
  test.each([
    [204, 'delivered'],
    [500, 'retrying'],
  ])('leads to one post of each event by deliver, answered with %i', async (status, state) => {
    const engine = await throttledAfterPost(status, 5_000);
    expect(await deliver(engine)).toEqual(Array.from({ length: 2 }, () => (status === 204 ? 'delivered' : 'retried')));
    expect(postsOf(engine)).toEqual(['evt_1', 'evt_2']);
    expect(await statesOf(engine)).toEqual([
      [state, 1],
      [state, 1],
    ]);
    expect(engine.deliveryQueue.receive()).toEqual([]);
  });

  test.each([
    [204, 'none', 'delivered'],
    [500, 'none', 'retrying'],
    [204, 'record', 'delivered'],
    [500, 'record', 'retrying'],
  ] as const)(
    'leads to one post of each event by drain, answered with %i, ordering %s',
    async (status, order, state) => {
      const engine = await throttledAfterPost(status, 5_000, {
        isFast: false,
        ...(order === 'none' ? {} : { ordering: order }),
      });
      await deliver(engine);
      await drain(engine);
      expect(postsOf(engine)).toEqual(['evt_1', 'evt_2']);
      expect(await statesOf(engine)).toEqual([
        [state, 1],
        [state, 1],
      ]);
    },
  );
});

test('a store that throttles for longer than the retries of a record causes redelivery', async () => {
  const engine = await throttledAfterPost(204, 2 * limits.recordRetryMs);
  expect(await deliver(engine)).toEqual(['failed', 'failed']);
  expect(await statesOf(engine)).toEqual([]);
});

describe('the write of a record', () => {
  const startMs = createManualClock().nowMs();

  function attempt(functionMs: number, error: () => Error) {
    const clock = createManualClock();
    const tries: number[] = [];
    const record = createRecordWrite({ clock, pause: pauseOn(clock) }, clock.nowMs() + functionMs);
    const written = record(async () => {
      tries.push(clock.nowMs() - startMs);
      throw error();
    });
    return { tries, written };
  }

  test('is tried for 10 s, with growing pauses', async () => {
    const { tries, written } = attempt(60_000, throttled);
    await expect(written).rejects.toThrow('not taken');
    expect(tries).toEqual([0, 200, 600, 1_400, 3_000, 5_000, 7_000, 9_000]);
    expect(tries.at(-1)).toBeLessThanOrEqual(limits.recordRetryMs);
  });

  test('starts its last try early enough to end before the function does', async () => {
    const { tries, written } = attempt(limits.recordTryMs + 3_500, throttled);
    await expect(written).rejects.toThrow('not taken');
    expect(tries).toEqual([0, 200, 600, 1_400, 3_000]);
    const late = attempt(0, throttled);
    await expect(late.written).rejects.toThrow('not taken');
    expect(late.tries).toEqual([0]);
  });

  test.each([
    new EngineError('storage-unavailable', 'an item is too large', { retryable: false }),
    new TypeError('not a function'),
  ])('is tried once when it fails permanently: %s', async (error) => {
    const { tries, written } = attempt(60_000, () => error);
    await expect(written).rejects.toThrow(error.message);
    expect(tries).toEqual([0]);
  });
});
