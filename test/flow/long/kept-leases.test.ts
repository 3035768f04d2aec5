import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeliveryJob } from '../../../lambdas/contracts/messages.ts';
import type { CallbackOutcome } from '../../../lambdas/engine/delivery/callback-outcome.ts';
import { type EndpointState, newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { keptMs } from '../../../lambdas/engine/delivery/kept-lease.ts';
import type { DeliveryOutcome } from '../../../lambdas/flows/deliver/decide-job.ts';
import { deliverEvents } from '../../../lambdas/flows/deliver/deliver-events.ts';
import type { DeliverPorts } from '../../../lambdas/flows/deliver/deliver-ports.ts';
import { createKeptLeases } from '../../../lambdas/flows/deliver/kept-leases.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { createVirtualTime, type VirtualTime } from '../../fakes/virtual-time.ts';
import { propertyRuns } from '../../property-runs.ts';
import { letTimePass } from '../let-time-pass.ts';

let published = 0;

async function publish(engine: FakeEngine, count = 1): Promise<readonly string[]> {
  const events = Array.from({ length: count }, () => {
    published += 1;
    return anEvent({
      id: `evt_${published}`,
      record_id: String(published),
      timestamp: new Date(engine.clock.nowMs()).toISOString(),
    });
  });
  await publishEvents(
    engine.publishPorts,
    events.map((event) => ({ event, owner: event.id })),
  );
  return events.map(({ id }) => id);
}

async function fastEndpoint(change: Partial<EndpointState> = {}): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription({ concurrency: 10 }));
  await engine.endpoints.replace({ ...newEndpoint('acme', 'sub_1'), latencyMs: 20, ...change }, undefined);
  return engine;
}

/** A function instance of its own. */
const instanceOf = (engine: FakeEngine): DeliverPorts => ({ ...engine.drainPorts, keptLeases: createKeptLeases() });

/** One run of an instance over the visible messages. */
async function run(engine: FakeEngine, ports: DeliverPorts) {
  const messages = engine.deliveryQueue.receive();
  const injected = injectFault(ports);
  const outcomes = await deliverEvents(
    injected.ports,
    messages.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) as DeliveryJob })),
  );
  for (const [index, { id }] of messages.entries())
    if (outcomes[index]?.kind !== 'failed') engine.deliveryQueue.remove(id);
  return { kinds: kindsOf(outcomes), writes: injected.calls.filter((name) => name === 'endpoints.replace').length };
}

const kindsOf = (outcomes: readonly DeliveryOutcome[]) => outcomes.map(({ kind }) => kind);

async function stateOf(engine: FakeEngine): Promise<EndpointState> {
  const [state] = await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
  return state as EndpointState;
}

const slotsOf = ({ leases }: EndpointState, nowMs: number) =>
  Object.values(leases).reduce((sum, { slots, untilMs }) => sum + (untilMs > nowMs ? slots : 0), 0);

describe('an instance keeps the lease of a fast endpoint', () => {
  test('so that its state is written once in some seconds, and not for each event', async () => {
    const engine = await fastEndpoint();
    const instance = instanceOf(engine);
    const writes: number[] = [];
    for (let event = 0; event < 40; event += 1) {
      await publish(engine);
      const { kinds, writes: some } = await run(engine, instance);
      expect(kinds).toEqual(['delivered']);
      writes.push(some);
      engine.clock.advance(100);
    }
    // Taken at once, and renewed when 3 of its 6 seconds are over.
    expect(writes.flatMap((count, index) => (count > 0 ? [[index, count]] : []))).toEqual([
      [0, 1],
      [31, 1],
    ]);
    const state = await stateOf(engine);
    expect(slotsOf(state, engine.clock.nowMs())).toBe(1);
    // What the first lease has not counted came with the second one.
    expect(state.window.succeeded).toBe(31);
    expect(state.latencyMs).toBeLessThan(20);
  });

  // Runs of 1, 2, 3, 10 and 1 events.
  test.each([
    [5, [1, 1, 1, 1, 1]],
    [20, [1, 1, 3, 4, 4]],
    [200, [1, 2, 3, 5, 5]],
  ])('as large as its posts of %i ms need it to end soon, at most half of the slots', async (latencyMs, slots) => {
    const engine = await fastEndpoint({ latencyMs });
    engine.callbacks.answerWith(() => ({ ...answered(204), durationMs: latencyMs }));
    const instance = instanceOf(engine);
    const held: number[] = [];
    for (const count of [1, 2, 3, 10, 1]) {
      await publish(engine, count);
      await run(engine, instance);
      held.push(slotsOf(await stateOf(engine), engine.clock.nowMs()));
    }
    expect(held).toEqual(slots);
  });

  test('and its slots come back when it is not called any more', async () => {
    const engine = await fastEndpoint();
    await publish(engine, 10);
    await run(engine, instanceOf(engine));
    expect(slotsOf(await stateOf(engine), engine.clock.nowMs())).toBe(4);
    engine.clock.advance(keptMs);
    expect(slotsOf(await stateOf(engine), engine.clock.nowMs())).toBe(0);
  });

  test.each([
    ['whose posts are limited by rate', {}, { ratePerSecond: 100 }],
    ['that failed a minute ago', (startedAtMs: number) => ({ window: { startedAtMs, succeeded: 5, failed: 1 } }), {}],
    ['that gets fewer posts at a time after a refusal', { bearsConcurrency: 4 }, {}],
    ['that takes long', { latencyMs: 600 }, {}],
    [
      'that more instances post to than it has slots',
      { crowded: { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER, takesTurns: true } },
      {},
    ],
  ])('but not of one %s: each run counts there', async (_, state, subscription) => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription({ concurrency: 10, ...subscription }));
    const known = typeof state === 'function' ? state(engine.clock.nowMs()) : state;
    await engine.endpoints.replace({ ...newEndpoint('acme', 'sub_1'), latencyMs: 20, ...known }, undefined);
    const instance = instanceOf(engine);
    for (let event = 0; event < 3; event += 1) {
      await publish(engine);
      expect(await run(engine, instance)).toEqual({ kinds: ['delivered'], writes: 2 });
      expect(slotsOf(await stateOf(engine), engine.clock.nowMs())).toBe(0);
    }
  });

  test('until a post fails: the failure counts at once, with the successes before it', async () => {
    const engine = await fastEndpoint();
    const instance = instanceOf(engine);
    for (let event = 0; event < 12; event += 1) {
      await publish(engine);
      await run(engine, instance);
    }
    engine.callbacks.answerWith(() => answered(500));
    await publish(engine);
    expect(await run(engine, instance)).toEqual({ kinds: ['retried'], writes: 1 });
    expect(await stateOf(engine)).toMatchObject({ leases: {}, window: { succeeded: 12, failed: 1 } });
  });
});

describe('an event that finds all slots taken', () => {
  test('waits in its queue for a second, and others give their slots back', async () => {
    const engine = await fastEndpoint();
    const holders = Array.from({ length: 10 }, () => instanceOf(engine));
    for (const holder of holders) {
      await publish(engine);
      await run(engine, holder);
    }
    expect(slotsOf(await stateOf(engine), engine.clock.nowMs())).toBe(10);
    const last = instanceOf(engine);
    await publish(engine);
    expect((await run(engine, last)).kinds).toEqual(['postponed']);
    await publish(engine);
    const [holder] = holders as [DeliverPorts];
    expect((await run(engine, holder)).kinds).toEqual(['delivered']);
    expect(slotsOf(await stateOf(engine), engine.clock.nowMs())).toBe(9);
    engine.clock.advance(1_000);
    expect((await run(engine, last)).kinds).toEqual(['delivered']);
    expect(await engine.deliveries.listBacklog('sub_1', 10, undefined)).toEqual([]);
  });

  test('counts what its instance has not counted once, however often it asks for a slot', async () => {
    const engine = await fastEndpoint();
    const instance = instanceOf(engine);
    await publish(engine, 5);
    await run(engine, instance);
    engine.clock.advance(keptMs);
    const other = { slots: 10, untilMs: engine.clock.nowMs() + 200 };
    await engine.endpoints.replace({ ...(await stateOf(engine)), leases: { other } }, undefined);
    await publish(engine);
    expect((await run(engine, instance)).kinds).toEqual(['delivered']);
    expect((await stateOf(engine)).window.succeeded).toBe(5);
  });

  test('has a lease of its run where one slot is too few for the time that a lease is kept', async () => {
    const nowMs = createFakeEngine().clock.nowMs();
    const other = { slots: 7, untilMs: Number.MAX_SAFE_INTEGER };
    const crowded = { sinceMs: nowMs, untilMs: nowMs + 10_000 };
    const engine = await fastEndpoint({ latencyMs: 250, leases: { other }, crowded });
    const time = createVirtualTime(engine.clock);
    const { posts, post } = slowCallbacks(time, engine.clock, () => 250);
    const instance = { ...instanceOf(engine), pause: time.pause, callbacks: { ...engine.callbacks, post } };
    await publish(engine, 10);
    const kinds: string[] = [];
    await time.run([run(engine, instance).then((made) => void kinds.push(...made.kinds))]);
    expect(new Set(kinds)).toEqual(new Set(['delivered']));
    expect(posts.most).toBe(3);
  });

  test('waits in the backlog once the slots are truly in use', async () => {
    const inUse = { slots: 10, untilMs: Number.MAX_SAFE_INTEGER };
    const engine = await fastEndpoint({ leases: { other: inUse } });
    const instance = instanceOf(engine);
    await publish(engine);
    const kinds: string[] = [];
    for (let second = 0; second < 10; second += 1) {
      kinds.push(...(await run(engine, instance)).kinds);
      engine.clock.advance(1_000);
    }
    // A run itself waits for 0.8 s.
    expect(kinds).toEqual(['postponed', 'postponed', 'postponed', 'parked']);
  });
});

/** An endpoint whose answers take virtual time. A late one may be given up. */
function slowCallbacks(time: VirtualTime, clock: FakeEngine['clock'], latencyOf: () => number) {
  const posts = { underWay: 0, most: 0, ids: [] as string[] };
  const post = async (request: CallbackRequest): Promise<CallbackOutcome> => {
    const startedAtMs = clock.nowMs();
    posts.underWay += 1;
    posts.most = Math.max(posts.most, posts.underWay);
    posts.ids.push(request.headers['webhook-id'] ?? '');
    const { late } = request;
    const leftMs = latencyOf();
    const firstMs = late === undefined ? leftMs : Math.min(leftMs, late.afterMs);
    await time.pause(firstMs);
    const waitsOn = firstMs === leftMs || (await late?.waitsOn().catch(() => false)) === true;
    if (waitsOn) await time.pause(leftMs - firstMs);
    posts.underWay -= 1;
    const durationMs = clock.nowMs() - startedAtMs;
    if (!waitsOn) return { kind: 'failed', error: 'no answer within 1 s', durationMs, isAbandoned: true };
    return { ...answered(204), durationMs };
  };
  return { posts, post };
}

describe('an endpoint that was fast and begins to hang', () => {
  test('occupies one run, and its events wait for its drain', async () => {
    const engine = await fastEndpoint();
    const time = createVirtualTime(engine.clock);
    let latencyMs = 10_000;
    const { posts, post } = slowCallbacks(time, engine.clock, () => latencyMs);
    const callbacks = { ...engine.callbacks, post };
    const instances = Array.from({ length: 4 }, () => ({ ...instanceOf(engine), pause: time.pause, callbacks }));
    const startMs = engine.clock.nowMs();
    const ended: { readonly kinds: readonly string[]; readonly atMs: number }[] = [];
    const ids: string[] = [];
    const runs: Promise<void>[] = [];
    for (const instance of instances) {
      ids.push(...(await publish(engine)));
      runs.push(
        run(engine, instance).then(({ kinds }) => void ended.push({ kinds, atMs: engine.clock.nowMs() - startMs })),
      );
      // Its messages are received before the next one is published.
      await Promise.resolve();
    }
    const later = async () => {
      await time.pause(2_000);
      ids.push(...(await publish(engine)));
      expect((await run(engine, instances[1] as DeliverPorts)).kinds).toEqual(['parked']);
    };
    await time.run([...runs, later()]);
    expect(ended.map(({ kinds }) => kinds)).toEqual([['parked'], ['parked'], ['parked'], ['delivered']]);
    expect(ended.slice(0, 3).every(({ atMs }) => atMs < 1_200)).toBe(true);
    expect((await stateOf(engine)).stall).toBeUndefined();
    const [abandoned] = (await engine.deliveries.list('sub_1', 100, undefined)).items.filter(
      ({ attempts, state }) => state === 'waiting' && attempts.length > 0,
    );
    expect(abandoned).toMatchObject({
      attemptCount: 1,
      scheduledCount: 0,
      attempts: [{ error: 'no answer within 1 s' }],
    });

    latencyMs = 20;
    engine.callbacks.answerWith((request) => {
      posts.ids.push(request.headers['webhook-id'] ?? '');
      return answered(204);
    });
    await letTimePass(engine, 60_000);
    const { items } = await engine.deliveries.list('sub_1', 100, undefined);
    expect(items.map(({ state }) => state)).toEqual(ids.map(() => 'delivered'));
    expect(new Set(posts.ids)).toEqual(new Set(ids));
  });

  test('is waited for where a single answer is late, and stays fast', async () => {
    const engine = await fastEndpoint();
    const time = createVirtualTime(engine.clock);
    const { posts, post } = slowCallbacks(time, engine.clock, () => 3_000);
    const instance = { ...instanceOf(engine), pause: time.pause, callbacks: { ...engine.callbacks, post } };
    await publish(engine);
    const ended: string[] = [];
    await time.run([run(engine, instance).then(({ kinds }) => void ended.push(...kinds))]);
    expect({ ended, posts: posts.ids.length }).toEqual({ ended: ['delivered'], posts: 1 });
    expect(await stateOf(engine)).toMatchObject({ stall: undefined, leases: {}, latencyMs: 616 });
  });
});

test('an answer that comes while the run still says that it is late leaves no trace', async () => {
  const engine = await fastEndpoint();
  const time = createVirtualTime(engine.clock);
  const callbacks = {
    async post({ late }: CallbackRequest): Promise<CallbackOutcome> {
      await time.pause(late?.afterMs ?? 0);
      void late?.waitsOn();
      await time.pause(10);
      return answered(204);
    },
  };
  const endpoints = {
    ...engine.endpoints,
    async replace(...given: Parameters<typeof engine.endpoints.replace>) {
      if (given[0].stall !== undefined) await time.pause(200);
      return engine.endpoints.replace(...given);
    },
  };
  const instance = { ...instanceOf(engine), pause: time.pause, callbacks, endpoints };
  await publish(engine);
  await time.run([run(engine, instance), time.pause(5_000)]);
  expect(await stateOf(engine)).toMatchObject({ stall: undefined, leases: {} });
});

test.each([
  [7, 0.1, ['delivered']],
  [10, 0.1, ['delivered']],
  // They take turns: each run writes twice, and again where another run was first.
  [15, 3, ['delivered', 'postponed']],
])('%i instances share the ten slots of a fast endpoint, at %f writes for a run', async (count, mostWrites, may) => {
  const engine = await fastEndpoint({ latencyMs: 5 });
  const time = createVirtualTime(engine.clock);
  const { post } = slowCallbacks(time, engine.clock, () => 5);
  const shared = { pause: time.pause, callbacks: { ...engine.callbacks, post } };
  const kinds: string[] = [];
  let runs = 0;
  let writes = 0;
  const work = async (_: unknown, index: number) => {
    const instance = { ...instanceOf(engine), ...shared };
    await time.pause(index * 7);
    for (let turn = 0; turn < 150; turn += 1) {
      await publish(engine, 3);
      const made = await run(engine, instance);
      kinds.push(...made.kinds);
      writes += made.writes;
      runs += 1;
      await time.pause(100);
    }
  };
  await time.run(Array.from({ length: count }, work));
  expect(kinds.filter((kind) => !may.includes(kind))).toEqual([]);
  expect(kinds.filter((kind) => kind === 'delivered').length).toBeGreaterThan(0.95 * kinds.length);
  expect(writes).toBeLessThan(mostWrites * runs);
});

/** How an instance behaves. */
const someInstance = fc.record({
  pauseMs: fc.integer({ min: 1, max: 3_000 }),
  /** Runs until it is killed, at the call of this number. */
  diesAt: fc.record({ run: fc.integer({ min: 0, max: 20 }), call: fc.integer({ min: 1, max: 8 }) }),
});

describe('twenty instances, some of which are killed', () => {
  test('never make more posts at a time than the endpoint allows, and deliver all (property)', {
    timeout: 300_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(someInstance, { minLength: 20, maxLength: 20 }),
        fc.array(fc.constantFrom(3, 20, 20, 20, 150, 400, 1_500, 5_000), { minLength: 5, maxLength: 40 }),
        fc.integer({ min: 1, max: 10 }),
        async (behaviours, latencies, concurrency) => {
          const engine = createFakeEngine();
          await engine.subscriptions.create(aSubscription({ concurrency }));
          await engine.endpoints.replace({ ...newEndpoint('acme', 'sub_1'), latencyMs: 20 }, undefined);
          const time = createVirtualTime(engine.clock);
          let answers = 0;
          const latencyOf = () => latencies[(answers += 1) % latencies.length] as number;
          const { posts, post } = slowCallbacks(time, engine.clock, latencyOf);
          const shared = { pause: time.pause, callbacks: { ...engine.callbacks, post } };
          const ids: string[] = [];
          const endMs = engine.clock.nowMs() + 30_000;
          const isOver = () => engine.clock.nowMs() >= endMs;
          const feed = async () => {
            while (!isOver()) {
              ids.push(...(await publish(engine, 3)));
              await time.pause(200);
            }
          };
          const work = async ({ pauseMs, diesAt }: (typeof behaviours)[number]) => {
            let ports: DeliverPorts = { ...instanceOf(engine), ...shared };
            for (let runs = 0; !isOver(); runs += 1) {
              await time.pause(pauseMs);
              const messages = engine.deliveryQueue.receive();
              const isLast = runs % 21 === diesAt.run;
              const fault = isLast
                ? ({ at: diesAt.call, moment: 'after its effect', kind: 'crash' } as const)
                : undefined;
              const injected = injectFault(ports, fault);
              const jobs = messages.map(({ id, body }) => ({ messageId: id, job: JSON.parse(body) as DeliveryJob }));
              const outcomes = await deliverEvents(injected.ports, jobs).catch(() => []);
              // A killed instance forgets what it kept.
              if (injected.crashed()) ports = { ...instanceOf(engine), ...shared };
              for (const [index, { id }] of messages.entries()) {
                const isDone = !injected.crashed() && (outcomes[index]?.kind ?? 'failed') !== 'failed';
                if (isDone) engine.deliveryQueue.remove(id);
                else engine.deliveryQueue.show(id, 1_000);
              }
            }
          };
          await time.run([feed(), ...behaviours.map(work)]);
          expect(posts.most).toBeLessThanOrEqual(concurrency);
          await letTimePass(engine, 15 * 60_000);
          const { items } = await engine.deliveries.list('sub_1', 1_000, undefined);
          const delivered = new Set(items.filter(({ state }) => state === 'delivered').map(({ event }) => event));
          expect(ids.filter((id) => !delivered.has(id))).toEqual([]);
        },
      ),
      propertyRuns(2, 25),
    );
  });
});
