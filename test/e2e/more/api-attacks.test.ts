import { expect, test } from 'vitest';
import { localAdminKey, seedApiKey } from '../../../lib/local/admin-key.ts';
import { type Answer, useRunningEngine } from '../running-engine.ts';

/** Replays the proofs that the security review found against the API. */

const running = useRunningEngine();
const acmeKey = 'tk_acme_secret-of-acme';
const globexKey = 'tk_globex_secret-of-globex';
const weekMs = 7 * 86_400_000;

async function seed(): Promise<void> {
  await seedApiKey(running().engine, acmeKey, 'acme');
  await seedApiKey(running().engine, globexKey, 'globex');
}
const made = async (method: string, path: string, body: unknown, key: string) => {
  const answer = await running().call(method, path, body, key);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
};

test("M1: a tenant cannot reuse another tenant's subscription id to set its position", async () => {
  const { call, github, account, subscriber, eventually } = running();
  await seed();
  const mallory = await account('github', { tenant: 'globex' });
  for (const issue of [1, 2, 3, 4, 5]) await github(mallory.url, { issue });
  await eventually(async () => (await call('GET', '/v1/events?tenant=globex')).body.data.length === 5);

  const victim = await account('github', { tenant: 'acme' });
  const ordered = { id: 'sub_victim', tenant: 'acme', ordering: 'tenant' };
  const { id } = await subscriber(ordered);
  await made('DELETE', `/v1/subscriptions/${id}`, undefined, acmeKey);
  const attack = { id, url: 'http://127.0.0.1:9/hooks', ordering: 'tenant' };
  expect((await call('POST', '/v1/subscriptions', attack, globexKey)).status).toBe(409);

  const receiver = await subscriber(ordered);
  for (const issue of [1, 2]) await github(victim.url, { issue });
  await eventually(() => receiver.ids().size === 2);
  expect(receiver.callbacks.map(({ event }) => event['sequence'])).toEqual([1, 2]);
});

test('M2: a forged cursor reads nothing, not even from an export', async () => {
  const { call, github, account, subscriber, eventually } = running();
  await seed();
  const victim = await account('github', { tenant: 'acme', id: 'acc_m2' });
  const { id } = await subscriber({ tenant: 'acme', id: 'sub_m2' });
  for (const issue of [1, 2]) await github(victim.url, { issue });
  await eventually(async () => (await call('GET', `/v1/subscriptions/${id}/deliveries`)).body.data.length === 2);

  const raw = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const position of [['deliveries', 'sub_m2 '], { after: '["deliveries","sub_m2 "]' }]) {
    const answer = await call('GET', `/v1/tenants/globex/export?limit=1&cursor=${raw(position)}`, undefined, globexKey);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.not.stringContaining('sub_m2')]);
  }
  // A valid cursor of acme, unchanged and with one bit flipped.
  const { next_cursor: cursor } = await made('GET', '/v1/tenants/acme/export?limit=1', undefined, acmeKey);
  expect((await call('GET', `/v1/tenants/acme/export?cursor=${cursor}`, undefined, acmeKey)).status).toBe(200);
  expect((await call('GET', `/v1/tenants/globex/export?cursor=${cursor}`, undefined, globexKey)).status).toBe(400);
  expect((await call('GET', `/v1/tenants/acme/export?cursor=${cursor}`)).status).toBe(400);
  const bytes = Buffer.from(cursor, 'base64url');
  for (const at of [0, 1, 16, 17, bytes.length - 1]) {
    const forged = Buffer.from(bytes);
    forged[at] = (forged[at] as number) ^ 1;
    const path = `/v1/tenants/acme/export?cursor=${forged.toString('base64url')}`;
    expect((await call('GET', path, undefined, acmeKey)).status).toBe(400);
  }
  // A cursor of the feed is valid for every key that may read the feed, with any filters.
  const page = await made('GET', '/v1/events?tenant=acme&limit=1', undefined, localAdminKey);
  expect((await call('GET', `/v1/events?types=record:*&cursor=${page.next_cursor}`, undefined, acmeKey)).status).toBe(
    200,
  );
});

test('M4: a key can extend neither its own life nor its rate, directly or through another key', async () => {
  const { call, engine } = running();
  await seed();
  const expires = new Date(engine.now() + weekMs).toISOString();
  const later = new Date(engine.now() + 2 * weekMs).toISOString();
  const scopes = ['keys:write', 'events:read'];
  const bounded = { name: 'bounded', scopes, expires_at: expires, rate_per_minute: 600 };
  const { id, key } = await made('POST', '/v1/keys', bounded, acmeKey);
  const endless = await made('POST', '/v1/keys', { name: 'endless', scopes: ['events:read'] }, acmeKey);
  const refused = (answer: Answer) => [answer.status, answer.body.reason];

  expect(refused(await call('PATCH', `/v1/keys/${id}`, { expires_at: later }, key))).toEqual([403, 'own-key']);
  expect(refused(await call('PATCH', `/v1/keys/${id}`, { expires_at: null, rate_per_minute: null }, key))).toEqual([
    403,
    'own-key',
  ]);
  const create = (body: object) => call('POST', '/v1/keys', { name: 'child', scopes, ...body }, key);
  expect(refused(await create({ expires_at: later }))).toEqual([403, 'outlives']);
  expect(refused(await create({ rate_per_minute: 601 }))).toEqual([403, 'outpaces']);
  const child = await create({});
  expect(child.body).toMatchObject({ expires_at: expires, rate_per_minute: 600 });
  // The child cannot extend the key that created it either.
  expect(refused(await call('PATCH', `/v1/keys/${id}`, { expires_at: later }, child.body.key))).toEqual([
    403,
    'outlives',
  ]);
  expect(refused(await call('POST', `/v1/keys/${endless.id}/rotate`, {}, key))).toEqual([403, 'outlives']);
  expect(refused(await call('PATCH', `/v1/keys/${endless.id}`, { scopes }, key))).toEqual([403, 'outlives']);

  const rotated = await made('POST', `/v1/keys/${id}/rotate`, { overlap_seconds: 3600 }, key);
  expect(rotated).toMatchObject({ expires_at: expires, rate_per_minute: 600 });
  expect(refused(await call('POST', `/v1/keys/${id}/rotate`, {}, key))).toEqual([403, 'needs-current-secret']);
  expect((await call('DELETE', `/v1/keys/${id}`, undefined, rotated.key)).status).toBe(204);
});

test('M5: a subscription that moves to another origin does not send its secrets there', async () => {
  const { call, subscriber } = running();
  await seed();
  const secrets = { auth: { type: 'bearer', token: 'write-only' }, headers: { 'x-key': 'write-only-too' } };
  const honest = await subscriber({ tenant: 'acme', id: 'sub_m5', ...secrets });
  const thief = await subscriber({ tenant: 'acme', id: 'sub_thief' });
  const { key } = await made('POST', '/v1/keys', { name: 'thief', scopes: ['subscriptions:write'] }, acmeKey);
  const testIt = async () => {
    expect((await call('POST', '/v1/subscriptions/sub_m5/test', {}, key)).status).toBe(200);
  };
  await testIt();
  expect(honest.callbacks[0]?.headers).toMatchObject({ authorization: 'Bearer write-only', 'x-key': 'write-only-too' });

  const moved = await made('PATCH', '/v1/subscriptions/sub_m5', { url: thief.url }, key);
  expect([moved.auth, moved.headers, moved.client_certificate]).toEqual([null, {}, null]);
  await testIt();
  expect(JSON.stringify(thief.callbacks[0]?.headers)).not.toContain('write-only');
  const audit = await made(
    'GET',
    '/v1/audit?object=subscriptions/sub_m5&operation=updateSubscription',
    undefined,
    acmeKey,
  );
  expect(audit.data[0]).toMatchObject({ before: { auth: { type: 'bearer' } }, after: { auth: null, headers: {} } });
});

test('Low: the size of a token request is checked before it is parsed and before any store is read', async () => {
  const { engine } = running();
  for (const body of [
    `{"grant_type":"${'x'.repeat(4_500_000)}"}`,
    `grant_type=client_credentials&x=${'x'.repeat(9000)}`,
  ]) {
    const answer = await fetch(`${engine.url}/v1/token`, { method: 'POST', body });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request', status: 413 });
  }
  const stranger = await fetch(`${engine.url}/v1/accounts`, { method: 'POST', body: 'x'.repeat(1_048_577) });
  expect(stranger.status).toBe(413);
});

test('Low: refused credentials are counted, and appear in the audit log once per key and hour', async () => {
  const { call, engine, eventually } = running();
  await seed();
  const counted = () => engine.metrics.sum('credentials-refused');
  const before = counted();
  for (let n = 0; n < 3; n += 1)
    expect((await call('GET', '/v1/accounts', undefined, 'tk_acme_guess')).status).toBe(401);
  expect((await call('GET', '/v1/accounts', undefined, 'tk_unknown_guess')).status).toBe(401);
  await eventually(() => counted() === before + 4);
  const { data } = await made('GET', '/v1/audit?operation=refuseCredentials', undefined, acmeKey);
  expect(data).toHaveLength(1);
  expect(data[0]).toMatchObject({
    object: 'keys/acme',
    tenant: 'acme',
    status: 401,
    source: { ip: expect.any(String) },
    after: { reason: 'unknown', operation: 'listAccounts' },
  });
  expect(JSON.stringify(data)).not.toContain('guess');
  expect((await made('GET', '/v1/audit?operation=refuseCredentials', undefined, globexKey)).data).toEqual([]);
});

test('Low: events:read may neither delete nor seek consumers', async () => {
  const { call } = running();
  await seed();
  const reader = await made('POST', '/v1/keys', { name: 'reader', scopes: ['events:read'] }, acmeKey);
  const writer = await made('POST', '/v1/keys', { name: 'writer', scopes: ['consumers:write'] }, acmeKey);
  await made('POST', '/v1/consumers', { name: 'low', since: 'beginning' }, reader.key);
  const lease = await made('POST', '/v1/consumers/low/lease', { limit: 1 }, reader.key);
  const commit = { lease: lease.lease, cursor: lease.next_cursor, release: true };
  expect((await call('POST', '/v1/consumers/low/commit', commit, reader.key)).status).toBe(200);
  for (const [key, seek, remove] of [
    [reader.key, 403, 403],
    [writer.key, 200, 204],
  ] as const) {
    expect((await call('POST', '/v1/consumers/low/seek', { since: 'now' }, key)).status).toBe(seek);
    expect((await call('DELETE', '/v1/consumers/low', undefined, key)).status).toBe(remove);
  }
});

// API Gateway itself answers a path without a route, and an HTTP API cannot add headers to that answer.
test('Low: every answer of a function has HSTS and nosniff', async () => {
  const { engine, call, account, github } = running();
  await seed();
  const listed = await call('GET', '/v1/event-types');
  const bearer = { authorization: `Bearer ${localAdminKey}` };
  const get = async (path: string, init: RequestInit = {}) => fetch(`${engine.url}${path}`, init);
  const { url } = await account('github');
  const answers = [
    [200, listed],
    [304, await get('/v1/event-types', { headers: { ...bearer, 'if-none-match': listed.headers.get('etag') ?? '' } })],
    [200, await get('/healthz')],
    [401, await get('/v1/accounts')],
    [404, await get('/v1/nowhere', { headers: bearer })],
    [405, await get('/v1/event-types', { method: 'DELETE', headers: bearer })],
    [413, await get('/v1/token', { method: 'POST', body: 'x'.repeat(9000) })],
    [422, await call('POST', '/v1/accounts', {})],
    [200, await github(url)],
    [401, await github(url, { secret: 'wrong' })],
    [404, await get('/in/nowhere', { method: 'POST' })],
    [405, await fetch(url, { method: 'PUT' })],
  ] as const;
  for (const [status, { status: got, headers }] of answers) {
    expect(got).toBe(status);
    expect(headers.get('strict-transport-security'), String(status)).toBe('max-age=31536000');
    expect(headers.get('x-content-type-options'), String(status)).toBe('nosniff');
  }
});

test('a key whose row was written by hand has a created_at, which a rotation keeps', async () => {
  const { call, engine } = running();
  await seedApiKey(engine, 'tk_byhand_secret', null);
  const read = () => call('GET', '/v1/keys/byhand');
  const before = (await read()).body.created_at;
  expect(before).toMatch(/^\d{4}-/);
  await made('POST', '/v1/keys/byhand/rotate', {}, localAdminKey);
  expect((await read()).body.created_at).toBe(before);
});
