import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Webhook } from 'standardwebhooks';
import { beforeAll, expect, test } from 'vitest';
import { createDynamoEndpointStore } from '../../lambdas/adapters/dynamo/stores/endpoint-store.ts';
import { environmentKeys } from '../../lambdas/contracts/environment.ts';

import { newEndpoint } from '../../lambdas/engine/delivery/endpoint-state.ts';
import { seedApiKey } from '../../lib/local/admin-key.ts';
import { type Callback, useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();
const otherKey = 'tk_other_secret-of-other';

beforeAll(async () => {
  await seedApiKey(running().engine, otherKey, 'other');
});

function isVerified(webhook: Webhook, callback: Callback): boolean {
  try {
    running().verify(webhook, callback);
    return true;
  } catch {
    return false;
  }
}

test('callbacks are shaped, signed with v1 and v1a, changed by an update, and verified with the published keys', async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'shaped' });
  const receiver = await subscriber({
    tenant: 'shaped',
    signatures: ['v1', 'v1a'],
    envelope: 'cloudevents',
    headers: { 'x-team': 'payments' },
    auth: { type: 'basic', username: 'tributary', password: 'hidden' },
  });
  await github(url, { issue: 901 });
  await eventually(() => receiver.callbacks.length > 0);
  const [first] = receiver.callbacks;
  if (first === undefined) throw new Error('no callback');
  expect(first.headers).toMatchObject({
    'x-team': 'payments',
    authorization: `Basic ${Buffer.from('tributary:hidden').toString('base64')}`,
    'content-type': 'application/cloudevents+json',
  });
  expect(first.event).toMatchObject({ specversion: '1.0', type: 'com.tributary.record.created' });
  expect(isVerified(receiver.webhook, first)).toBe(true);

  // The receiver has no API key.
  const published = await (await fetch(`${engine.url}/v1/subscriptions/${receiver.id}/keys`)).json();
  const [jwk] = (published as { keys: JsonWebKey[] }).keys;
  const { headers } = first;
  const signed = [headers['webhook-id'], headers['webhook-timestamp'], first.body].join('.');
  const signatures = String(headers['webhook-signature']).split(' ');
  const v1a = signatures.find((signature) => signature.startsWith('v1a,'));
  const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  expect(verify(null, Buffer.from(signed), key, Buffer.from(v1a?.slice(4) ?? '', 'base64'))).toBe(true);

  const changed = await call('PATCH', `/v1/subscriptions/${receiver.id}`, {
    envelope: null,
    auth: null,
    transform: '{ "ticket": record_id }',
  });
  expect(changed.body).toMatchObject({ envelope: 'tributary', auth: null, headers: { 'x-team': '***' } });
  await github(url, { issue: 902 });
  await eventually(() => receiver.callbacks.length > 1);
  expect(JSON.parse(receiver.callbacks[1]?.body ?? '')).toEqual({ ticket: '902' });
  expect(receiver.callbacks[1]?.headers.authorization).toBeUndefined();
});

test('an endpoint test uses the real callback path and reports the results', async () => {
  const { subscriber, call } = running();
  const receiver = await subscriber({ tenant: 'tested', resources: ['crm/contacts'] });
  const run = async (simulate?: string) =>
    (await call('POST', `/v1/subscriptions/${receiver.id}/test`, simulate === undefined ? undefined : { simulate }))
      .body;
  receiver.answer((callback, response) => {
    if (callback.body.length > 500_000) response.writeHead(413).end();
    else response.writeHead(isVerified(receiver.webhook, callback) ? 204 : 401).end();
  });
  const plain = await run();
  expect(plain).toMatchObject({
    simulate: null,
    passed: true,
    posts: [{ status: 204, resource: 'crm/contacts', request: { headers: { 'user-agent': 'Tributary/1' } } }],
  });
  expect(receiver.callbacks[0]?.event).toMatchObject({ id: plain.posts[0].event_id, origin: 'test', tenant: 'tested' });
  for (const simulate of ['duplicate', 'out-of-order', 'burst', 'bad-signature', 'old-timestamp', 'oversized'])
    expect(await run(simulate)).toMatchObject({ simulate, passed: true });
  expect(receiver.callbacks).toHaveLength(1 + 2 + 2 + 20 + 1 + 1 + 1);

  receiver.answer((_, response) => void response.writeHead(200).end('whatever'));
  expect(await run('bad-signature')).toMatchObject({ passed: false, posts: [{ status: 200, response: 'whatever' }] });
  expect((await call('GET', `/v1/subscriptions/${receiver.id}/deliveries`)).body.data).toEqual([]);
  expect((await call('GET', '/v1/events?tenant=tested')).body.data).toEqual([]);
});

test('a disabled subscription catches up when it is enabled, and its past events can be replayed and redelivered', async () => {
  const { account, subscriber, github, call, eventually } = running();
  const { url } = await account('github', { tenant: 'paused' });
  const receiver = await subscriber({ tenant: 'paused' });
  const path = `/v1/subscriptions/${receiver.id}`;
  await github(url, { issue: 1 });
  await eventually(() => receiver.ids().size === 1);
  await call('POST', `${path}/disable`);
  for (const issue of [2, 3]) await github(url, { issue });
  await eventually(async () => (await call('GET', '/v1/events?tenant=paused')).body.data.length === 3);
  expect(receiver.ids().size).toBe(1);

  const enabled = await call('POST', `${path}/enable`, { catch_up: true });
  expect(enabled.body).toMatchObject({ status: 'enabled', catch_up: { mode: 'missing', state: 'running' } });
  await eventually(() => receiver.ids().size === 3);
  expect(receiver.callbacks).toHaveLength(3);
  await eventually(
    async () => (await call('GET', `${path}/replays/${enabled.body.catch_up.id}`)).body.state === 'done',
  );

  expect((await call('POST', `${path}/replay`, { mode: 'all', dry_run: true })).body).toMatchObject({ matched: 3 });
  expect((await call('POST', `${path}/replay`, { mode: 'missing', dry_run: true })).body).toMatchObject({ matched: 0 });
  await call('POST', `${path}/replay`, { mode: 'all' });
  await eventually(() => receiver.callbacks.length === 6);
  expect(receiver.callbacks[5]?.headers['tributary-replay']).toBe('true');
  expect(receiver.ids().size).toBe(3);

  const [delivery] = (await call('GET', `${path}/deliveries?state=delivered&limit=1`)).body.data;
  expect((await call('GET', `/v1/deliveries/${delivery.id}`)).body).toMatchObject({
    id: delivery.id,
    attempt_count: 2,
  });
  expect((await call('GET', `/v1/deliveries/${delivery.id}`, undefined, otherKey)).status).toBe(404);
  await call('POST', `/v1/deliveries/${delivery.id}/retry`);
  await eventually(() => receiver.callbacks.length === 7);
  await call('POST', `/v1/events/${delivery.event_id}/redeliver`, { subscription: receiver.id });
  await eventually(() => receiver.callbacks.length === 8);
});

test('a full batch is sent, and its deliveries are listed page by page, each once', async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  const maxWaitSeconds = 60;
  const { url } = await account('github', { tenant: 'batched' });
  const receiver = await subscriber({ tenant: 'batched', batch: { max_events: 5, max_wait_seconds: maxWaitSeconds } });
  const beganAtMs = engine.now();
  for (const issue of [1, 2, 3, 4, 5]) await github(url, { issue });
  await eventually(() => receiver.callbacks.length > 0);
  expect(engine.now() - beganAtMs).toBeLessThan(maxWaitSeconds * 1000);
  const { events } = JSON.parse(receiver.callbacks[0]?.body ?? '') as { readonly events: readonly { id: string }[] };
  expect(events).toHaveLength(5);
  const path = `/v1/subscriptions/${receiver.id}/deliveries?limit=2`;
  await eventually(async () => (await call('GET', `${path}&state=delivered`)).body.data.length === 2);
  const listed: string[][] = [];
  for (let cursor = ''; ; ) {
    const { body } = await call('GET', `${path}${cursor}`);
    listed.push(body.data.map(({ event_id }: { event_id: string }) => event_id));
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  expect(listed.flat().sort()).toEqual(events.map(({ id }) => id).sort());
  expect(Math.max(...listed.map((page) => page.length))).toBeLessThanOrEqual(2);
});

test('a secret rotates while callbacks continue, and a deleted subscription receives nothing more', async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'rotated' });
  const receiver = await subscriber({ tenant: 'rotated' });
  const path = `/v1/subscriptions/${receiver.id}`;
  const { secret } = (await call('POST', `${path}/rotate-secret`, { overlap_seconds: 60 })).body;
  await github(url, { issue: 11 });
  await eventually(() => receiver.callbacks.length === 1);
  const [callback] = receiver.callbacks;
  if (callback === undefined) throw new Error('no callback');
  expect(isVerified(receiver.webhook, callback)).toBe(true);
  expect(isVerified(new Webhook(secret), callback)).toBe(true);

  receiver.answer((_, response) => void response.writeHead(500).end());
  await github(url, { issue: 12 });
  await eventually(() => receiver.callbacks.length === 2);
  const cancelled = engine.metrics.sum('cancelled', { service: 'api' });
  const [delivery] = (await call('GET', `${path}/deliveries?state=retrying`)).body.data;
  expect((await call('POST', `/v1/deliveries/${delivery.id}/cancel`)).body.state).toBe('cancelled');
  await eventually(() => engine.metrics.sum('cancelled', { service: 'api' }) === cancelled + 1);

  const answer = await call('DELETE', path);
  expect([answer.status, answer.body]).toEqual([204, '']);
  expect((await call('GET', path)).status).toBe(404);
  await github(url, { issue: 13 });
  await eventually(async () => (await call('GET', '/v1/events?tenant=rotated')).body.data.length === 3);
  await engine.advanceClock(60_000);
  expect(receiver.callbacks).toHaveLength(2);
});

test('published events wake an ordered subscription, which receives the events of each record in order', async () => {
  const { account, subscriber, github, call, engine, eventually } = running();
  const { url } = await account('github', { tenant: 'in-order' });
  const receiver = await subscriber({ tenant: 'in-order', ordering: 'record', retry: { schedule_seconds: [60] } });
  let refusals = 1;
  receiver.answer(({ event }, response) => {
    const isRefused = event['record_id'] === '1' && refusals > 0;
    if (isRefused) refusals -= 1;
    response.writeHead(isRefused ? 500 : 204).end();
  });
  const published = async (count: number) =>
    eventually(async () => (await call('GET', '/v1/events?tenant=in-order')).body.data.length === count);
  await github(url, { issue: 1 });
  await eventually(() => receiver.callbacks.length === 1);
  await github(url, { issue: 1 });
  await published(2);
  // The next event of the same record waits. An event of another record does not, although the next drain is due in a
  // minute.
  await github(url, { issue: 2 });
  await eventually(() => receiver.callbacks.length === 2);
  await engine.advanceClock(80_000);
  await eventually(() => receiver.callbacks.length === 4);
  const sequences = receiver.callbacks.map(({ event }) => event['sequence']);
  expect(sequences).toEqual([1, 3, 1, 2]);

  const client = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const table = engine.environment('normalize')[environmentKeys.limitsTable] ?? '';
  const endpoints = createDynamoEndpointStore(client, table, newEndpoint);
  const [state] = await endpoints.getMany([{ endpoint: receiver.id, scope: 'in-order' }]);
  // Each webhook woke the endpoint: without the grant, only drain messages would have.
  expect(state?.wakeups).toBeGreaterThanOrEqual(3);
  client.destroy();
}, 60_000);
