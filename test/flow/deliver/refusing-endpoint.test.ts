import { beforeAll, describe, expect, test } from 'vitest';
import type { DeliveryJob, DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import { drainEndpoint } from '../../../lambdas/flows/deliver/drain/drain-endpoint.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';
import { createVirtualTime, type VirtualTime } from '../../fakes/virtual-time.ts';
import { letTimePass } from '../let-time-pass.ts';

const secondMs = 1_000;
const minuteMs = 60_000;

interface Refusals {
  /** Share of the posts that the endpoint rejects, at random. */
  readonly share: number;
  readonly status?: number;
  readonly latencyMs?: number;
}

let published = 0;

async function publish(engine: FakeEngine, count: number): Promise<readonly string[]> {
  const timestamp = new Date(engine.clock.nowMs()).toISOString();
  const events = Array.from({ length: count }, () => {
    published += 1;
    return anEvent({ id: `evt_${published}`, record_id: String(published), timestamp });
  });
  await publishEvents(
    engine.publishPorts,
    events.map((event) => ({ event, owner: event.id })),
  );
  return events.map(({ id }) => id);
}

/** Measure how many events an overloaded endpoint accepts in a minute of virtual time. */
async function measure({ share, status = 503, latencyMs = 100 }: Refusals) {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription({ concurrency: 10 }));
  const time = createVirtualTime(engine.clock);
  const random = createSeededRandomness();
  const startMs = engine.clock.nowMs();
  const measuredFromMs = startMs + 10 * secondMs;
  const endMs = measuredFromMs + minuteMs;
  let taken = 0;
  let parked = 0;
  let underWay = 0;
  let most = 0;
  const ports = {
    ...engine.drainPorts,
    pause: time.pause,
    callbacks: {
      ...engine.callbacks,
      async post() {
        underWay += 1;
        most = Math.max(most, underWay);
        await time.pause(latencyMs);
        underWay -= 1;
        if (random.fraction() < share) return { ...answered(status), durationMs: latencyMs };
        if (engine.clock.nowMs() >= measuredFromMs) taken += 1;
        return { ...answered(204), durationMs: latencyMs };
      },
    },
  };
  const isOver = () => engine.clock.nowMs() >= endMs;
  const deliver = async () => {
    while (!isOver()) {
      const messages = engine.deliveryQueue.receive();
      const outcomes = await deliverEvents(
        ports,
        messages.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) as DeliveryJob })),
      );
      parked += outcomes.filter(({ kind }) => kind === 'parked').length;
      for (const { id } of messages) engine.deliveryQueue.remove(id);
      if (messages.length === 0) await time.pause(50);
    }
  };
  await time.run([feed(engine, time, isOver), deliver(), deliver(), drainWhatIsAskedFor(engine, ports, time, isOver)]);
  return { taken, most, parked };
}

/** Keep more events in the queue than the endpoint can take. */
async function feed(engine: FakeEngine, time: VirtualTime, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    if (engine.deliveryQueue.messages().filter(({ visibleAtMs }) => visibleAtMs <= engine.clock.nowMs()).length < 100)
      await publish(engine, 100);
    await time.pause(100);
  }
}

async function drainWhatIsAskedFor(
  engine: FakeEngine,
  ports: FakeEngine['drainPorts'],
  time: VirtualTime,
  isOver: () => boolean,
): Promise<void> {
  const drains: Promise<void>[] = [];
  while (!isOver()) {
    for (const { id, body } of engine.drainQueue.receive())
      drains.push(drainEndpoint(ports, JSON.parse(body) as DrainMessage).then(() => engine.drainQueue.remove(id)));
    await time.pause(50);
  }
  await Promise.all(drains);
}

describe('an endpoint that rejects some posts accepts nearly as many events as one that rejects none', () => {
  let whole = 0;
  let wholeParked = 0;
  beforeAll(async () => {
    ({ taken: whole, parked: wholeParked } = await measure({ share: 0 }));
  }, 60_000);

  test('which is ten concurrent posts, of a tenth of a second each, for a minute', () => {
    expect(whole).toBeGreaterThan(0.97 * 6_000);
    // Until its latency is known, its events wait for its drain; afterwards they are posted at once.
    expect(wholeParked).toBeLessThan(1_500);
  });

  test.each([
    { share: 0.01, atLeast: 0.9 },
    { share: 0.1, atLeast: 0.7 },
    { share: 0.33, atLeast: 0.4 },
    { share: 0.33, status: 429, atLeast: 0.4 },
    { share: 0.33, status: 502, atLeast: 0.4 },
  ])('at least $atLeast of that when it rejects $share', { timeout: 60_000 }, async ({ atLeast, ...refusals }) => {
    const { taken, most } = await measure(refusals);
    expect(taken / whole).toBeGreaterThanOrEqual(atLeast);
    expect(most).toBeLessThanOrEqual(10);
  });
});

test('nearly all of 150 events arrive within a minute when a third of the first attempts is rejected', async () => {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription());
  const random = createSeededRandomness();
  engine.callbacks.answerWith((request) => {
    const id = request.headers['webhook-id'];
    const isFirst = engine.callbacks.requests.filter(({ headers }) => headers['webhook-id'] === id).length === 1;
    return answered(isFirst && random.fraction() < 0.33 ? 503 : 204);
  });
  const ids = await publish(engine, 150);
  await letTimePass(engine, minuteMs);
  const { items } = await engine.deliveries.list('sub_1', 200, undefined);
  expect(items.filter(({ state }) => state === 'delivered')).toHaveLength(ids.length);
});

describe('an endpoint that rejects every post', () => {
  test.each([429, 502, 503, 504])('with %i is left to its circuit breaker', async (status) => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    engine.callbacks.answerWith(() => answered(status));
    await publish(engine, 100);
    await letTimePass(engine, 5 * minuteMs);
    const [state] = await engine.endpoints.getMany([{ endpoint: 'sub_1', scope: 'acme' }]);
    expect(state).toMatchObject({ circuit: 'open', pausedUntilMs: 0 });
    expect(engine.callbacks.requests.length).toBeLessThan(30);
    engine.callbacks.answerWith(() => answered(204));
    await letTimePass(engine, 30 * minuteMs);
    const { items } = await engine.deliveries.list('sub_1', 200, undefined);
    expect(items.filter(({ state }) => state === 'delivered')).toHaveLength(100);
  });

  test.each([429, 502, 503, 504])(
    'with %i and Retry-After is tried again at that time, and not later',
    async (status) => {
      const engine = createFakeEngine();
      await engine.subscriptions.create(aSubscription({ concurrency: 1 }));
      const postedAtMs: number[] = [];
      engine.callbacks.answerWith(() => {
        postedAtMs.push(engine.clock.nowMs());
        return answered(status, '20');
      });
      await publish(engine, 100);
      await letTimePass(engine, 5 * minuteMs);
      const waits = postedAtMs.slice(1).map((atMs, index) => atMs - (postedAtMs[index] as number));
      expect(waits.length).toBeGreaterThan(10);
      for (const waitMs of waits) {
        expect(waitMs).toBeGreaterThanOrEqual(20 * secondMs);
        expect(waitMs).toBeLessThan(23 * secondMs);
      }
    },
  );
});
