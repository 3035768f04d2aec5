import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../lambdas/contracts/engine-error.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { DeliveryJob, DrainMessage } from '../../../lambdas/contracts/messages.ts';
import { type EndpointState, newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { defaultRetryPolicy } from '../../../lambdas/engine/delivery/next-attempt.ts';
import { traceOfId } from '../../../lambdas/engine/trace/trace-ids.ts';
import type { DeliveryOutcome, JobDelivery } from '../../../lambdas/flows/deliver/decide-job.ts';
import { deliverEvents, maxHeldBytes } from '../../../lambdas/flows/deliver/deliver-events.ts';
import type { DeliverPorts } from '../../../lambdas/flows/deliver/deliver-ports.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createDeliverHandler } from '../../../lambdas/functions/deliver/handler.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import { type Subscription, scopeOf } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { type Fault, faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';

const kindsOf = (outcomes: readonly DeliveryOutcome[]) => outcomes.map(({ kind }) => kind);
const asJob = (body: string, messageId = 'message'): JobDelivery => ({ messageId, job: JSON.parse(body) });
const idOf = (request: CallbackRequest) => request.headers['webhook-id'];
const urlOf = (id: string) => aSubscription({ id }).url;

/** Store an endpoint as fast: deliver posts only to fast endpoints. */
async function know(
  engine: FakeEngine,
  subscription: Subscription,
  change: Partial<EndpointState> = {},
): Promise<void> {
  const state = newEndpoint(scopeOf(subscription), subscription.id);
  await engine.endpoints.replace({ ...state, latencyMs: 20, ...change }, undefined);
}

/** An engine with these subscriptions, whose endpoints are fast, and queued jobs for these events of `acme`. */
async function prepare(
  subscriptions: readonly Partial<Subscription>[] = [{}],
  ids = ['evt_1'],
  known: Partial<EndpointState> = {},
): Promise<FakeEngine> {
  const engine = createFakeEngine();
  for (const change of subscriptions) {
    const subscription = aSubscription(change);
    await engine.subscriptions.create(subscription);
    await know(engine, subscription, known);
  }
  await publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ owner: 'raw_1', event: anEvent({ id, data: { id } }) })),
  );
  return engine;
}

/** One run over the visible messages; removes the messages that succeeded. */
async function deliverVisible(engine: FakeEngine, fault?: Fault): Promise<readonly DeliveryOutcome[]> {
  const messages = engine.deliveryQueue.receive();
  const { ports, crashed } = injectFault<DeliverPorts>(engine.deliverPorts, fault);
  const jobs = messages.map(({ id, body }) => asJob(body, id));
  // The first reads of a batch may throw: then the whole batch is redelivered.
  const outcomes = await deliverEvents(ports, jobs).catch((error: unknown) =>
    jobs.map(() => ({ kind: 'failed' as const, error })),
  );
  for (const [index, { id }] of messages.entries())
    if (!crashed() && outcomes[index]?.kind !== 'failed') engine.deliveryQueue.remove(id);
  return outcomes;
}

/** One run over the visible messages, with the highest number of concurrent posts. */
async function deliverAndCount(
  engine: FakeEngine,
): Promise<{ readonly outcomes: readonly DeliveryOutcome[]; readonly most: number }> {
  let posts = 0;
  let most = 0;
  const callbacks = {
    async post(request: CallbackRequest) {
      posts += 1;
      most = Math.max(most, posts);
      const outcome = await engine.callbacks.post(request);
      await new Promise((resolve) => setImmediate(resolve));
      posts -= 1;
      return outcome;
    },
  };
  const jobs = engine.deliveryQueue.receive().map(({ id, body }) => asJob(body, id));
  return { outcomes: await deliverEvents({ ...engine.deliverPorts, callbacks }, jobs), most };
}

/** Advance the clock to the next message. @returns Whether there is one. */
function advanceToNext(engine: FakeEngine): boolean {
  const instants = engine.deliveryQueue.messages().map(({ visibleAtMs }) => visibleAtMs);
  if (instants.length > 0) engine.clock.advance(Math.max(0, Math.min(...instants) - engine.clock.nowMs()));
  return instants.length > 0;
}

const stateOf = async (engine: FakeEngine) =>
  (await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]))[0] as EndpointState;
const recordOf = async (engine: FakeEngine, subscription = 'sub_1') =>
  (await engine.deliveries.list(subscription, 100, undefined)).items[0];
const drainsOf = (engine: FakeEngine) =>
  engine.drainQueue.messages().map(({ body }) => JSON.parse(body) as DrainMessage);
const backlogOf = async (engine: FakeEngine, subscription = 'sub_1') =>
  (await engine.deliveries.listBacklog(subscription, 100, undefined)).map(({ event }) => event);

describe('a delivery', () => {
  test('is posted so that any Standard Webhooks library verifies it, and is recorded', async () => {
    const engine = await prepare();
    // The library uses the real clock.
    engine.clock.advance(Date.now() - engine.clock.nowMs());
    expect(await deliverVisible(engine)).toEqual([{ kind: 'delivered', status: 204 }]);
    const [request] = engine.callbacks.requests;
    if (request === undefined) throw new Error('nothing was posted');
    expect(request.url).toBe(urlOf('sub_1'));
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'evt_1' });
    expect(request.headers).not.toHaveProperty('tributary-replay');
    const verified = new Webhook(aSubscription().secrets[0]?.value ?? '').verify(request.body, { ...request.headers });
    const sent = anEvent({ id: 'evt_1', data: { id: 'evt_1' } });
    expect(verified).toEqual({ ...sent, sequence: 1, correlation_id: traceOfId('evt_1') });
    expect(await recordOf(engine)).toMatchObject({
      subscription: 'sub_1',
      event: 'evt_1',
      tenant: 'acme',
      sequence: 1,
      state: 'delivered',
      waitsIn: undefined,
      attemptCount: 1,
      attempts: [{ number: 1, trigger: 'schedule', status: 204, durationMs: 7 }],
    });
    expect(engine.deliveryQueue.messages()).toEqual([]);
    expect(engine.drainQueue.messages()).toEqual([]);
  });

  test('is signed with every current secret, and with no expired one', async () => {
    const values = ['new', 'old', 'ended'].map((key) => `whsec_${Buffer.from(key.padEnd(32, '.')).toString('base64')}`);
    const [value = '', old = '', ended = ''] = values;
    const createdAt = '2026-11-01T00:00:00.000Z';
    const nowMs = Date.now();
    const secrets = [
      { value, createdAt },
      { value: old, createdAt, expiresAtMs: nowMs + 60_000 },
      { value: ended, createdAt, expiresAtMs: nowMs - 1 },
    ];
    const engine = await prepare([{ secrets }]);
    engine.clock.advance(nowMs - engine.clock.nowMs());
    await deliverVisible(engine);
    const [request] = engine.callbacks.requests;
    if (request === undefined) throw new Error('nothing was posted');
    for (const secret of [value, old]) new Webhook(secret).verify(request.body, { ...request.headers });
    for (const secret of [ended, `whsec_${Buffer.alloc(32).toString('base64')}`])
      expect(() => new Webhook(secret).verify(request.body, { ...request.headers })).toThrow(
        'No matching signature found',
      );
  });

  test('carries data from the claim store', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await know(engine, aSubscription());
    const data = { text: 'ü'.repeat(limits.claimThresholdBytes) };
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent({ data }) }]);
    await deliverVisible(engine);
    expect(JSON.parse(engine.callbacks.requests[0]?.body ?? '').data).toEqual(data);
  });

  test('is not posted, and counts as filtered, when its subscription or its event is gone', async () => {
    const engine = await prepare();
    const { job } = asJob(engine.deliveryQueue.messages()[0]?.body ?? '');
    const attempt = (change: Partial<DeliveryJob>) =>
      deliverEvents(engine.deliverPorts, [asJob(JSON.stringify({ ...job, ...change }))]);
    expect(await attempt({ subscription: 'sub_none' })).toEqual([{ kind: 'filtered', reason: 'subscription-gone' }]);
    expect(await attempt({ sequence: 99 })).toEqual([{ kind: 'filtered', reason: 'event-expired' }]);
    engine.clock.advance(limits.retentionDays * 86_400_000);
    expect(await attempt({})).toEqual([{ kind: 'filtered', reason: 'event-expired' }]);
    expect(engine.callbacks.requests).toEqual([]);
  });

  test('that the filter of its subscription rejects is filtered, whether its endpoint is fast or not', async () => {
    for (const latencyMs of [20, 5_000]) {
      const filter = 'data.id = "evt_2"';
      const engine = await prepare([{ shaping: { filter } }], ['evt_1', 'evt_2'], { latencyMs });
      const kind = latencyMs === 20 ? 'delivered' : 'parked';
      const outcomes = await deliverVisible(engine);
      expect(outcomes[0]).toEqual({ kind: 'filtered', reason: 'filter' });
      expect(kindsOf(outcomes)).toEqual(['filtered', kind]);
      expect((await engine.deliveries.list('sub_1', 10, undefined)).items.map(({ event }) => event)).toEqual(['evt_2']);
    }
  });
});

test('events are read in one eventually consistent request, at half the price', async () => {
  const engine = await prepare([{}], ['evt_1', 'evt_2']);
  const reads: unknown[] = [];
  const events = {
    ...engine.deliverPorts.events,
    getMany: (...[keys, mayLag]: Parameters<typeof engine.events.getMany>) => {
      reads.push([keys.length, mayLag]);
      return engine.events.getMany(keys, mayLag);
    },
  };
  const jobs = engine.deliveryQueue.receive().map(({ id, body }) => asJob(body, id));
  const outcomes = await deliverEvents({ ...engine.deliverPorts, events }, jobs);
  expect(kindsOf(outcomes)).toEqual(['delivered', 'delivered']);
  expect(reads).toEqual([[2, true]]);
});

test.each([
  { events: 1, concurrency: 1, latencyMs: 100, most: 1 },
  { events: 3, concurrency: 10, latencyMs: 100, most: 3 },
  // A post that hangs must not block another run from the endpoint.
  { events: 4, concurrency: 4, latencyMs: 100, most: 2 },
  { events: 5, concurrency: 5, latencyMs: 100, most: 3 },
  // Other runs need slots, too, and a fast endpoint needs few.
  { events: 5, concurrency: 5, latencyMs: 5, most: 1 },
  { events: 9, concurrency: 9, latencyMs: 5, most: 3 },
])(
  '$events events for an endpoint with $concurrency slots that takes $latencyMs ms are posted $most at a time',
  async ({ events, concurrency, latencyMs, most }) => {
    const ids = Array.from({ length: events }, (_, index) => `evt_${index}`);
    const counted = await deliverAndCount(await prepare([{ concurrency }], ids, { latencyMs }));
    expect(kindsOf(counted.outcomes)).toEqual(ids.map(() => 'delivered'));
    expect(counted.most).toBe(most);
  },
);

describe('a delivery is parked, and `drain` serves its endpoint (invariant 12),', () => {
  const nowMs = createFakeEngine().clock.nowMs();
  const endpoints: readonly (readonly [string, Partial<EndpointState>])[] = [
    ['the latency of its endpoint is unknown', { latencyMs: undefined }],
    ['its endpoint is slow', { latencyMs: 1_001 }],
  ];
  test.each(endpoints)('when %s', async (_, known) => {
    const engine = await prepare([{ id: 'sub_slow' }], ['evt_1', 'evt_2'], known);
    await engine.subscriptions.create(aSubscription({ id: 'sub_fast' }));
    await know(engine, aSubscription({ id: 'sub_fast' }));
    await publishEvents(engine.publishPorts, [{ owner: 'raw_2', event: anEvent({ id: 'evt_3' }) }]);
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual(['delivered', 'parked', 'parked', 'parked']);
    expect(engine.callbacks.requests.map(({ url }) => url)).toEqual([urlOf('sub_fast')]);
    expect(await backlogOf(engine, 'sub_slow')).toEqual(['evt_1', 'evt_2', 'evt_3']);
    expect(await recordOf(engine, 'sub_slow')).toMatchObject({ state: 'waiting', waitsIn: 'backlog', attemptCount: 0 });
    // One drain message: the drain finds every delivery.
    expect(drainsOf(engine)).toEqual([{ kind: 'drain', subscription: 'sub_slow', scope: 'acme' }]);
  });

  test.each<readonly [string, Partial<EndpointState>]>([
    ['its circuit is open', { circuit: 'open', probeAtMs: nowMs + 10_000 }],
    ['its endpoint asked for a pause', { pausedUntilMs: nowMs + 10_000 }],
  ])('when %s, and a drain is scheduled for the end of that time', async (_, known) => {
    const engine = await prepare([{}], ['evt_1'], known);
    expect(kindsOf(await deliverVisible(engine))).toEqual(['parked']);
    expect(await backlogOf(engine)).toEqual(['evt_1']);
    expect(engine.callbacks.requests).toEqual([]);
    expect(engine.drainQueue.messages()).toMatchObject([{ visibleAtMs: nowMs + 10_000 }]);
    // If the drain never starts, dispatch retries shortly after.
    expect(await dueAt(engine, nowMs + 69_999)).toEqual([]);
    expect(await dueAt(engine, nowMs + 70_000)).toEqual(['sub_1']);
  });

  test.each<readonly [string, Partial<Subscription>]>([
    // An ordered subscription reads the feed; its jobs are from before it was ordered.
    ['in order', { ordering: 'record' }],
    ['in batches', { shaping: { batch: { max_events: 10, max_wait_seconds: 0 } } }],
  ])('when its subscription receives events %s', async (_, change) => {
    const engine = await prepare();
    await engine.subscriptions.replace(aSubscription(change));
    expect(kindsOf(await deliverVisible(engine))).toEqual(['parked']);
    expect(await backlogOf(engine)).toEqual(['evt_1']);
    expect(engine.callbacks.requests).toEqual([]);
  });

  test('but not because others already wait: adding to the backlog would keep it filled for ever', async () => {
    const engine = await prepare([{}], ['evt_1'], { hasBacklog: true });
    expect(kindsOf(await deliverVisible(engine))).toEqual(['delivered']);
    expect(await backlogOf(engine)).toEqual([]);
  });

  test('when its endpoint has no free slot', async () => {
    const busy = { leases: { other: { slots: 9, untilMs: nowMs + 60_000 } } };
    const engine = await prepare([{ concurrency: 10 }], ['evt_1', 'evt_2', 'evt_3'], busy);
    const { outcomes, most } = await deliverAndCount(engine);
    expect(kindsOf(outcomes)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(most).toBe(1);
    const crowded = { sinceMs: nowMs - 7_000, untilMs: nowMs + 9_000 };
    const full = await prepare([{ concurrency: 9 }], ['evt_1'], { ...busy, crowded });
    expect(kindsOf(await deliverVisible(full))).toEqual(['parked']);
    expect(full.callbacks.requests).toEqual([]);
  });

  test('when its rate limit is used up', async () => {
    const ids = ['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5'];
    const engine = await prepare([{ ratePerSecond: 2 }], ids, { tokensAtMs: nowMs, tokens: 2 });
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual([
      'delivered',
      'delivered',
      'parked',
      'parked',
      'parked',
    ]);
    expect(engine.callbacks.requests).toHaveLength(2);
    expect(await backlogOf(engine)).toHaveLength(3);
  });

  async function dueAt(engine: FakeEngine, untilMs: number): Promise<readonly string[]> {
    const shards = Array.from({ length: 16 }, (_, shard) => engine.endpoints.listDue(shard, untilMs, 10));
    return (await Promise.all(shards)).flat().map(({ endpoint }) => endpoint);
  }
});

describe('a delivery that fails', () => {
  test('is retried by its schedule, with the same id and the same bytes (invariant 2)', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith((_, earlier) => answered(earlier < 2 ? 500 : 200));
    const startedMs = engine.clock.nowMs();
    const instants: number[] = [];
    while (advanceToNext(engine)) {
      instants.push(engine.clock.nowMs() - startedMs);
      await deliverVisible(engine);
    }
    const { scheduleMs } = defaultRetryPolicy;
    const delays = instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0));
    expect(delays).toHaveLength(2);
    for (const [index, delayMs] of delays.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(scheduleMs[index] ?? Infinity);
      expect(delayMs).toBeLessThanOrEqual((scheduleMs[index] ?? 0) * 1.2 + 1_000);
    }
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1', 'evt_1', 'evt_1']);
    expect(new Set(engine.callbacks.requests.map(({ body }) => body)).size).toBe(1);
    expect(new Set(engine.callbacks.requests.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3);
    const record = await recordOf(engine);
    expect(record).toMatchObject({ state: 'delivered', nextAttemptAt: undefined });
    expect(record?.attempts.map(({ number, status, response }) => [number, status, response])).toEqual([
      [1, 500, 'answer 500'],
      [2, 500, 'answer 500'],
      [3, 200, undefined],
    ]);
  });

  test('waits in the due index when the delay is too long for a queue', async () => {
    const engine = await prepare([{ retry: { scheduleMs: [limits.queueMaxDelayMs + 1] } }]);
    engine.callbacks.answerWith(() => answered(500));
    expect(kindsOf(await deliverVisible(engine))).toEqual(['retried']);
    expect(engine.deliveryQueue.messages()).toEqual([]);
    const record = await recordOf(engine);
    expect(record).toMatchObject({ state: 'retrying', waitsIn: 'due-index' });
    const dueMs = Date.parse(record?.nextAttemptAt ?? '');
    const shards = Array.from({ length: 16 }, (_, shard) => engine.deliveries.listDue(shard, dueMs, 10));
    expect((await Promise.all(shards)).flat()).toMatchObject([{ event: 'evt_1', dueAtMs: dueMs }]);
  });

  test.each([
    ['60', 60_000, 'queue'],
    ['0.5', 5_000, 'queue'],
    ['Sat, 21 Nov 2026 12:06:00 GMT', 360_000, 'queue'],
    ['86400', 86_400_000, 'due-index'],
    // Four days from the start of the first attempt: the maximum age of a delivery.
    ['8640000', 4 * 86_400_000 - 7, 'due-index'],
  ])(
    'waits as long as the receiver’s Retry-After asks, up to its maximum age: %s',
    async (retryAfter, delayMs, waitsIn) => {
      const engine = await prepare();
      engine.callbacks.answerWith(() => answered(429, retryAfter));
      const [outcome] = await deliverVisible(engine);
      if (outcome?.kind !== 'retried') throw new Error(`expected a retry, got ${outcome?.kind}`);
      expect(outcome.delayMs).toBeGreaterThanOrEqual(delayMs);
      // The schedule's own wait has jitter; Retry-After has none.
      expect(outcome.delayMs).toBeLessThanOrEqual(delayMs === 5_000 ? 6_000 : delayMs);
      const nextAttemptAt = new Date(engine.clock.nowMs() + outcome.delayMs).toISOString();
      expect(await recordOf(engine)).toMatchObject({ nextAttemptAt, waitsIn });
    },
  );

  test('is retried after no answer, and the reason is recorded', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => ({ kind: 'failed', error: 'no answer within 15 s', durationMs: 15_000 }));
    expect(await deliverVisible(engine)).toMatchObject([{ kind: 'retried', status: undefined }]);
    expect((await recordOf(engine))?.attempts).toMatchObject([
      { number: 1, status: undefined, error: 'no answer within 15 s', durationMs: 15_000 },
    ]);
  });

  test('is kept as exhausted after all attempts, and an event reports it (invariant 9)', async () => {
    const engine = await prepare([
      { retry: { scheduleMs: [1_000] } },
      { id: 'sub_ops', types: ['delivery.exhausted'] },
    ]);
    engine.callbacks.answerWith(({ url }) => answered(url === urlOf('sub_1') ? 500 : 200));
    expect(kindsOf(await deliverVisible(engine))).toEqual(['retried']);
    advanceToNext(engine);
    expect(await deliverVisible(engine)).toEqual([{ kind: 'dead-lettered', reason: 'attempts-exhausted' }]);
    expect(await recordOf(engine)).toMatchObject({
      state: 'exhausted',
      exhaustedBy: 'attempts-exhausted',
      nextAttemptAt: undefined,
      waitsIn: undefined,
    });
    // The event that reports it is delivered like any other.
    expect(await deliverVisible(engine)).toEqual([{ kind: 'delivered', status: 200 }]);
    const told = JSON.parse(engine.callbacks.requests.at(-1)?.body ?? '');
    expect(told).toMatchObject({
      type: 'delivery.exhausted',
      data: { subscription_id: 'sub_1', event_id: 'evt_1', reason: 'attempts-exhausted', attempts: 2 },
    });
    expect(engine.deliveryQueue.messages()).toEqual([]);
  });

  test('ends at once when the endpoint is gone, and its subscription is disabled', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => answered(410));
    expect(await deliverVisible(engine)).toEqual([{ kind: 'dead-lettered', reason: 'gone' }]);
    expect(await recordOf(engine)).toMatchObject({ state: 'exhausted', exhaustedBy: 'gone' });
    expect(await engine.subscriptions.find('sub_1')).toMatchObject({ status: 'disabled', disabled: { by: 'gone' } });
    expect(engine.notices.sent).toMatchObject([{ type: 'subscription.disabled', detail: { reason: 'gone' } }]);
    expect(engine.operations.sum('subscription-disabled')).toBe(1);
  });

  test('does not block other deliveries of its batch (invariant 12)', async () => {
    const engine = await prepare([{ id: 'sub_bad' }, { id: 'sub_good' }]);
    engine.callbacks.answerWith(({ url }) => answered(url === urlOf('sub_bad') ? 503 : 200));
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual(['delivered', 'retried']);
  });
});

describe('an error fails only its own message (invariant 12):', () => {
  const statesOf = async (engine: FakeEngine, subscription = 'sub_1') =>
    Object.fromEntries(
      (await engine.deliveries.list(subscription, 100, undefined)).items.map(({ event, state }) => [event, state]),
    );

  test('a subscription that cannot be prepared', async () => {
    const engine = await prepare([{ id: 'sub_1' }, { id: 'sub_2' }], ['evt_1']);
    const ports: DeliverPorts = {
      ...engine.deliverPorts,
      prepare: (subscription) => {
        if (subscription.id === 'sub_1') throw new TypeError('a key of an unknown kind');
        return engine.deliverPorts.prepare(subscription);
      },
    };
    const jobs = engine.deliveryQueue.receive().flatMap(({ id, body }) => asJob(body, id));
    const outcomes = await deliverEvents(ports, jobs);
    const kinds = Object.fromEntries(jobs.map(({ job }, index) => [job.subscription, outcomes[index]?.kind]));
    expect(kinds).toEqual({ sub_1: 'failed', sub_2: 'delivered' });
  });

  test('an unreadable row is a failed attempt', async () => {
    const engine = await prepare([{}], ['evt_1', 'evt_2']);
    const events = {
      ...engine.events,
      getMany: async (...keys: Parameters<typeof engine.events.getMany>) =>
        (await engine.events.getMany(...keys)).map((row) =>
          row.id === 'evt_1' ? { ...row, inlineData: undefined, unreadable: 'event evt_1 is packed oddly' } : row,
        ),
    };
    const jobs = engine.deliveryQueue.receive().flatMap(({ id, body }) => asJob(body, id));
    const outcomes = await deliverEvents({ ...engine.deliverPorts, events }, jobs);
    expect(kindsOf(outcomes).sort()).toEqual(['delivered', 'retried']);
    const { items } = await engine.deliveries.list('sub_1', 10, undefined);
    expect(items.find(({ event }) => event === 'evt_1')?.attempts.at(-1)?.error).toBe(
      'the event cannot be read: event evt_1 is packed oddly',
    );
  });

  test.each([
    ['filter', new EngineError('corrupt-state', 'a program threw', { retryable: false }), 'retrying'],
    ['transform', new EngineError('corrupt-state', 'a program threw', { retryable: false }), 'retrying'],
    ['filter', new EngineError('expressions-unavailable', 'later', { retryable: true }), undefined],
    ['transform', new EngineError('expressions-unavailable', 'later', { retryable: true }), undefined],
  ] as const)('a %s that throws (%s)', async (member, error, state) => {
    const engine = await prepare([{ shaping: { [member]: 'data' } }], ['evt_1', 'evt_2', 'evt_3']);
    const expressions: typeof engine.expressions = {
      ...engine.expressions,
      async run(program, argument, owner) {
        if (JSON.stringify(argument).includes('"evt_2"')) throw error;
        return engine.expressions.run(program, argument, owner);
      },
    };
    const jobs = engine.deliveryQueue.receive().flatMap(({ id, body }) => asJob(body, id));
    const outcomes = await deliverEvents({ ...engine.deliverPorts, expressions }, jobs);
    const failed = outcomes.filter(({ kind }) => kind === 'failed');
    expect(failed).toEqual(state === undefined ? [{ kind: 'failed', error }] : []);
    expect(await statesOf(engine)).toEqual({
      evt_1: 'delivered',
      evt_3: 'delivered',
      ...(state === undefined ? {} : { evt_2: state }),
    });
  });

  test('a payload that is unavailable for now', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    await know(engine, aSubscription());
    const text = 'x'.repeat(limits.claimThresholdBytes);
    await publishEvents(
      engine.publishPorts,
      ['evt_1', 'evt_2'].map((id) => ({ owner: 'raw_1', event: anEvent({ id, data: { id, text } }) })),
    );
    const payloads = {
      ...engine.payloads,
      async get(key: string) {
        if (key.includes('evt_1')) throw new Error('S3 is slow');
        return engine.payloads.get(key);
      },
    };
    const jobs = engine.deliveryQueue.receive().flatMap(({ id, body }) => asJob(body, id));
    const outcomes = await deliverEvents({ ...engine.deliverPorts, payloads }, jobs);
    expect(kindsOf(outcomes).sort()).toEqual(['delivered', 'failed']);
    expect(await statesOf(engine)).toEqual({ evt_2: 'delivered' });
  });
});

describe('many large events', () => {
  const count = 250;

  /** The jobs of large events, and the highest number of bytes read and not yet posted. */
  async function publishLarge(bytes: number, change: Partial<Subscription> = {}) {
    const engine = createFakeEngine();
    const subscriptions = Array.from({ length: 10 }, (_, index) => aSubscription({ id: `sub_${index}`, ...change }));
    for (const subscription of subscriptions) {
      await engine.subscriptions.create(subscription);
      await know(engine, subscription);
    }
    const text = 'x'.repeat(bytes);
    await publishEvents(
      engine.publishPorts,
      Array.from({ length: count / 10 }, (_, index) => ({
        owner: 'raw_1',
        event: anEvent({ id: `evt_${index}`, data: { text } }),
      })),
    );
    let held = 0;
    let most = 0;
    const payloads = {
      ...engine.payloads,
      async get(key: string) {
        held += bytes;
        most = Math.max(most, held);
        await new Promise((resolve) => setImmediate(resolve));
        return engine.payloads.get(key);
      },
    };
    const callbacks = {
      async post(request: CallbackRequest) {
        // The fake keeps requests: drop the body to save memory.
        const outcome = await engine.callbacks.post({ ...request, body: '' });
        await new Promise((resolve) => setImmediate(resolve));
        held -= bytes;
        return outcome;
      },
    };
    const jobs = Array.from({ length: count / 10 }, () => engine.deliveryQueue.receive())
      .flat()
      .map(({ id, body }) => asJob(body, id));
    return { engine, jobs, ports: { ...engine.deliverPorts, payloads, callbacks }, most: () => most };
  }

  test('are read just before they are posted, so that memory stays bounded', async () => {
    const { jobs, ports, most } = await publishLarge(300_000);
    expect(jobs).toHaveLength(count);
    const outcomes = await deliverEvents(ports, jobs);
    expect(new Set(kindsOf(outcomes))).toEqual(new Set(['delivered']));
    expect(most()).toBeLessThanOrEqual(maxHeldBytes);
  });

  test('that the filter rejects are not sent, even when they fill a whole run', async () => {
    const { engine, jobs, ports } = await publishLarge(90_000, { shaping: { filter: 'false' } });
    const outcomes = await deliverEvents(ports, jobs);
    expect(outcomes).toEqual(jobs.map(() => ({ kind: 'filtered', reason: 'filter' })));
    expect(engine.callbacks.requests).toEqual([]);
  });
});

describe('a job that is delivered more than once', () => {
  test('is posted once in one batch', async () => {
    const engine = await prepare();
    const [message] = engine.deliveryQueue.messages();
    engine.deliveryQueue.send(message?.body ?? '');
    expect(kindsOf(await deliverVisible(engine))).toEqual(['delivered', 'duplicate']);
    expect(engine.callbacks.requests).toHaveLength(1);
  });

  test('is not posted again once it is recorded as delivered', async () => {
    const engine = await prepare();
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    engine.deliveryQueue.send(message?.body ?? '');
    expect(await deliverVisible(engine)).toEqual([{ kind: 'duplicate' }]);
    expect(engine.callbacks.requests).toHaveLength(1);
  });

  test('is parked once, and its endpoint is drained again', async () => {
    const engine = await prepare([{}], ['evt_1'], { latencyMs: undefined });
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    // As after the crash of a run that parked it and asked for no drain.
    await engine.deliveries.putMany([], await engine.deliveries.listBacklog('sub_1', 1, undefined));
    engine.deliveryQueue.send(message?.body ?? '');
    expect(await deliverVisible(engine)).toEqual([{ kind: 'parked' }]);
    expect(await backlogOf(engine)).toEqual(['evt_1']);
    expect((await engine.deliveries.list('sub_1', 10, undefined)).items).toHaveLength(1);
  });

  test('waits for the record of the attempt before it, which a drain writes after it has queued the job', async () => {
    const engine = await prepare([{}], ['evt_1'], { latencyMs: undefined });
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    // The drain has made the first attempt, queued the second one, and its record is late.
    const [waiting] = (await engine.deliveries.list('sub_1', 10, undefined)).items;
    if (waiting === undefined) throw new Error('nothing waits');
    const second: DeliveryJob = { ...(JSON.parse(message?.body ?? '') as DeliveryJob), attempt: 2 };
    engine.deliveryQueue.send(JSON.stringify(second));
    expect(await deliverVisible(engine)).toEqual([{ kind: 'postponed' }]);
    const nextAttemptAt = new Date(engine.clock.nowMs()).toISOString();
    const recorded = { ...waiting, state: 'retrying', attemptCount: 1, waitsIn: 'queue', nextAttemptAt } as const;
    expect(await engine.deliveries.replace(recorded)).toBe(true);
    await engine.endpoints.replace({ ...(await stateOf(engine)), latencyMs: 20 }, undefined);
    expect(advanceToNext(engine)).toBe(true);
    expect(kindsOf(await deliverVisible(engine))).toEqual(['delivered']);
  });

  test('is dropped once the run that should have recorded the attempt before it has certainly ended', async () => {
    const engine = await prepare([{}], ['evt_1'], { latencyMs: undefined });
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    engine.deliveryQueue.send(JSON.stringify({ ...JSON.parse(message?.body ?? ''), attempt: 2 }));
    const startMs = engine.clock.nowMs();
    const kinds: string[] = [];
    do kinds.push(...kindsOf(await deliverVisible(engine)));
    while (advanceToNext(engine));
    expect(new Set(kinds.slice(0, -1))).toEqual(new Set(['postponed']));
    expect(kinds.at(-1)).toBe('duplicate');
    expect(engine.clock.nowMs() - startMs).toBeGreaterThan(limits.drainTimeoutSeconds * 1000);
    expect(await backlogOf(engine)).toEqual(['evt_1']);
  });

  test('only queues its successor again, for the same time, once its attempt is recorded', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => answered(500));
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    const dueMs = Date.parse((await recordOf(engine))?.nextAttemptAt ?? '');
    engine.clock.advance(2_000);
    engine.deliveryQueue.send(message?.body ?? '');
    expect(await deliverVisible(engine)).toEqual([{ kind: 'duplicate' }]);
    expect(engine.callbacks.requests).toHaveLength(1);
    const shown = engine.deliveryQueue.messages().map(({ visibleAtMs }) => visibleAtMs);
    expect(shown).toHaveLength(2);
    for (const visibleAtMs of shown) expect(visibleAtMs - dueMs).toBeLessThanOrEqual(1_000);
    engine.clock.advance(Math.max(...shown) - engine.clock.nowMs());
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual(['duplicate', 'retried']);
    expect(engine.callbacks.requests).toHaveLength(2);
  });

  test.each([500, 204])('stays delivered when a concurrent run of it is answered %i', async (status) => {
    const engine = await prepare();
    const jobs = engine.deliveryQueue.receive().map(({ id, body }) => asJob(body, id));
    const callbacks = {
      async post(request: CallbackRequest) {
        // The other run read the same state, and finishes first.
        engine.callbacks.answerWith(() => answered(204));
        expect(await deliverEvents(engine.deliverPorts, jobs)).toEqual([{ kind: 'delivered', status: 204 }]);
        engine.callbacks.answerWith(() => answered(status));
        return engine.callbacks.post(request);
      },
    };
    const [outcome] = await deliverEvents({ ...engine.deliverPorts, callbacks }, jobs);
    expect(outcome?.kind).toBe(status === 204 ? 'delivered' : 'duplicate');
    expect(await recordOf(engine)).toMatchObject({ state: 'delivered', waitsIn: undefined });
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
  });

  test('stays delivered when a concurrent run parks it', async () => {
    const engine = await prepare();
    const jobs = engine.deliveryQueue.receive().map(({ id, body }) => asJob(body, id));
    const { deliveries } = engine;
    const late = {
      ...deliveries,
      async getMany(...keys: Parameters<typeof deliveries.getMany>) {
        const found = await deliveries.getMany(...keys);
        if (engine.callbacks.requests.length === 0) await deliverEvents(engine.deliverPorts, jobs);
        return found;
      },
    };
    const endpointPolicy = { ...engine.deliverPorts.endpointPolicy, fastLatencyMs: -1 };
    const outcomes = await deliverEvents({ ...engine.deliverPorts, deliveries: late, endpointPolicy }, jobs);
    expect(outcomes).toEqual([{ kind: 'duplicate' }]);
    expect(await recordOf(engine)).toMatchObject({ state: 'delivered', attemptCount: 1 });
    expect(await backlogOf(engine)).toEqual([]);
  });

  test('is a duplicate when a later attempt is recorded', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith((_, earlier) => answered(earlier === 0 ? 500 : 200));
    const [message] = engine.deliveryQueue.messages();
    while (advanceToNext(engine)) await deliverVisible(engine);
    engine.deliveryQueue.send(message?.body ?? '');
    expect(await deliverVisible(engine)).toEqual([{ kind: 'duplicate' }]);
    expect(engine.callbacks.requests).toHaveLength(2);
  });
});

describe('tenants (invariant 3)', () => {
  const forgeries: readonly (readonly [string, Partial<DeliveryJob>])[] = [
    ['names the other tenant', {}],
    ['names its own tenant', { tenant: 'acme' }],
    ['claims to serve all tenants', { scope: '*' }],
    ['claims to belong to the other tenant', { scope: 'globex' }],
  ];
  test.each(forgeries)(
    'a subscription gets no event of another tenant through a forged job that %s',
    async (_, forged) => {
      const engine = await prepare();
      await publishEvents(engine.publishPorts, [{ owner: 'raw_9', event: anEvent({ id: 'evt_g', tenant: 'globex' }) }]);
      const job: DeliveryJob = {
        subscription: 'sub_1',
        scope: 'acme',
        event: 'evt_g',
        tenant: 'globex',
        sequence: 1,
        timestamp: '2026-11-21T12:00:00.000Z',
        attempt: 1,
        ...forged,
      };
      const honest = engine.deliveryQueue.messages().map(({ body }) => asJob(body));
      const outcomes = await deliverEvents(engine.deliverPorts, [...honest, asJob(JSON.stringify(job))]);
      expect(kindsOf(outcomes)).toEqual(['delivered', 'filtered']);
      expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1']);
    },
  );
});

describe('a message that is not a job (invariant 12)', () => {
  test.each(['null', '7', '"text"', '{}', '[]', '{"subscription":"","scope":"","event":""}', '{'])(
    'is redelivered alone: %s',
    async (poison) => {
      const engine = await prepare();
      const outcomes = createOutcomeTally();
      const handler = createDeliverHandler({
        ports: engine.deliverPorts,
        log: new Logger({ logLevel: 'SILENT' }),
        ...noTelemetry,
        outcomes,
        outcomesNow: outcomes,
      });
      const records = [poison, ...engine.deliveryQueue.messages().map(({ body }) => body)].map(
        (body, index) => ({ messageId: `m${index}`, body }) as SQSRecord,
      );
      expect(await handler({ Records: records })).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
      expect(engine.callbacks.requests).toHaveLength(1);
      expect(outcomes.sum('delivered')).toBe(1);
    },
  );
});

describe('when a port call fails or the process ends', () => {
  const ids = ['evt_1', 'evt_large'];
  const retry = { scheduleMs: [1_000, 2_000] };
  const subscriptions = ['sub_ok', 'sub_flaky', 'sub_broken', 'sub_unknown'].map((id) => aSubscription({ id, retry }));

  async function prepareBatch(): Promise<FakeEngine> {
    const engine = createFakeEngine();
    for (const subscription of subscriptions) {
      await engine.subscriptions.create(subscription);
      if (subscription.id !== 'sub_unknown') await know(engine, subscription);
    }
    await publishEvents(
      engine.publishPorts,
      ids.map((id) => {
        const data = id === 'evt_large' ? { text: 'x'.repeat(20_000) } : { id };
        return { owner: 'raw_1', event: anEvent({ id, data }) };
      }),
    );
    engine.callbacks.answerWith((request) => {
      const earlier = engine.callbacks.requests.filter(
        (other) => other.url === request.url && idOf(other) === idOf(request),
      );
      if (request.url === urlOf('sub_broken')) return answered(500);
      return answered(request.url === urlOf('sub_flaky') && earlier.length < 2 ? 503 : 200);
    });
    return engine;
  }

  test('every event is posted until it is delivered or exhausted, in one chain (invariants 2 and 9)', async () => {
    const counted = await prepareBatch();
    const { ports, calls } = injectFault<DeliverPorts>(counted.deliverPorts);
    await deliverEvents(
      ports,
      counted.deliveryQueue.receive().map(({ body }) => asJob(body)),
    );
    expect(calls.length).toBeGreaterThan(20);
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await prepareBatch();
        await deliverVisible(engine, fault);
        // Longer than the visibility timeout of messages that a dead run received.
        await letTimePass(engine, 30 * 60_000);
        for (const { id: subscription } of subscriptions) {
          const records = (await engine.deliveries.list(subscription, 100, undefined)).items;
          expect(records.map(({ event }) => event).sort()).toEqual(ids);
          for (const { event, state, attempts } of records) {
            const posts = engine.callbacks.requests.filter(
              (request) => request.url === urlOf(subscription) && idOf(request) === event,
            );
            const what = `${event} for ${subscription}, ${calls[at - 1]} ${fault.kind} ${fault.moment}`;
            expect(new Set(posts.map(({ body }) => body)).size, `bodies of ${what}`).toBe(1);
            // The chain of attempts has no gap, and only the run with the fault may have made an unrecorded post.
            expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
            expect(posts.length, `posts of ${what}`).toBeGreaterThanOrEqual(attempts.length);
            expect(posts.length, `posts of ${what}`).toBeLessThanOrEqual(attempts.length + 1);
            expect(state, `state of ${what}`).toBe(subscription === 'sub_broken' ? 'exhausted' : 'delivered');
          }
          expect(await backlogOf(engine, subscription)).toEqual([]);
        }
      }
  });
});
