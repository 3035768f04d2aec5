import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { DeliveryJob } from '../../lambdas/contracts/messages.ts';
import {
  type DeliverPorts,
  type DeliveryOutcome,
  deliverEvents,
  type JobDelivery,
} from '../../lambdas/flows/deliver-events.ts';
import { publishEvents } from '../../lambdas/flows/publish-events.ts';
import { createDeliverHandler } from '../../lambdas/functions/deliver/handler.ts';
import type { CallbackRequest } from '../../lambdas/ports/callback-client.ts';
import type { Subscription } from '../../lambdas/ports/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../fakes/fake-engine.ts';
import { type Fault, faultsAt, injectFault } from '../fakes/inject-fault.ts';
import { createOutcomeTally } from '../fakes/outcome-tally.ts';
import { answered } from '../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../fakes/samples.ts';
import { anyFault } from './any-fault.ts';

const kindsOf = (outcomes: readonly DeliveryOutcome[]) => outcomes.map(({ kind }) => kind);
const asJob = (body: string, messageId = 'message'): JobDelivery => ({ messageId, body, job: JSON.parse(body) });
const idOf = (request: CallbackRequest) => request.headers['webhook-id'];
const urlOf = (id: string) => aSubscription({ id }).url;

/** An engine with these subscriptions and these events of `acme`, whose jobs are queued. */
async function prepare(subscriptions: readonly Partial<Subscription>[] = [{}], ids = ['evt_1']): Promise<FakeEngine> {
  const engine = createFakeEngine();
  for (const subscription of subscriptions) await engine.subscriptions.create(aSubscription(subscription));
  await publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ owner: 'raw_1', event: anEvent({ id, data: { id } }) })),
  );
  return engine;
}

/** One run over what the queue gives, with what succeeded removed from it. */
async function deliverVisible(engine: FakeEngine, fault?: Fault): Promise<readonly DeliveryOutcome[]> {
  const messages = engine.deliveryQueue.receive();
  const { ports, crashed } = injectFault<DeliverPorts>(engine.deliverPorts, fault);
  const jobs = messages.map(({ id, body }) => asJob(body, id));
  // The reads that a batch begins with may throw: the whole batch comes again then.
  const outcomes = await deliverEvents(ports, jobs).catch((error: unknown) =>
    jobs.map(() => ({ kind: 'failed' as const, error })),
  );
  for (const [index, { id }] of messages.entries())
    if (!crashed() && outcomes[index]?.kind !== 'failed') engine.deliveryQueue.remove(id);
  return outcomes;
}

/** Move the clock to where the queue has something to give. @returns Whether it has anything at all. */
function advanceToNext(engine: FakeEngine): boolean {
  const instants = engine.deliveryQueue.messages().map(({ visibleAtMs }) => visibleAtMs);
  if (instants.length > 0) engine.clock.advance(Math.max(0, Math.min(...instants) - engine.clock.nowMs()));
  return instants.length > 0;
}

const recordOf = async (engine: FakeEngine, subscription = 'sub_1') =>
  (await engine.deliveries.list(subscription, 100, undefined)).items[0];

describe('a delivery', () => {
  test('is posted as any Standard Webhooks library verifies it, and recorded', async () => {
    const engine = await prepare();
    // The library knows one clock only, the real one.
    engine.clock.advance(Date.now() - engine.clock.nowMs());
    expect(await deliverVisible(engine)).toEqual([{ kind: 'delivered', status: 204 }]);
    const [request] = engine.callbacks.requests;
    if (request === undefined) throw new Error('nothing was posted');
    expect(request.url).toBe(urlOf('sub_1'));
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': 'evt_1' });
    const verified = new Webhook(aSubscription().secrets[0] ?? '').verify(request.body, { ...request.headers });
    expect(verified).toEqual({ ...anEvent({ id: 'evt_1', data: { id: 'evt_1' } }), sequence: 1 });
    expect(await recordOf(engine)).toMatchObject({
      subscription: 'sub_1',
      event: 'evt_1',
      tenant: 'acme',
      sequence: 1,
      state: 'delivered',
      attempts: [{ number: 1, status: 204, durationMs: 7 }],
    });
    expect(engine.deliveryQueue.messages()).toEqual([]);
  });

  test('is signed with every secret that is current', async () => {
    const secrets = ['old', 'new'].map((key) => `whsec_${Buffer.from(key.padEnd(32, '.')).toString('base64')}`);
    const engine = await prepare([{ secrets }]);
    engine.clock.advance(Date.now() - engine.clock.nowMs());
    await deliverVisible(engine);
    const [request] = engine.callbacks.requests;
    if (request === undefined) throw new Error('nothing was posted');
    for (const secret of secrets) new Webhook(secret).verify(request.body, { ...request.headers });
    const stranger = new Webhook(`whsec_${Buffer.alloc(32).toString('base64')}`);
    expect(() => stranger.verify(request.body, { ...request.headers })).toThrow('No matching signature found');
  });

  test('carries data that is kept in the claim store', async () => {
    const engine = createFakeEngine();
    await engine.subscriptions.create(aSubscription());
    const data = { text: 'ü'.repeat(limits.claimThresholdBytes) };
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent({ data }) }]);
    await deliverVisible(engine);
    expect(JSON.parse(engine.callbacks.requests[0]?.body ?? '').data).toEqual(data);
  });

  test('goes to no URL, and is counted as filtered, when its subscription or its event is gone', async () => {
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
});

describe('a delivery that fails', () => {
  test('is tried again after the schedule’s delays, with the same id and the same bytes (invariant 2)', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith((_, earlier) => answered(earlier < 3 ? 500 : 200));
    const startedMs = engine.clock.nowMs();
    const instants: number[] = [];
    while (advanceToNext(engine)) {
      instants.push(engine.clock.nowMs() - startedMs);
      await deliverVisible(engine);
    }
    const schedule = engine.deliverPorts.retryPolicy.scheduleMs;
    const delays = instants.slice(1).map((instant, index) => instant - (instants[index] ?? 0));
    expect(delays).toHaveLength(3);
    for (const [index, delayMs] of delays.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(schedule[index] ?? Infinity);
      expect(delayMs).toBeLessThanOrEqual((schedule[index] ?? 0) * 1.2 + 1_000);
    }
    expect(engine.callbacks.requests.map(idOf)).toEqual(['evt_1', 'evt_1', 'evt_1', 'evt_1']);
    expect(new Set(engine.callbacks.requests.map(({ body }) => body)).size).toBe(1);
    expect(new Set(engine.callbacks.requests.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4);
    const record = await recordOf(engine);
    expect(record).toMatchObject({ state: 'delivered', nextAttemptAt: undefined });
    expect(record?.attempts.map(({ number, status, response }) => [number, status, response])).toEqual([
      [1, 500, 'answer 500'],
      [2, 500, 'answer 500'],
      [3, 500, 'answer 500'],
      [4, 200, undefined],
    ]);
  });

  test('waits as long as the receiver’s Retry-After asks, within what a queue can', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith((_, earlier) =>
      answered(429, ['60', 'Sat, 21 Nov 2026 12:06:00 GMT', '86400'][earlier]),
    );
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const [outcome] = await deliverVisible(engine);
      if (outcome?.kind !== 'retried') throw new Error(`expected a retry, got ${outcome?.kind}`);
      delays.push(outcome.delayMs);
      expect((await recordOf(engine))?.nextAttemptAt).toBe(
        new Date(engine.clock.nowMs() + outcome.delayMs).toISOString(),
      );
      advanceToNext(engine);
    }
    expect(delays).toEqual([60_000, 300_000, limits.queueMaxDelayMs]);
  });

  test('is tried again when no answer came, and the reason is recorded', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => ({ kind: 'failed', error: 'no answer within 15 s', durationMs: 15_000 }));
    expect(await deliverVisible(engine)).toMatchObject([{ kind: 'retried', status: undefined }]);
    expect((await recordOf(engine))?.attempts).toMatchObject([
      { number: 1, status: undefined, error: 'no answer within 15 s', durationMs: 15_000 },
    ]);
  });

  test('is kept on the dead-letter queue when all attempts are made (invariant 9)', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => answered(500));
    const attempts = engine.deliverPorts.retryPolicy.scheduleMs.length + 1;
    let last: readonly DeliveryOutcome[] = [];
    while (advanceToNext(engine)) last = await deliverVisible(engine);
    expect(last).toEqual([{ kind: 'dead-lettered', reason: 'attempts-exhausted' }]);
    expect(engine.callbacks.requests).toHaveLength(attempts);
    expect(await recordOf(engine)).toMatchObject({ state: 'exhausted', nextAttemptAt: undefined });
    const [dead, ...others] = engine.deliveryDeadLetters.messages();
    expect(others).toEqual([]);
    expect(dead?.reason).toBe('attempts-exhausted');
    expect(JSON.parse(dead?.body ?? '')).toMatchObject({
      event: 'evt_1',
      subscription: 'sub_1',
      attempt: attempts + 1,
    });
    // Redriven, it is tried once more, and delivered now that the endpoint works.
    engine.callbacks.answerWith(() => answered(204));
    engine.deliveryQueue.send(dead?.body ?? '');
    expect(kindsOf(await deliverVisible(engine))).toEqual(['delivered']);
    expect(engine.callbacks.requests).toHaveLength(attempts + 1);
  });

  test('is kept on the dead-letter queue at once when the endpoint is gone', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => answered(410));
    expect(await deliverVisible(engine)).toEqual([{ kind: 'dead-lettered', reason: 'gone' }]);
    expect(engine.deliveryDeadLetters.messages()).toMatchObject([{ reason: 'gone' }]);
    expect(engine.deliveryQueue.messages()).toEqual([]);
  });

  test('holds no other delivery of its batch back (invariant 12)', async () => {
    const engine = await prepare([{ id: 'sub_bad' }, { id: 'sub_good' }]);
    engine.callbacks.answerWith(({ url }) => answered(url === urlOf('sub_bad') ? 503 : 200));
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual(['delivered', 'retried']);
  });
});

describe('a job that comes more than once', () => {
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

  test('only queues its successor again, for the same instant, once its attempt is recorded', async () => {
    const engine = await prepare();
    engine.callbacks.answerWith(() => answered(500));
    const [message] = engine.deliveryQueue.messages();
    await deliverVisible(engine);
    const dueMs = Date.parse((await recordOf(engine))?.nextAttemptAt ?? '');
    engine.clock.advance(2_000);
    engine.deliveryQueue.send(message?.body ?? '');
    expect(await deliverVisible(engine)).toEqual([
      { kind: 'retried', delayMs: dueMs - engine.clock.nowMs(), status: 500 },
    ]);
    expect(engine.callbacks.requests).toHaveLength(1);
    advanceToNext(engine);
    engine.clock.advance(1_000);
    expect(kindsOf(await deliverVisible(engine)).sort()).toEqual(['duplicate', 'retried']);
    expect(engine.callbacks.requests).toHaveLength(2);
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
    ['claims to be of the other tenant', { scope: 'globex' }],
  ];
  test.each(forgeries)(
    'a subscription gets no event of another tenant from a forged job that %s',
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

describe('a message that is no job (invariant 12)', () => {
  test.each(['null', '7', '"text"', '{}', '[]', '{"subscription":"","scope":"","event":""}', '{'])(
    'goes back alone: %s',
    async (poison) => {
      const engine = await prepare();
      const outcomes = createOutcomeTally();
      const handler = createDeliverHandler({
        ports: engine.deliverPorts,
        log: new Logger({ logLevel: 'SILENT' }),
        outcomes,
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

test('a job that is to be dead-lettered waits for its own dead letter, and for no other job of its batch (invariant 9)', async () => {
  const engine = await prepare([{ id: 'sub_gone' }]);
  engine.callbacks.answerWith(({ url }) => answered(url === urlOf('sub_gone') ? 410 : 200));
  // The attempt is recorded, its dead letter is not sent.
  const unsendable = { send: () => Promise.reject(new Error('unavailable')) };
  const first = await deliverEvents(
    { ...engine.deliverPorts, deadLetters: unsendable },
    engine.deliveryQueue.receive().map(({ body }) => asJob(body)),
  );
  expect(kindsOf(first)).toEqual(['failed']);
  expect(engine.deliveryDeadLetters.messages()).toEqual([]);
  // It comes again together with another job, whose attempt cannot be recorded.
  advanceToNext(engine);
  await engine.subscriptions.create(aSubscription({ id: 'sub_other' }));
  const [message] = engine.deliveryQueue.messages();
  engine.deliveryQueue.send((message?.body ?? '').replace('sub_gone', 'sub_other'));
  const refusing = { ...engine.deliverPorts.deliveries, putMany: () => Promise.reject(new Error('unavailable')) };
  const outcomes = await deliverEvents(
    { ...engine.deliverPorts, deliveries: refusing },
    engine.deliveryQueue.receive().map(({ body }) => asJob(body)),
  );
  expect(kindsOf(outcomes).toSorted()).toEqual(['dead-lettered', 'failed']);
  expect(engine.deliveryDeadLetters.messages()).toHaveLength(1);
});

describe('when a port call fails or the process ends', () => {
  const ids = ['evt_1', 'evt_large'];
  const subscriptions = ['sub_ok', 'sub_flaky', 'sub_broken', 'sub_gone'];
  const maxAttempts = 6;

  async function prepareBatch(): Promise<FakeEngine> {
    const engine = createFakeEngine();
    for (const id of subscriptions) await engine.subscriptions.create(aSubscription({ id }));
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
      if (request.url === urlOf('sub_gone')) return answered(410);
      if (request.url === urlOf('sub_broken')) return answered(500);
      return answered(request.url === urlOf('sub_flaky') && earlier.length < 3 ? 503 : 200);
    });
    return engine;
  }

  async function countCalls(): Promise<number> {
    const engine = await prepareBatch();
    const { ports, calls } = injectFault<DeliverPorts>(engine.deliverPorts);
    await deliverEvents(
      ports,
      engine.deliveryQueue.receive().map(({ body }) => asJob(body)),
    );
    return calls.length;
  }

  /** Deliver until the queue is empty: the first runs with the faults, one each. */
  async function sweep(faults: readonly (Fault | undefined)[]): Promise<void> {
    const struck = faults.filter((fault) => fault !== undefined).length;
    const engine = await prepareBatch();
    for (let runs = 0; advanceToNext(engine); runs += 1) {
      expect(runs, 'runs').toBeLessThan(200);
      await deliverVisible(engine, faults[runs]);
    }
    for (const subscription of subscriptions) {
      const records = (await engine.deliveries.list(subscription, 100, undefined)).items;
      expect(records.map(({ event }) => event).sort()).toEqual(ids);
      for (const { event, state, attempts } of records) {
        const posts = engine.callbacks.requests.filter(
          (request) => request.url === urlOf(subscription) && idOf(request) === event,
        );
        const what = `${event} for ${subscription}`;
        expect(new Set(posts.map(({ body }) => body)).size, `bodies of ${what}`).toBe(1);
        // The chain of attempts is whole, and only a run that was struck can have posted in vain.
        expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
        expect(posts.length, `posts of ${what}`).toBeGreaterThanOrEqual(attempts.length);
        expect(posts.length, `posts of ${what}`).toBeLessThanOrEqual(attempts.length + struck);
        expect(state, `state of ${what}`).toBe(
          subscription === 'sub_ok' || subscription === 'sub_flaky' ? 'delivered' : 'exhausted',
        );
        const ended = { sub_broken: maxAttempts, sub_gone: 1 } as Readonly<Record<string, number>>;
        expect(attempts.length).toBe(ended[subscription] ?? attempts.length);
        const dead = engine.deliveryDeadLetters
          .messages()
          .map(({ body }) => JSON.parse(body) as DeliveryJob)
          .filter((job) => job.subscription === subscription && job.event === event);
        expect(dead.length, `dead letters of ${what}`).toBeGreaterThanOrEqual(state === 'exhausted' ? 1 : 0);
        expect(dead.length, `dead letters of ${what}`).toBeLessThanOrEqual(state === 'exhausted' ? 1 + struck : 0);
      }
    }
  }

  test('every event is posted with its id until it is delivered or dead-lettered, and the chain of attempts stays one (invariants 2 and 9)', async () => {
    const calls = await countCalls();
    expect(calls).toBeGreaterThan(15);
    for (let at = 1; at <= calls; at += 1) for (const fault of faultsAt(at)) await sweep([fault]);
  });

  test('every event is posted with its id until it is delivered or dead-lettered, when retries fail too (invariants 2 and 9)', async () => {
    const faults = fc.array(fc.option(anyFault(await countCalls()), { nil: undefined }), {
      minLength: 2,
      maxLength: 8,
    });
    await fc.assert(fc.asyncProperty(faults, sweep), { numRuns: 150 });
  });
});
