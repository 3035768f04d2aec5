import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { simulations } from '../../../lambdas/engine/api/operations/subscription-operations.ts';
import type { CallbackOutcome } from '../../../lambdas/engine/delivery/callback-outcome.ts';
import { checkResource, prepareResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { generateSigningKey } from '../../../lambdas/engine/signing/signing-keys.ts';
import { prepareSubscription } from '../../../lambdas/flows/deliver/attempt/prepare-subscription.ts';
import { type Simulation, type TestRequest, testEndpoint } from '../../../lambdas/flows/subscriptions/test-endpoint.ts';
import type { CallbackRequest } from '../../../lambdas/ports/delivery/callback-client.ts';
import type { Subscription } from '../../../lambdas/ports/delivery/subscription-store.ts';
import { compileVersionedResources } from '../../../lib/definitions/compile-resources.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { answered } from '../../fakes/programmable-callbacks.ts';
import { aSubscription, staff } from '../../fakes/samples.ts';

const versioned = compileVersionedResources(new URL('../../../integrations/', import.meta.url));
const schemas = new Map([...versioned].map(([resource, { schema }]) => [resource, schema]));
const everything: TestRequest = { simulate: undefined, type: undefined, resource: undefined };
const nothing: Pick<CallbackRequest, 'headers' | 'body'> = { headers: {}, body: '' };
let engine: FakeEngine;

beforeEach(() => {
  engine = createFakeEngine(staff, versioned);
});
afterEach(() => {
  vi.useRealTimers();
});

async function run(subscription: Subscription = aSubscription(), request: Partial<TestRequest> = {}) {
  return testEndpoint(engine.drainPorts, prepareSubscription(subscription), { ...everything, ...request });
}

/** A receiver as a subscriber writes it: verify, then answer. */
function correctReceiver({ headers, body }: CallbackRequest): CallbackOutcome {
  // The library uses the global clock.
  vi.useFakeTimers({ toFake: ['Date'], now: engine.clock.nowMs() });
  if (body.length > 500_000) return answered(413);
  try {
    new Webhook(aSubscription().secrets[0]?.value ?? '').verify(body, headers);
    return answered(204);
  } catch {
    return answered(401);
  }
}

describe('a correct receiver', () => {
  test.each([undefined, ...simulations])('passes: %s', async (simulate) => {
    engine.callbacks.answerWith(correctReceiver);
    const { passed, posts, expected } = await run(aSubscription(), { simulate });
    expect(posts.map((post) => post.passed)).not.toContain(false);
    expect(passed).toBe(true);
    expect(expected).toMatch(/^It .*\.$/);
  });

  test('passes with v1a signatures, too, and refuses those of another key', async () => {
    const signed = aSubscription({ signingKeys: [generateSigningKey(Buffer.alloc(32, 7))] });
    engine.callbacks.answerWith(correctReceiver);
    expect((await run(signed)).passed).toBe(true);
    const right = engine.callbacks.requests[0]?.headers['webhook-signature']?.split(' ') ?? [];
    expect(right.map((signature) => signature.split(',')[0])).toEqual(['v1', 'v1a']);
    expect((await run(signed, { simulate: 'bad-signature' })).passed).toBe(true);
    const wrong = engine.callbacks.requests[1]?.headers['webhook-signature']?.split(' ') ?? [];
    expect(wrong.map((signature) => signature.split(',')[0])).toEqual(['v1', 'v1a']);
  });
});

test.each<[string, () => CallbackOutcome, readonly (Simulation | undefined)[]]>([
  ['takes everything', () => answered(200), [undefined, 'duplicate', 'out-of-order', 'delayed', 'burst', 'oversized']],
  ['fails at everything', () => answered(500), []],
  ['refuses everything', () => answered(401), ['bad-signature', 'old-timestamp']],
  ['does not exist', () => answered(404), []],
  ['redirects', () => answered(302), []],
  ['cannot be reached', () => ({ kind: 'failed', error: 'ECONNREFUSED', durationMs: 1 }), []],
  ['is too busy', () => answered(429, '5'), ['burst']],
])('a receiver that %s passes the right tests only', async (_, answer, passes) => {
  engine.callbacks.answerWith(answer);
  for (const simulate of [undefined, ...simulations])
    expect([simulate, (await run(aSubscription(), { simulate })).passed]).toEqual([
      simulate,
      passes.includes(simulate),
    ]);
});

describe('the request', () => {
  const sent = () => engine.callbacks.requests.map(({ body }) => JSON.parse(body));
  const idsOf = () => engine.callbacks.requests.map(({ headers }) => headers['webhook-id']);

  test('is one event that fits the schema of a wanted resource, and is not stored', async () => {
    const { posts } = await run(
      aSubscription({ resources: ['crm/*', 'hris/employees'], types: ['record:deleted'], accounts: ['acc_7'] }),
    );
    expect(posts).toHaveLength(1);
    const [event] = sent();
    expect(event).toMatchObject({
      id: expect.stringMatching(/^evt_[0-9a-f]{32}$/),
      type: 'record:deleted',
      timestamp: '2026-11-21T12:00:00.000Z',
      tenant: 'acme',
      account: 'acc_7',
      resource: 'hris/employees',
      record_id: 'test_1',
      origin: 'test',
      schema_version: '1.0.0',
    });
    expect(checkResource(prepareResources(schemas), event.resource, event.data)).toEqual([]);
    expect(await engine.events.listAfter('acme', 0, 10)).toEqual([]);
    expect((await engine.deliveries.list('sub_1', 10, undefined)).items).toEqual([]);
    const [state] = await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]);
    expect(state?.revision).toBe(0);
  });

  test.each<[Partial<Subscription>, Partial<TestRequest>, object]>([
    [{}, {}, { type: 'record:updated', resource: 'hris/employees' }],
    [{ types: ['record:created', 'record:deleted'] }, {}, { type: 'record:created' }],
    [{ types: ['subscription.*'] }, {}, { type: 'record:updated' }],
    [{ resources: ['crm/*'] }, {}, { resource: 'crm/activities' }],
    [{ resources: ['pets/dogs'] }, {}, { resource: 'pets/dogs', schema_version: '0.0.0', data: { id: 'test_1' } }],
    [{ resources: ['pets/*'] }, {}, { resource: 'hris/employees' }],
    [
      { resources: ['crm/*'] },
      { resource: 'ticketing/tickets', type: 'record:created' },
      { resource: 'ticketing/tickets' },
    ],
    [{ tenant: null }, {}, { tenant: 'test' }],
  ])('for a subscription with %j, tested with %j, is %j', async (change, request, expected) => {
    await run(aSubscription(change), request);
    expect(sent()[0]).toMatchObject(expected);
  });

  test('goes to a disabled subscription, too, so that its owner can test it before enabling it', async () => {
    expect((await run(aSubscription({ status: 'disabled' }))).passed).toBe(true);
  });

  test('duplicate: the same event twice', async () => {
    await run(aSubscription(), { simulate: 'duplicate' });
    expect(new Set(idsOf()).size).toBe(1);
    expect(sent()[0]).toEqual(sent()[1]);
    expect(sent()).toHaveLength(2);
  });

  test('out-of-order: two events of one record, the newer one first', async () => {
    await run(aSubscription(), { simulate: 'out-of-order' });
    expect(sent()).toMatchObject([
      { record_id: 'test_1', sequence: 2 },
      { record_id: 'test_1', sequence: 1 },
    ]);
    expect(new Set(idsOf()).size).toBe(2);
  });

  test('delayed: an event that is older than its signature', async () => {
    await run(aSubscription(), { simulate: 'delayed' });
    const signedAtMs = Number(engine.callbacks.requests[0]?.headers['webhook-timestamp']) * 1000;
    expect(signedAtMs - Date.parse(sent()[0].timestamp)).toBe(5_000);
  });

  test('burst: twenty records concurrently', async () => {
    let open = 0;
    let most = 0;
    engine.callbacks.post = async (request) => {
      open += 1;
      most = Math.max(most, open);
      await engine.pause(1);
      open -= 1;
      return answered(JSON.parse(request.body).record_id === 'test_3' ? 500 : 200);
    };
    const { posts, passed } = await run(aSubscription(), { simulate: 'burst' });
    expect(most).toBe(20);
    expect(new Set(posts.map(({ event }) => event.record_id)).size).toBe(20);
    expect(passed).toBe(false);
    expect(posts.filter((post) => !post.passed).map(({ event }) => event.record_id)).toEqual(['test_3']);
  });

  test('old-timestamp: correctly signed, ten minutes ago', async () => {
    await run(aSubscription(), { simulate: 'old-timestamp' });
    const [{ headers, body } = nothing] = engine.callbacks.requests;
    const at = new Date('2026-11-21T11:50:00.000Z');
    expect(headers['webhook-timestamp']).toBe(String(at.getTime() / 1000));
    const secret = aSubscription().secrets[0]?.value ?? '';
    expect(headers['webhook-signature']).toBe(new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body));
  });

  test('oversized: a megabyte that still fits the schema', async () => {
    await run(aSubscription(), { simulate: 'oversized' });
    const [{ body } = nothing] = engine.callbacks.requests;
    expect(body.length).toBeGreaterThan(1_000_000);
    expect(checkResource(prepareResources(schemas), 'hris/employees', sent()[0].data)).toEqual([]);
  });

  test('has the shape that the subscription sets', async () => {
    await run(aSubscription({ shaping: { fields: { include: ['data.id'] }, envelope: 'cloudevents' } }));
    expect(sent()[0]).toMatchObject({ specversion: '1.0', data: { id: 'test_1' } });
    expect(engine.callbacks.requests[0]?.headers['content-type']).toBe('application/cloudevents+json');
  });
});

describe('the report', () => {
  test('shows the answer, and the request without its credentials (invariant 10)', async () => {
    const { posts } = await run(
      aSubscription({
        endpoint: {
          auth: { type: 'basic', username: 'tributary', password: 'hidden' },
          headers: { 'X-Api-Key': 'hidden' },
          timeout_seconds: 15,
        },
      }),
    );
    expect(engine.callbacks.requests[0]?.headers).toMatchObject({ 'x-api-key': 'hidden' });
    expect(posts[0]).toMatchObject({
      outcome: { status: 204, response: 'answer 204', durationMs: 7 },
      sent: {
        headers: {
          authorization: '***',
          'x-api-key': '***',
          'content-type': 'application/json',
          'webhook-id': posts[0]?.event.id,
          'webhook-signature': expect.stringMatching(/^v1,/),
        },
      },
    });
    expect(JSON.stringify(posts)).not.toContain('hidden');
  });

  test('shows why nothing was sent: a failed transform, or a refused token', async () => {
    const untransformable = await run(aSubscription({ shaping: { transform: '$error("no")' } }));
    expect(untransformable).toMatchObject({
      passed: false,
      posts: [{ sent: undefined, outcome: { error: expect.stringContaining('transform failed') } }],
    });
    engine.tokens.answerWith(() => ({ kind: 'failed', error: 'token endpoint answered 401', durationMs: 3 }));
    const auth = {
      type: 'oauth2',
      token_url: 'https://login.example.com/token',
      client_id: 'a',
      client_secret: 'b',
      auth_style: 'basic',
    } as const;
    const withoutToken = await run(aSubscription({ endpoint: { auth, headers: {}, timeout_seconds: 15 } }));
    expect(withoutToken).toMatchObject({
      passed: false,
      posts: [{ sent: undefined, outcome: { error: 'token endpoint answered 401' } }],
    });
    expect(engine.callbacks.requests).toEqual([]);
  });

  test('makes the engine forget a token that the endpoint refuses', async () => {
    engine.callbacks.answerWith(() => answered(401));
    const auth = {
      type: 'oauth2',
      token_url: 'https://login.example.com/token',
      client_id: 'a',
      client_secret: 'b',
      auth_style: 'basic',
    } as const;
    await run(aSubscription({ endpoint: { auth, headers: {}, timeout_seconds: 15 } }));
    expect(engine.tokens.forgotten).toEqual(['token-1']);
  });

  test('arrives in time: a slow receiver gets the remaining time, and no further request once it is used up', async () => {
    const timeouts: (number | undefined)[] = [];
    engine.callbacks.post = async ({ timeoutMs }) => {
      timeouts.push(timeoutMs);
      engine.clock.advance(timeoutMs ?? 0);
      return { kind: 'failed', error: 'no answer', durationMs: timeoutMs ?? 0 };
    };
    const slow = aSubscription({ endpoint: { headers: {}, timeout_seconds: 30 } });
    const startedAtMs = engine.clock.nowMs();
    const { posts, passed } = await run(slow, { simulate: 'duplicate' });
    expect(timeouts).toEqual([25_000]);
    expect(passed).toBe(false);
    expect(posts[1]).toMatchObject({ sent: undefined, outcome: { error: expect.stringContaining('not sent') } });
    expect(engine.clock.nowMs() - startedAtMs).toBeLessThanOrEqual(26_000);
  });
});
