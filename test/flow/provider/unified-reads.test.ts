import { expect, test } from 'vitest';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { aTicket, desk, deskWith } from './desk.ts';

const account = {
  id: 'acc_desk',
  tenant: 'acme',
  integration: 'desk',
  context: { subdomain: 'acme' },
  credentials: { type: 'api_key', key: 'planted-secret' },
};
const records = '/v1/accounts/acc_desk/records/ticketing/tickets';

async function connected(
  respond: (url: URL, request: ApiRequest) => Parameters<typeof answer>[0] = () => 404,
  definition = desk,
) {
  const api = createFakeApi({ definitions: [definition] });
  api.provider.respond((request) => {
    const url = new URL(request.url);
    return url.pathname === '/v2/me' ? { body: { ok: true } } : answer(respond(url, request));
  });
  const created = await api.call('POST', '/v1/accounts', account);
  expect(created).toMatchObject({ status: 201 });
  api.provider.requests.length = 0;
  return api;
}

const answer = (given: number | { status?: number; headers?: Record<string, string>; body?: unknown }) => given;

test('an account shows the kind of its credentials, and never a value', async () => {
  const api = await connected();
  const shown = await api.call('GET', '/v1/accounts/acc_desk');
  expect(shown.body).toMatchObject({
    status: 'active',
    credentials: { type: 'api_key', expires_at: null, updated_at: expect.any(String) },
  });
  expect(JSON.stringify(shown)).not.toContain('planted-secret');
});

test.each([
  [{ credentials: { type: 'basic' } }, 'credentials.type'],
  [{ credentials: { type: 'api_key' } }, 'credentials.key'],
  [{ credentials: { type: 'api_key', key: 'k', other: 'x' } }, 'credentials.other'],
  [{ context: {} }, 'context.subdomain'],
])('credentials that do not fit the definition are refused: %j', async (change, path) => {
  const api = createFakeApi({ definitions: [desk] });
  const refused = await api.call('POST', '/v1/accounts', { ...account, ...change });
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  expect(api.provider.requests).toEqual([]);
});

test('a wrong key is told at once, and nothing is stored; a fault of the moment stops nobody', async () => {
  const api = createFakeApi({ definitions: [desk] });
  api.provider.respond(() => 401);
  expect(await api.call('POST', '/v1/accounts', account)).toMatchObject({
    status: 422,
    body: { reason: 'credentials-refused' },
  });
  expect((await api.call('GET', '/v1/accounts/acc_desk')).status).toBe(404);
  expect(api.provider.ports.credentials.stored.size).toBe(0);
  api.provider.respond(() => 503);
  expect(await api.call('POST', '/v1/accounts', account)).toMatchObject({ status: 201, body: { status: 'active' } });
  // A provider that hangs must not outlast the call of the API.
  expect(api.provider.requests.every(({ timeoutMs }) => timeoutMs <= 6_000)).toBe(true);
});

test('a context value cannot lead calls to another host', async () => {
  const api = createFakeApi({ definitions: [desk] });
  for (const subdomain of ['evil.example/', 'evil.example#', 'a.b', 'x@evil.example', ''])
    expect((await api.call('POST', '/v1/accounts', { ...account, context: { subdomain } })).status).toBe(422);
  expect(api.provider.requests).toEqual([]);
});

test('a unified read is the record in the shape of its resource', async () => {
  const api = await connected((url) => (url.pathname === '/v2/tickets/7' ? { body: { ticket: aTicket(7) } } : 404));
  expect(await api.call('GET', `${records}/7`)).toMatchObject({
    status: 200,
    body: {
      resource: 'ticketing/tickets',
      record_id: '7',
      data: { id: '7', title: 'Ticket 7', status: 'open', updated_at: '2026-11-21T11:00:00Z' },
    },
  });
  expect(api.provider.requests[0]).toMatchObject({
    url: 'https://acme.desk.example/v2/tickets/7',
    headers: { authorization: 'Token planted-secret', accept: 'application/json' },
  });
  expect(await api.call('GET', `${records}/8`)).toMatchObject({ status: 404 });
  expect((await api.call('GET', `${records}/7`, undefined, 'globex')).status).toBe(404);
});

test('a record whose URL needs more than its id is read with its address', async () => {
  const definition = deskWith({
    tickets: { batch_get: undefined, get: { path: '/projects/{address.project}/tickets/{id}', record: 'ticket' } },
  });
  const api = await connected(
    ({ pathname }) => (pathname === '/v2/projects/a%2F..%2Fb/tickets/7' ? { body: { ticket: aTicket(7) } } : 404),
    definition,
  );
  expect(await api.call('GET', `${records}/7`)).toMatchObject({
    status: 422,
    body: { reason: 'account-incomplete', detail: expect.stringContaining('address[project]') },
  });
  expect(await api.call('GET', `${records}/7?address[project]=${encodeURIComponent('a/../b')}`)).toMatchObject({
    status: 200,
    body: { record_id: '7' },
  });
});

test('a page goes on by its cursor, which no other account and no other list takes', async () => {
  const api = await connected((url) =>
    url.searchParams.get('cursor') === 'p2'
      ? { body: { tickets: [aTicket(2)] } }
      : { body: { tickets: [aTicket(1)], next: 'p2' } },
  );
  const first = await api.call('GET', `${records}?status=open&updated_since=2026-11-20T00:00:00Z`);
  expect(first).toMatchObject({ status: 200, body: { data: [{ record_id: '1' }] } });
  expect(api.provider.requests[0]?.url).toBe('https://acme.desk.example/v2/tickets?since=1795132800&status=open');
  const cursor = (first.body as { next_cursor: string }).next_cursor;
  const second = await api.call('GET', `${records}?status=open&updated_since=2026-11-20T00:00:00Z&cursor=${cursor}`);
  expect(second).toMatchObject({ status: 200, body: { data: [{ record_id: '2' }], next_cursor: null } });
  expect((await api.call('GET', `${records}?status=closed&cursor=${cursor}`)).status).toBe(400);
});

test('changes are read by the call that can be made, where the listing needs another filter', async () => {
  const definition = deskWith({
    tickets: {
      list: {
        path: '/projects/{filter.project}/tickets',
        query: { since: '{filter.updated_at.gte?}' },
        records: 'tickets',
      },
      changes: { path: '/changes', query: { since: '{since}' }, records: 'tickets' },
    },
  });
  const api = await connected(() => ({ body: { tickets: [aTicket(1)] } }), definition);
  const since = 'updated_since=2026-11-20T00:00:00Z';
  expect((await api.call('GET', `${records}?${since}`)).status).toBe(200);
  expect((await api.call('GET', `${records}?${since}&project=p`)).status).toBe(200);
  expect(api.provider.requests.map(({ url }) => new URL(url).pathname)).toEqual([
    '/v2/changes',
    '/v2/projects/p/tickets',
  ]);
});

test('a filter that the listing lacks is an error, and no call', async () => {
  const api = await connected();
  expect(await api.call('GET', `${records}?colour=red`)).toMatchObject({
    status: 422,
    body: { reason: 'not-supported', detail: expect.stringContaining('colour') },
  });
  expect(api.provider.requests).toEqual([]);
});

test.each([
  [{ status: 403, body: { code: 'plan' } }, 502, { reason: 'provider-error', provider_status: 403 }],
  [{ status: 404, body: { code: 'hidden' } }, 404, { detail: expect.stringContaining('or the credentials may not') }],
  [{ status: 200, body: { code: 'none' } }, 404, { detail: expect.stringContaining('or the credentials may not') }],
  [500, 502, { reason: 'provider-error', provider_status: 500 }],
  [{ body: { nothing: true } }, 502, { reason: 'provider-error', provider_status: 200 }],
  [{ status: 429, headers: { 'retry-after': '7' } }, 429, { reason: 'provider-limit' }],
  [401, 409, { reason: 'account-auth-failed' }],
])('the provider answers %j: the caller gets %i', async (given, status, body) => {
  const api = await connected(() => given);
  expect(await api.call('GET', `${records}/7`)).toMatchObject({ status, body });
});

test('after a refused key the account waits for another one, and says so', async () => {
  const api = await connected(() => 401);
  await api.call('GET', `${records}/7`);
  expect((await api.call('GET', '/v1/accounts/acc_desk')).body).toMatchObject({
    status: 'auth_failed',
    status_reason: expect.any(String),
    status_since: expect.any(String),
  });
  api.provider.requests.length = 0;
  expect((await api.call('GET', `${records}/7`)).status).toBe(409);
  expect(api.provider.requests).toEqual([]);
  api.provider.respond((request) =>
    request.url.endsWith('/me') ? { body: { ok: true } } : { body: { ticket: aTicket(7) } },
  );
  const changed = await api.call('PATCH', '/v1/accounts/acc_desk', { credentials: { type: 'api_key', key: 'new' } });
  expect(changed).toMatchObject({ status: 200, body: { status: 'active' } });
  expect((await api.call('GET', `${records}/7`)).status).toBe(200);
});

test('reads share the budget: the eleventh call of a minute is not made, and tells when to come again', async () => {
  const api = await connected(() => ({ body: { ticket: aTicket(7) } }));
  // The test of the credentials was the first.
  for (let call = 2; call <= 9; call += 1) expect((await api.call('GET', `${records}/7`)).status).toBe(200);
  const refused = await api.call('GET', `${records}/7`);
  expect(refused).toMatchObject({ status: 429, body: { limit: 'minute' } });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(30);
  expect((await api.call('GET', '/v1/accounts/acc_desk/limits')).body).toMatchObject({
    limits: [
      { name: 'minute', maximum: 10, remaining: 1 },
      { name: 'at_once', maximum: 3, remaining: 3 },
    ],
    waiting: [{ priority: 'read', calls: 1 }],
  });
});

test('the proxy passes a request on below the base URL, without the credentials of the caller', async () => {
  const api = await connected((url, request) => ({
    status: 207,
    headers: { 'x-total': '1', 'set-cookie': 'a=b', connection: 'x-total2', 'x-total2': '2' },
    body: { method: request.method, path: url.pathname + url.search, body: request.body },
  }));
  const passed = await api.call('POST', '/v1/accounts/acc_desk/proxy/tickets/7/tags?a=1', { tag: 'x' }, 'all', {
    'x-custom': 'kept',
    cookie: 'session=1',
    'x-forwarded-for': '1.2.3.4',
  });
  expect(passed).toMatchObject({
    status: 207,
    headers: { 'x-total': '1' },
    body: { method: 'POST', path: '/v2/tickets/7/tags?a=1', body: '{"tag":"x"}' },
  });
  expect(Object.keys(passed.headers)).not.toEqual(expect.arrayContaining(['set-cookie']));
  expect(passed.headers['x-total2']).toBeUndefined();
  const [sent] = api.provider.requests;
  expect(sent?.headers).toMatchObject({ authorization: 'Token planted-secret', 'x-custom': 'kept' });
  expect(sent?.headers['cookie']).toBeUndefined();
  expect(sent?.headers['x-forwarded-for']).toBeUndefined();
});

test('the proxy sends what each call of the definition has, unless the caller says otherwise', async () => {
  const definition = deskWith({
    api: { headers: { 'X-Site': '{context.subdomain}', 'X-Version': '2' }, query: { v: '7', lang: 'en' } },
  });
  const api = await connected(() => ({ body: {} }), definition);
  await api.call('GET', '/v1/accounts/acc_desk/proxy/tickets?lang=sv', undefined, 'all', { 'x-version': '3' });
  expect(api.provider.requests).toMatchObject([
    {
      url: 'https://acme.desk.example/v2/tickets?lang=sv&v=7',
      headers: { 'x-site': 'acme', 'x-version': '3', authorization: 'Token planted-secret' },
    },
  ]);
});

test.each(['../admin', '..%2Fadmin', 'a/../../admin', '%2e%2e/admin'])(
  'the proxy does not leave the base URL: %s',
  async (path) => {
    const api = await connected(() => ({ body: {} }));
    const { status } = await api.call('GET', `/v1/accounts/acc_desk/proxy/${path}`);
    expect([400, 404]).toContain(status);
    expect(api.provider.requests).toEqual([]);
  },
);
