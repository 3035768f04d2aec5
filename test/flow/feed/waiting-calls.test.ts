import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { FakeApi, FakeApiOptions } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { createApiWorld } from '../api-world.ts';

const waitingPolicy = { perKey: 2, perTenant: 3 };
const open = (options: FakeApiOptions = {}) =>
  createApiWorld({ waitingPolicy, keys: [apiKey('second', 'secret', 'acme')], ...options });
const second = 'tk_second_secret';
const end = '/v1/events?since=now&wait=20';
const startedAt = (api: FakeApi) => api.engine.clock.nowMs();

/** Fill a bucket with calls that wait. */
async function occupy(api: FakeApi, name: string, calls: number) {
  const untilMs = startedAt(api) + 1000 * limits.apiTimeoutSeconds;
  for (let call = 0; call < calls; call += 1) await api.ports.waitingCalls.enter([{ name, most: 100 }], untilMs);
}

test('a read waits while there is room, and frees its place', async () => {
  const { api } = await open();
  for (let call = 0; call < 5; call += 1) {
    const beginsAtMs = startedAt(api);
    const answer = await api.call('GET', end, undefined, 'acme');
    expect(answer.headers).not.toHaveProperty('tributary-wait');
    expect(startedAt(api) - beginsAtMs).toBe(20_000);
  }
});

test('of many concurrent reads only the allowed number wait; the others are answered immediately, and the answer says so', async () => {
  const { api } = await open();
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.call('GET', end, undefined, 'acme')));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(answers.filter(({ headers }) => headers['tributary-wait'] === 'full')).toHaveLength(8);
});

test.each([
  ['its key', 'key#acme', 2, 'acme'],
  ['its tenant', 'tenant#acme', 3, second],
] as const)('a read is answered immediately while too many calls of %s wait', async (_, bucket, calls, as) => {
  const { api } = await open();
  await occupy(api, bucket, calls);
  const beginsAtMs = startedAt(api);
  const answer = await api.call('GET', end, undefined, as);
  expect(answer).toMatchObject({ status: 200, body: { data: [] }, headers: { 'tributary-wait': 'full' } });
  expect(startedAt(api)).toBe(beginsAtMs);
  // Stored events are returned normally, without the header.
  const there = await api.call('GET', '/v1/events?wait=20', undefined, as);
  expect(there.body.data).toHaveLength(2);
  expect(there.headers).not.toHaveProperty('tributary-wait');
});

test('calls of another tenant or key still wait (invariant 12)', async () => {
  const { api } = await open();
  await occupy(api, 'key#acme', 2);
  for (const as of ['globex', second, 'all']) {
    const answer = await api.call('GET', `${end}${as === 'all' ? '&tenant=acme' : ''}`, undefined, as);
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('tributary-wait');
  }
});

test('a lease is granted immediately, without events, while too many calls wait', async () => {
  const { api } = await open();
  await api.call('POST', '/v1/consumers', { name: 'late', since: 'now' }, 'acme');
  await occupy(api, 'key#acme', 2);
  const answer = await api.call('POST', '/v1/consumers/late/lease', { wait: 20 }, 'acme');
  expect(answer).toMatchObject({ status: 200, body: { data: [] }, headers: { 'tributary-wait': 'full' } });
  // Its holder continues with it.
  const { lease } = answer.body;
  expect((await api.call('POST', '/v1/consumers/late/lease', { lease }, 'acme')).status).toBe(200);
});

test.each([
  ['a test of an endpoint', '/v1/subscriptions/sub_acme/test', {}],
  ['a dry run of a replay', '/v1/subscriptions/sub_acme/replay', { mode: 'all', dry_run: true }],
] as const)('fails when %s would be one too many (429), and nothing is sent', async (_, path, body) => {
  const { api } = await open();
  await occupy(api, 'key#acme', 2);
  const sent = api.engine.callbacks.requests.length;
  const answer = await api.call('POST', path, body, 'acme', { 'idempotency-key': 'one' });
  expect(answer.status).toBe(429);
  expect(answer.headers).toHaveProperty('retry-after', '5');
  expect(answer.body).toMatchObject({
    reason: 'too-many-waiting',
    detail: expect.stringContaining('2 calls of this key'),
  });
  expect(api.engine.callbacks.requests).toHaveLength(sent);
  api.engine.clock.advance(60_000);
  // The call was not carried out, so its idempotency key is free again; each later call frees its place.
  expect((await api.call('POST', path, body, 'acme', { 'idempotency-key': 'one' })).status).toBe(200);
  for (let call = 0; call < 3; call += 1) expect((await api.call('POST', path, body, 'acme')).status).toBe(200);
});

test('starting a replay, and a dry run of one event, take no place', async () => {
  const { api } = await open();
  await occupy(api, 'key#acme', 2);
  const replay = (body: object) => api.call('POST', '/v1/subscriptions/sub_acme/replay', body, 'acme');
  expect((await replay({ mode: 'all' })).status).toBe(202);
  expect((await replay({ event: 'evt_1', dry_run: true })).status).toBe(200);
});

test('a read is answered immediately when waiting calls cannot be counted', async () => {
  const { api } = await open();
  Object.assign(api.ports.waitingCalls, { enter: () => Promise.reject(new Error('the table does not exist')) });
  const answer = await api.call('GET', end, undefined, 'acme');
  expect(answer).toMatchObject({ status: 200, headers: { 'tributary-wait': 'full' } });
});
