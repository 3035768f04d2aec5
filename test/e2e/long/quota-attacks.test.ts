import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { seedApiKey } from '../../../lib/local/admin-key.ts';
import { type EventWay, startEventWay } from '../../bench/stages/event-way.ts';
import { useRunningEngine } from '../running-engine.ts';

const running = useRunningEngine();
const greedyKey = 'tk_greedy_secret-of-greedy';
const globexKey = 'tk_globex_secret-of-globex';
/** `apiWaitingCallsPerKey` of the stage local. */
const mayWait = 5;
/** `subscriptionsPerTenant` */
const maySubscribe = 100;

beforeAll(async () => {
  const { engine } = running();
  await seedApiKey(engine, greedyKey, 'greedy');
  await seedApiKey(engine, globexKey, 'globex');
});

test('H3: thirty waiting calls of one key do not occupy all functions, so another tenant gets answers', async () => {
  const { call, account, github } = running();
  const { url } = await account('github', { tenant: 'greedy' });
  const wait = () => call('GET', '/v1/events?since=now&wait=20', undefined, greedyKey);
  const calls = Array.from({ length: 30 }, wait);
  // They queue behind the thirty: if all of these waited, the others would be answered only after 20 s.
  const others = await Promise.all([
    call('GET', '/v1/events', undefined, globexKey),
    call('GET', '/v1/subscriptions', undefined, globexKey),
  ]);
  expect(others.map(({ status }) => status)).toEqual([200, 200]);
  // The calls that wait receive the event and free their places.
  expect((await github(url)).status).toBe(200);
  const answered = await Promise.all(calls);
  expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = answered.filter(({ headers }) => headers.get('tributary-wait') === 'full');
  expect(refused.every(({ body }) => body.data.length === 0)).toBe(true);
  // On a slow machine, some calls wait until they time out, and as many more take their places.
  expect(refused.length).toBeGreaterThanOrEqual(30 - 2 * mayWait);
  expect(refused.length).toBeLessThanOrEqual(30 - mayWait);
  const next = await call('GET', '/v1/events?since=now&wait=1', undefined, greedyKey);
  expect(next.headers.get('tributary-wait')).toBeNull();
});

test('H5: a subscription beyond the quota is refused with the name of the quota, even when many are created at once', async () => {
  const { call } = running();
  const create = (key = greedyKey) => call('POST', '/v1/subscriptions', { url: 'http://127.0.0.1:9/hooks' }, key);
  for (let made = 0; made < maySubscribe - 5; made += 1) expect((await create()).status).toBe(201);
  const raced = await Promise.all(Array.from({ length: 20 }, () => create()));
  expect(new Set(raced.map(({ status }) => status)).has(500)).toBe(false);
  for (let last = await create(); last.status !== 422; last = await create()) expect(last.status).toBe(201);
  const refused = await create();
  expect(refused.status).toBe(422);
  expect(refused.body).toMatchObject({
    reason: 'quota-exceeded',
    quota: 'subscriptionsPerTenant',
    limit: maySubscribe,
    detail: expect.stringContaining('The tenant has 100 subscriptions, which is its limit (subscriptionsPerTenant).'),
  });
  const { body } = await call('GET', '/v1/subscriptions?limit=500', undefined, greedyKey);
  expect(body.data).toHaveLength(maySubscribe);
  // Another tenant has a quota of its own, and a deletion frees a place.
  expect((await create(globexKey)).status).toBe(201);
  expect((await call('DELETE', `/v1/subscriptions/${body.data[0].id}`, undefined, greedyKey)).status).toBe(204);
  expect((await create()).status).toBe(201);
});

test('H5: publishing honours a creation, change or deletion of a subscription as soon as the API answers it', async () => {
  const { call, account, github, subscriber, eventually } = running();
  const { url } = await account('github', { tenant: 'initech' });
  const first = await subscriber({ tenant: 'initech' });
  await github(url);
  await eventually(() => first.callbacks.length === 1);
  // Each of these calls makes the cached subscriptions stale.
  const second = await subscriber({ tenant: 'initech' });
  expect((await call('DELETE', `/v1/subscriptions/${first.id}`)).status).toBe(204);
  await github(url);
  await eventually(() => second.callbacks.length === 1);
  expect((await call('POST', `/v1/subscriptions/${second.id}/disable`)).status).toBe(200);
  const third = await subscriber({ tenant: 'initech' });
  await github(url);
  await eventually(() => third.callbacks.length === 1);
  expect([first, second, third].map(({ callbacks }) => callbacks.length)).toEqual([1, 1, 1]);
});

let way: EventWay | undefined;
afterAll(() => way?.stop());

test('H5: while no subscription changes, publishing reads their versions only', async () => {
  way = await startEventWay(inject('assembly'), { tenants: 1, subscriptions: maySubscribe });
  const batches = { normalize: 10, deliver: 1 };
  await way.run({ events: 10, bodyBytes: 1_024, batches });
  const { stages } = await way.run({ events: 20, bodyBytes: 1_024, batches });
  const { requests, invocations } = stages.normalize;
  expect(requests['dynamodb:Query'] ?? 0).toBe(0);
  expect(requests['dynamodb:BatchGetItem']).toBe(invocations);
});
