import { describe, expect, test } from 'vitest';
import { signToken } from '../../../lambdas/engine/access/access-token.ts';
import type { ApiKey } from '../../../lambdas/ports/tenants/api-key-store.ts';
import { createFakeApi, type FakeApi } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { usualQuotas } from '../../fakes/usual-quotas.ts';

const body = {
  tenant: 'acme',
  scopes: ['events:read', 'subscriptions:write'],
  return_url: 'https://app.example.com/settings',
  refresh_url: 'https://app.example.com/refresh',
  origins: ['https://app.example.com'],
};

async function opened(change: object = {}, key = 'all') {
  const api = createFakeApi();
  const made = await api.call('POST', '/v1/portal-sessions', { ...body, ...change }, key);
  if (made.status !== 201) throw new Error(made.text);
  const code = new URL(made.body.url).hash.slice('#code='.length);
  const open = () => api.call('POST', '/v1/portal-sessions/open', { code }, null);
  return { api, session: made.body, code, open };
}

/** What a partner's token may do. */
async function partner(change: object = {}) {
  const { open, ...rest } = await opened(change);
  const { body: answer } = await open();
  return { ...rest, token: answer.access_token as string };
}

describe('a portal session', () => {
  test('gives a token of its tenant and its scopes for the code of its link, once', async () => {
    const { api, session, open } = await opened();
    expect(session).toMatchObject({ tenant: 'acme', opened_at: null, expires_at: '2026-11-21T13:00:00.000Z' });
    expect(new URL(session.url).pathname).toBe(`/console/p/${session.id}/`);
    const first = await open();
    expect(first).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
    const caller = await api.call('GET', '/v1/caller', undefined, first.body.access_token);
    expect(caller.body).toEqual({
      key: session.id,
      name: 'Portal session of acme',
      tenant: 'acme',
      scopes: body.scopes,
      expires_at: session.expires_at,
      portal: { return_url: body.return_url, refresh_url: body.refresh_url },
    });
    // Who has the right link learns where to get another.
    expect(await open()).toMatchObject({
      status: 401,
      body: { return_url: body.return_url, refresh_url: body.refresh_url },
    });
    const listed = await api.call('GET', '/v1/portal-sessions?tenant=acme');
    expect(listed.body.data).toMatchObject([{ id: session.id, opened_at: '2026-11-21T12:00:00.000Z' }]);
  });

  test('is opened by one of many who open it at the same time', async () => {
    const { open } = await opened();
    const answers = await Promise.all(Array.from({ length: 8 }, open));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(7);
  });

  test('refuses any other code, the same way', async () => {
    const { api, session, code } = await opened();
    const texts = new Set<string>();
    for (const other of [
      `${session.id}_wrong`,
      code.slice(0, -1),
      `${code}x`,
      'psunknown_x',
      'tk_all_secret',
      session.id,
    ]) {
      const { status, text } = await api.call('POST', '/v1/portal-sessions/open', { code: other }, null);
      expect(status).toBe(401);
      texts.add(text);
    }
    expect(texts.size).toBe(1);
  });

  test('ends with its time: neither its link nor its token works, and it is in no list', async () => {
    const { api, token, open } = { ...(await partner({ ttl_seconds: 60 })), open: (await opened()).open };
    expect((await api.call('GET', '/v1/caller', undefined, token)).status).toBe(200);
    api.engine.clock.advance(60_000);
    expect((await api.call('GET', '/v1/caller', undefined, token)).status).toBe(401);
    expect((await api.call('GET', '/v1/portal-sessions?tenant=acme')).body.data).toEqual([]);
    expect((await open()).status).toBe(200);
    const late = await opened({ ttl_seconds: 60 });
    late.api.engine.clock.advance(60_000);
    expect((await late.open()).status).toBe(401);
  });

  test('ends at once when it is revoked, alone or with all of its tenant', async () => {
    const { api, token, session } = await partner();
    expect((await api.call('DELETE', `/v1/portal-sessions/${session.id}`)).status).toBe(204);
    expect((await api.call('GET', '/v1/caller', undefined, token)).status).toBe(401);
    for (const tenant of ['acme', 'acme', 'globex'])
      await api.call('POST', '/v1/portal-sessions', { ...body, tenant }, 'all');
    expect((await api.call('DELETE', '/v1/portal-sessions?tenant=acme')).body).toEqual({ revoked: 2, refused: 0 });
    expect((await api.call('GET', '/v1/portal-sessions')).body.data).toMatchObject([{ tenant: 'globex' }]);
  });

  test('is not kept alive by others that have ended, or that the caller may not end', async () => {
    const api = createFakeApi({
      keys: [apiKey('narrow', 'secret', 'acme', { scopes: ['keys:write', 'events:read'] })],
    });
    const make = (change: object) => api.call('POST', '/v1/portal-sessions', { ...body, ...change }, 'all');
    for (const _ of [1, 2]) await make({ scopes: ['admin'], ttl_seconds: 60 });
    await make({ scopes: ['admin'] });
    await make({ scopes: ['events:read'] });
    api.engine.clock.advance(60_000);
    const answer = await api.call('DELETE', '/v1/portal-sessions', undefined, 'tk_narrow_secret');
    expect(answer.body).toEqual({ revoked: 1, refused: 1 });
    expect((await api.call('GET', '/v1/portal-sessions')).body.data).toMatchObject([{ scopes: ['admin'] }]);
  });

  test('sees its own tenant alone, and does what its scopes say (invariant 3)', async () => {
    const { api, token } = await partner();
    await api.call('POST', '/v1/subscriptions', { id: 'sub_globex', tenant: 'globex', url: 'https://g.example/x' });
    await api.call('POST', '/v1/subscriptions', { id: 'sub_acme', tenant: 'acme', url: 'https://a.example/x' });
    const own = (method: string, path: string, sent?: unknown) => api.call(method, path, sent, token);
    expect((await own('GET', '/v1/subscriptions')).body.data).toMatchObject([{ id: 'sub_acme' }]);
    expect((await own('GET', '/v1/subscriptions/sub_globex')).status).toBe(404);
    expect((await own('GET', '/v1/events?tenant=globex')).status).toBe(404);
    expect((await own('GET', '/v1/deliveries?tenant=globex')).status).toBe(404);
    expect((await own('GET', '/v1/accounts')).status).toBe(403);
    expect((await own('GET', '/v1/keys')).status).toBe(403);
    expect((await own('POST', '/v1/subscriptions/sub_acme/disable')).status).toBe(200);
  });

  test('cannot make keys, tokens or sessions, whatever its scopes', async () => {
    const { api, token } = await partner({ scopes: ['admin'] });
    const key = { name: 'another', scopes: ['events:read'] };
    expect(await api.call('POST', '/v1/keys', key, token)).toMatchObject({
      status: 403,
      body: { reason: 'needs-key' },
    });
    expect(await api.call('POST', '/v1/portal-sessions', body, token)).toMatchObject({
      status: 403,
      body: { reason: 'needs-key' },
    });
    expect((await api.call('POST', '/v1/token', { grant_type: 'client_credentials' }, token)).status).toBe(400);
  });

  test('is no API key: it is in no list of keys, and cannot be read, changed or rotated as one', async () => {
    const { api, session } = await opened();
    expect((await api.call('GET', '/v1/keys')).body.data).toEqual(
      expect.not.arrayContaining([expect.objectContaining({ id: session.id })]),
    );
    for (const [method, path] of [
      ['GET', ''],
      ['PATCH', ''],
      ['POST', '/rotate'],
      ['DELETE', ''],
    ] as const)
      expect((await api.call(method, `/v1/keys/${session.id}${path}`, method === 'GET' ? undefined : {})).status).toBe(
        404,
      );
  });
});

describe('a portal session ends with the key that made it', () => {
  const expiresAtMs = Date.parse('2026-11-21T12:30:00Z');
  async function madeBy(options: Partial<ApiKey> = {}) {
    const api = createFakeApi({ keys: [apiKey('maker', 'secret', 'acme', { scopes: ['admin'], ...options })] });
    const make = async () =>
      (await api.call('POST', '/v1/portal-sessions', { ...body, ttl_seconds: 600 }, 'tk_maker_secret')).body;
    const open = (session: { url: string }) =>
      api.call('POST', '/v1/portal-sessions/open', { code: new URL(session.url).hash.slice('#code='.length) }, null);
    const [used, unused] = [await make(), await make()];
    const token = (await open(used)).body.access_token as string;
    const statusOf = async (path = '/v1/events') => (await api.call('GET', path, undefined, token)).status;
    expect(await statusOf()).toBe(200);
    return { api, statusOf, openUnused: () => open(unused) };
  }
  const sessionsOf = async (api: FakeApi) => (await api.call('GET', '/v1/portal-sessions')).body.data;

  test.each([
    ['is revoked', async (api: FakeApi) => api.call('DELETE', '/v1/keys/maker')],
    [
      'is revoked by itself',
      async (api: FakeApi) => api.call('DELETE', '/v1/keys/maker', undefined, 'tk_maker_secret'),
    ],
    ['is rotated at once', async (api: FakeApi) => api.call('POST', '/v1/keys/maker/rotate', { overlap_seconds: 0 })],
    [
      'is shortened',
      async (api: FakeApi) => {
        const answer = await api.call('PATCH', '/v1/keys/maker', { expires_at: '2026-11-21T12:01:00.000Z' });
        api.engine.clock.advance(60_000);
        return answer;
      },
    ],
  ])('when it %s, from the next call on', async (_, end) => {
    const { api, statusOf, openUnused } = await madeBy({ expiresAtMs });
    expect((await end(api)).status).toBeLessThan(300);
    expect(await statusOf()).toBe(401);
    const late = await openUnused();
    expect(late).toMatchObject({ status: 401, body: { return_url: body.return_url, refresh_url: body.refresh_url } });
    expect(await sessionsOf(api)).toEqual([]);
  });

  test('goes on while a rotated secret lasts, and ends with it', async () => {
    const { api, statusOf } = await madeBy();
    await api.call('POST', '/v1/keys/maker/rotate', { overlap_seconds: 300 });
    expect(await statusOf()).toBe(200);
    api.engine.clock.advance(300_000);
    expect(await statusOf()).toBe(401);
  });

  test('loses the scopes that its key loses', async () => {
    const { api, statusOf } = await madeBy();
    expect(await statusOf('/v1/subscriptions')).toBe(200);
    await api.call('PATCH', '/v1/keys/maker', { scopes: ['events:read'] });
    expect(await statusOf('/v1/subscriptions')).toBe(403);
    expect(await statusOf('/v1/events')).toBe(200);
  });

  test('is not revived by another key of the same id (invariant 3)', async () => {
    const { api, statusOf } = await madeBy();
    await api.call('DELETE', '/v1/keys/maker');
    await api.apiKeys.create(apiKey('maker', 'other', 'acme'));
    expect(await statusOf()).toBe(401);
  });

  test('fails when its token names another maker than its session', async () => {
    const { api } = await madeBy();
    const [session] = await sessionsOf(api);
    const key = await api.apiKeys.find(session.id);
    const [secret] = key?.secrets ?? [];
    if (key === undefined || secret === undefined) throw new Error('no session');
    const nowMs = api.engine.clock.nowMs();
    const given = { key: key.id, scopes: key.scopes, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000, id: 'forged' };
    for (const [maker, status] of [
      ['maker', 200],
      ['all', 401],
      [undefined, 401],
    ] as const) {
      const token = await signToken('https://api.example.com', { ...given, maker }, secret);
      expect((await api.call('GET', '/v1/events', undefined, token)).status).toBe(status);
    }
  });

  test('takes one read of the store for each call, as any token does', async () => {
    const { api, statusOf } = await madeBy();
    const reads: string[] = [];
    const find = api.apiKeys.find.bind(api.apiKeys);
    const findMany = api.apiKeys.findMany.bind(api.apiKeys);
    Object.assign(api.apiKeys, {
      find: (id: string) => (reads.push(id), find(id)),
      findMany: (ids: readonly string[]) => (reads.push(ids.join(' ')), findMany(ids)),
    });
    await statusOf();
    expect(reads).toHaveLength(1);
  });
});

describe('the audit log', () => {
  const openings = async (api: FakeApi) =>
    (await api.call('GET', '/v1/audit?operation=openPortalSession')).body.data as readonly Record<string, unknown>[];

  test('has each exchange of a code, with its session as the actor, and no secret', async () => {
    const { api, session, code, open } = await opened();
    await open();
    const [entry, ...others] = await openings(api);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      object: `portal-sessions/${session.id}`,
      tenant: 'acme',
      actor: { key: session.id, token: null },
      status: 200,
      before: { opened_at: null },
      after: { opened_at: '2026-11-21T12:00:00.000Z' },
    });
    expect(JSON.stringify(entry)).not.toContain(code.slice(session.id.length + 1));
  });

  test('cannot be filled with wrong or used codes', async () => {
    const { api, session, open } = await opened();
    for (const other of [`${session.id}_wrong`, 'psunknown_x', 'tk_all_secret'])
      await api.call('POST', '/v1/portal-sessions/open', { code: other }, null);
    expect(await openings(api)).toEqual([]);
    for (const _ of [1, 2, 3]) await open();
    expect(await openings(api)).toHaveLength(1);
  });

  test('has no exchange that it could not note first', async () => {
    const { api, open } = await opened();
    const begin = api.audit.begin.bind(api.audit);
    Object.assign(api.audit, { begin: async () => Promise.reject(new Error('the log is away')) });
    await open().catch(() => undefined);
    Object.assign(api.audit, { begin });
    expect((await open()).status).toBe(200);
  });
});

test('sessions that have ended free their places in the quota', async () => {
  const api = createFakeApi({ quotas: { ...usualQuotas, portalSessionsPerTenant: 2 } });
  const make = () => api.call('POST', '/v1/portal-sessions', { ...body, ttl_seconds: 60 }, 'all');
  expect([(await make()).status, (await make()).status, (await make()).status]).toEqual([201, 201, 422]);
  api.engine.clock.advance(60_000);
  expect((await make()).status).toBe(201);
});

describe('who makes a session', () => {
  test('gives no more than it has: no other scope, no later end, no other tenant', async () => {
    const expiresAtMs = Date.parse('2026-11-21T12:10:00Z');
    const api = createFakeApi({
      keys: [apiKey('short', 'secret', 'acme', { scopes: ['keys:write', 'events:read'], expiresAtMs })],
    });
    const make = (change: object, key: string) => api.call('POST', '/v1/portal-sessions', { ...body, ...change }, key);
    const short = 'tk_short_secret';
    expect(await make({}, short)).toMatchObject({ status: 403, body: { reason: 'beyond' } });
    expect(await make({ scopes: ['events:read'] }, short)).toMatchObject({ status: 403, body: { reason: 'outlives' } });
    expect((await make({ scopes: ['events:read'], ttl_seconds: 300 }, short)).status).toBe(201);
    expect((await make({}, 'globex')).status).toBe(404);
    expect((await make({ tenant: undefined }, 'all')).status).toBe(400);
    expect((await make({ tenant: undefined }, 'acme')).status).toBe(201);
  });

  test.each([
    ['return_url', 'javascript:alert(1)'],
    ['return_url', '/settings'],
    ['refresh_url', 'data:text/html,x'],
    ['origins', ['https://app.example.com/path']],
    ['origins', ["https://x.example; script-src 'unsafe-inline'"]],
    ['origins', ['*']],
    ['origins', ['https://*']],
    ['origins', ['https://a;report-uri']],
    ['origins', ['https://a,b.example']],
    ['origins', ["https://a'b.example"]],
    ['ttl_seconds', 3601],
    ['scopes', []],
  ])('may not give %s as %j', async (member, value) => {
    const answer = await createFakeApi().call('POST', '/v1/portal-sessions', { ...body, [member]: value });
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(member);
  });

  test('has the same session for the same Idempotency-Key', async () => {
    const api = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const [first, second] = [
      await api.call('POST', '/v1/portal-sessions', body, 'all', headers),
      await api.call('POST', '/v1/portal-sessions', body, 'all', headers),
    ];
    expect(second.body).toEqual(first.body);
    expect((await api.call('GET', '/v1/portal-sessions')).body.data).toHaveLength(1);
  });
});
