import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import type { AwsDestination } from '../../../lambdas/contracts/aws-destination.ts';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { ShadowMessage } from '../../../lambdas/contracts/messages.ts';
import { newEndpoint } from '../../../lambdas/engine/delivery/endpoint-state.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { startReplay } from '../../../lambdas/flows/subscriptions/replay-events.ts';
import { updateTenant } from '../../../lambdas/flows/tenants/manage-tenant.ts';
import { createDrainHandler } from '../../../lambdas/functions/drain/handler.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { anEvent, aSubscription } from '../../fakes/samples.ts';
import { letTimePass } from '../let-time-pass.ts';

const shadowUrl = 'https://next.example.com/hooks';

type Change = Parameters<typeof updateTenant>[2];

async function anEngine(change: Change, subscription: Partial<Subscription> = {}): Promise<FakeEngine> {
  const engine = createFakeEngine();
  await engine.subscriptions.create(aSubscription(subscription));
  await set(engine, change);
  return engine;
}

async function set(engine: FakeEngine, change: Change): Promise<void> {
  expect(await updateTenant(engine.adminPorts, 'acme', change)).toMatchObject({ kind: 'updated' });
  // Functions cache the policy for so long.
  engine.clock.advance(limits.tenantPolicyMaxAgeMs);
}

const publish = (engine: FakeEngine, ...ids: readonly string[]) =>
  publishEvents(
    engine.publishPorts,
    ids.map((id) => ({ owner: `raw_${id}`, event: anEvent({ id, record_id: id }) })),
  );

const received = (engine: FakeEngine, url = aSubscription().url) =>
  engine.callbacks.requests.filter((request) => request.url === url).map(({ headers }) => headers['webhook-id']);

const shadowsOf = (engine: FakeEngine) =>
  engine.shadowQueue.messages().map(({ body }) => JSON.parse(body) as ShadowMessage);

/** The drain's handler, over one shadow message. */
async function give(engine: FakeEngine, ...messages: readonly object[]) {
  const outcomes = createOutcomeTally();
  const handler = createDrainHandler({
    ports: engine.drainPorts,
    log: new Logger({ logLevel: 'SILENT' }),
    ...noTelemetry,
    outcomes,
    outcomesNow: outcomes,
  });
  const Records = messages.map(
    (message, index) => ({ messageId: `m${index}`, body: JSON.stringify(message) }) as SQSRecord,
  );
  return { answer: await handler({ Records }), sum: (...names: readonly string[]) => outcomes.sum(...names) };
}

describe('a tenant that only pulls', () => {
  test('has its events in the feed, and no delivery', async () => {
    const engine = await anEngine({ delivery: 'pull' });
    expect(await publish(engine, 'evt_1')).toEqual([
      { kind: 'published', deliveries: 0, type: 'record:updated', isPullOnly: true },
    ]);
    expect(engine.deliveryQueue.messages()).toEqual([]);
    expect((await engine.events.listAfter('acme', 0, 10)).length).toBe(1);
  });

  test.each(['none', 'record', 'tenant'] as const)(
    'gets nothing of the past when it changes back, and a replay delivers it (ordering: %s)',
    async (ordering) => {
      const engine = await anEngine({ delivery: 'pull' }, { ordering });
      await publish(engine, 'evt_1', 'evt_2');
      await letTimePass(engine, 60_000);
      await set(engine, { delivery: 'both' });
      await publish(engine, 'evt_3');
      await letTimePass(engine, 60_000);
      expect(received(engine)).toEqual(['evt_3']);
      const [subscription] = await engine.subscriptions.getMany([{ scope: 'acme', id: 'sub_1' }]);
      const request = { tenant: 'acme', mode: 'all', ratePerSecond: 50 } as const;
      await startReplay(engine.drainPorts, subscription as Subscription, request);
      await letTimePass(engine, 60_000);
      expect(new Set(received(engine))).toEqual(new Set(['evt_1', 'evt_2', 'evt_3']));
    },
  );

  test('does not stop the deliveries of others', async () => {
    const engine = await anEngine({ delivery: 'pull' }, { tenant: null });
    await publishEvents(engine.publishPorts, [{ owner: 'raw_1', event: anEvent({ id: 'evt_1', tenant: 'globex' }) }]);
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
  });

  test('keeps the deliveries of an event whose retry finds the mode changed', async () => {
    const engine = await anEngine({ delivery: 'both' });
    await publish(engine, 'evt_1');
    for (const { id } of engine.deliveryQueue.receive()) engine.deliveryQueue.remove(id);
    await set(engine, { delivery: 'pull' });
    expect(await publish(engine, 'evt_1')).toMatchObject([{ kind: 'published', deliveries: 1 }]);
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
  });
});

describe('a second endpoint', () => {
  test('gets what the first one gets, once, without the credentials of the subscription', async () => {
    const endpoint = {
      headers: { 'x-tenant-key': 'secret' },
      auth: { type: 'bearer', token: 'secret' } as const,
      timeout_seconds: 15,
    };
    const engine = await anEngine({ delivery: 'shadow', shadowUrl }, { endpoint });
    await publish(engine, 'evt_1');
    await letTimePass(engine, 1_000);
    expect(received(engine)).toEqual(['evt_1']);
    expect(received(engine, shadowUrl)).toEqual(['evt_1']);
    const [second] = engine.callbacks.requests.filter(({ url }) => url === shadowUrl);
    const [first] = engine.callbacks.requests.filter(({ url }) => url !== shadowUrl);
    expect(engine.callbacks.requests).toHaveLength(2);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-signature']).toBeDefined();
    expect(second?.headers['tributary-shadow-of']).toBe('sub_1');
    expect(JSON.stringify(second)).not.toContain('"secret"');
    expect(second?.headers).not.toHaveProperty('authorization');
    expect(second?.clientCertificate).toBeUndefined();
  });

  test('gets a post, and the queue no second message, of a subscription in AWS', async () => {
    const destination: AwsDestination = {
      type: 'sqs',
      queue_url: 'https://sqs.eu-west-1.amazonaws.com/222222222222/orders',
      role_arn: 'arn:aws:iam::222222222222:role/tributary-events',
      external_id: 'tributary-1',
    };
    const engine = await anEngine({ delivery: 'shadow', shadowUrl }, { url: destination.queue_url, destination });
    await publish(engine, 'evt_1');
    await letTimePass(engine, 1_000);
    const sentTo = engine.callbacks.requests.map(({ url, message }) => [url, message?.destination]);
    expect(sentTo).toHaveLength(2);
    expect(sentTo).toContainEqual([destination.queue_url, destination]);
    expect(sentTo).toContainEqual([shadowUrl, undefined]);
  });

  test('has a span of its own in the trace of the event', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    await publish(engine, 'evt_1');
    await letTimePass(engine, 1_000);
    const spans = engine.callbacks.requests.map(({ headers }) => String(headers['traceparent']).split('-'));
    expect(new Set(spans.map(([, trace]) => trace)).size).toBe(1);
    expect(new Set(spans.map(([, , span]) => span)).size).toBe(2);
  });

  test('gets no event that the filter rejects, and a batch as single events', async () => {
    const shaping = { ...aSubscription().shaping, filter: 'record_id = "evt_1"' };
    const engine = await anEngine({ delivery: 'shadow', shadowUrl }, { shaping });
    await publish(engine, 'evt_1', 'evt_2');
    const { sum } = await give(engine, ...shadowsOf(engine));
    expect(received(engine, shadowUrl)).toEqual(['evt_1']);
    expect([sum('shadow-delivered'), sum('shadow-skipped'), sum('shadow-failed')]).toEqual([1, 1, 0]);
  });

  test('changes nothing of the subscription when it fails', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    engine.callbacks.answerWith(({ url }) => answered(url === shadowUrl ? 410 : 204));
    const before = await engine.subscriptions.find('sub_1');
    await publish(engine, 'evt_1');
    const [shadow] = shadowsOf(engine);
    for (const { id } of engine.shadowQueue.receive()) engine.shadowQueue.remove(id);
    const { answer, sum } = await give(engine, shadow as object);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(sum('shadow-failed')).toBe(1);
    expect(await engine.subscriptions.find('sub_1')).toEqual(before);
    const [state] = await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
    expect(state).toEqual(newEndpoint('acme', 'sub_1'));
    expect((await engine.deliveries.list('sub_1', 10, undefined)).items).toEqual([]);
    expect(engine.drainQueue.messages()).toEqual([]);
  });

  test('is left alone for a while after three failures, so that it holds no invocation for long', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    engine.callbacks.answerWith(({ url }) => {
      if (url !== shadowUrl) return answered(204);
      engine.clock.advance(1_000);
      return { kind: 'failed', error: 'timeout', durationMs: 1_000 };
    });
    await publish(engine, 'evt_1', 'evt_2', 'evt_3');
    await give(engine, ...shadowsOf(engine));
    for (const { id } of engine.shadowQueue.receive()) engine.shadowQueue.remove(id);
    await publish(engine, 'evt_4');
    const { sum } = await give(engine, ...shadowsOf(engine));
    expect(sum('shadow-skipped')).toBe(1);
    expect(received(engine, shadowUrl)).toEqual(['evt_1', 'evt_2', 'evt_3']);
    engine.clock.advance(30_000);
    expect((await give(engine, ...shadowsOf(engine))).sum('shadow-failed')).toBe(1);
  });

  test('loses its copy, and nothing else, when the queue refuses its message', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    const shadowQueue = { sendAll: async () => Promise.reject(new Error('throttled')) };
    const ended = await publishEvents({ ...engine.publishPorts, shadowQueue }, [
      { owner: 'raw_1', event: anEvent({ id: 'evt_1' }) },
    ]);
    expect(ended).toMatchObject([{ kind: 'published', deliveries: 1 }]);
    expect(engine.deliveryQueue.messages()).toHaveLength(1);
  });

  test('gets nothing once the mode has changed, the subscription is disabled or the tenant is being erased', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    await publish(engine, 'evt_1');
    const [shadow] = shadowsOf(engine);
    await set(engine, { delivery: 'both' });
    expect((await give(engine, shadow as object)).sum('shadow-skipped')).toBe(1);
    await set(engine, { delivery: 'shadow' });
    const before = (await engine.subscriptions.find('sub_1')) as Subscription;
    await engine.subscriptions.replace({ ...before, status: 'disabled' });
    expect((await give(engine, shadow as object)).sum('shadow-skipped')).toBe(1);
    expect(received(engine, shadowUrl)).toEqual([]);
  });

  test('never gets an event of another tenant, whatever a message says', async () => {
    const engine = await anEngine({ delivery: 'shadow', shadowUrl });
    const [own] = await publishEvents(engine.publishPorts, [
      { owner: 'raw_1', event: anEvent({ id: 'evt_globex', tenant: 'globex' }) },
    ]);
    expect(own?.kind).toBe('published');
    const forged = { kind: 'shadow', subscription: 'sub_1', scope: 'acme', tenant: 'globex' };
    const events = [{ id: 'evt_globex', sequence: 1 }];
    await updateTenant(engine.adminPorts, 'globex', { delivery: 'shadow', shadowUrl });
    engine.clock.advance(limits.tenantPolicyMaxAgeMs);
    const { sum } = await give(engine, { ...forged, events }, { ...forged, tenant: 'acme', events });
    expect(sum('shadow-skipped')).toBe(2);
    expect(engine.callbacks.requests).toEqual([]);
  });

  test.each([
    ['without a tenant', { kind: 'shadow', subscription: 'sub_1', scope: 'acme', events: [] }],
    [
      'with events that are no list',
      { kind: 'shadow', subscription: 'sub_1', scope: 'acme', tenant: 'acme', events: 1 },
    ],
    ['with an event that is null', { kind: 'shadow', subscription: 's', scope: 'a', tenant: 'acme', events: [null] }],
  ])('fails when its message is malformed: %s', async (_, message) => {
    const engine = createFakeEngine();
    expect((await give(engine, message)).answer.batchItemFailures).toHaveLength(1);
  });
});

describe('the settings', () => {
  test('fail when a second endpoint is missing, or may not be called', async () => {
    const engine = createFakeEngine();
    const change = (one: Change) => updateTenant(engine.adminPorts, 'acme', one);
    expect(await change({ delivery: 'shadow' })).toEqual({ kind: 'no-shadow-url' });
    engine.egress.refuseWith((url) => (url.includes('169.254') ? 'it leads to a private address' : undefined));
    expect(await change({ shadowUrl: 'https://169.254.169.254/' })).toMatchObject({ kind: 'url-refused' });
    expect(await change({ shadowUrl: 'https://next.example.com:0/' })).toMatchObject({ kind: 'url-refused' });
    expect(await change({ delivery: 'shadow', shadowUrl })).toMatchObject({ kind: 'updated' });
    expect(await change({ shadowUrl: null })).toEqual({ kind: 'no-shadow-url' });
    expect(await change({ delivery: 'push', shadowUrl: null })).toMatchObject({
      tenant: { delivery: { mode: 'push' } },
    });
  });
});
