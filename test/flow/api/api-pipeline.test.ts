import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hashSecret } from '../../../lambdas/engine/access/api-key-secret.ts';
import { publishEvents } from '../../../lambdas/flows/publish/publish-events.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { apiKey } from '../../fakes/in-memory-api-keys.ts';
import { anAccount, anEvent } from '../../fakes/samples.ts';
import { threeMajors } from '../../fakes/three-majors.ts';

const account = { tenant: 'acme', integration: 'staff', secrets: { signing_secret: 'of the provider' } };
const subscription = { tenant: 'acme', url: 'https://app.example.com/hooks' };

describe('Idempotency-Key', () => {
  test('a repeated POST gets the same answer and runs once', async () => {
    const { call } = createFakeApi();
    const headers = { 'idempotency-key': 'create-1' };
    const first = await call('POST', '/v1/subscriptions', subscription, 'all', headers);
    const second = await call('POST', '/v1/subscriptions', subscription, 'all', headers);
    expect([first.status, second.status, second.text]).toEqual([201, 201, first.text]);
    expect([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect((await call('GET', '/v1/subscriptions')).body.data).toHaveLength(1);
  });

  test('fails when the same value comes with another body, path or query (409)', async () => {
    const { call } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    await call('POST', '/v1/accounts', account, 'all', headers);
    for (const [path, body] of [
      ['/v1/accounts', { ...account, context: { a: 1 } }],
      ['/v1/consumers', { name: 'one', tenant: 'acme' }],
      ['/v1/accounts?x=1', account],
    ] as const) {
      const answer = await call('POST', path, body, 'all', headers);
      expect([answer.status, answer.body.reason]).toEqual([409, 'idempotency-key-reused']);
    }
  });

  test('belongs to the calling key: another key may use the same value', async () => {
    const { call } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const mine = await call('POST', '/v1/accounts', account, 'all', headers);
    const other = await call('POST', '/v1/accounts', { integration: 'staff' }, 'globex', headers);
    expect([mine.status, other.status]).toEqual([201, 201]);
    expect(other.body.tenant).toBe('globex');
  });

  test('is forgotten after a day, and after a refused call', async () => {
    const { call, engine } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    expect((await call('POST', '/v1/accounts', { tenant: 'acme', integration: 'nosuch' }, 'all', headers)).status).toBe(
      422,
    );
    const made = await call('POST', '/v1/accounts', account, 'all', headers);
    expect(made.status).toBe(201);
    engine.clock.advance(86_402_000);
    const later = await call('POST', '/v1/consumers', { name: 'one', tenant: 'acme' }, 'all', headers);
    expect(later.status).toBe(201);
  });

  test('a running call does not start twice (409), but a crashed one is retried', async () => {
    const { call, engine, ports } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const { accounts } = ports;
    const create = accounts.create.bind(accounts);
    let hasCrashed = false;
    Object.assign(ports.accounts, {
      create: async (given: Parameters<typeof create>[0]) => {
        if (hasCrashed) return create(given);
        // The account's row is written, and the function crashes before it answers.
        await create(given);
        return new Promise(() => undefined);
      },
    });
    void call('POST', '/v1/accounts', account, 'all', headers);
    await new Promise((resolve) => setImmediate(resolve));
    const meanwhile = await call('POST', '/v1/accounts', account, 'all', headers);
    expect([meanwhile.status, meanwhile.body.reason]).toEqual([409, 'idempotency-key-in-use']);
    expect(Number(meanwhile.headers['retry-after'])).toBeGreaterThan(0);

    hasCrashed = true;
    engine.clock.advance(31_000);
    const again = await call('POST', '/v1/accounts', account, 'all', headers);
    expect(again.status).toBe(201);
    // The retry answers with what the crashed run created, so nothing exists twice.
    expect((await call('GET', '/v1/accounts')).body.data.map(({ id }: { id: string }) => id)).toEqual([again.body.id]);
  });

  test('after a day the same value creates something new, and leaves earlier results untouched', async () => {
    const api = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const made = async (body: object) => {
      const answer = await api.call(
        'POST',
        '/v1/keys',
        { name: 'k', scopes: ['events:read'], ...body },
        'all',
        headers,
      );
      expect(answer.status).toBe(201);
      api.engine.clock.advance(86_402_000);
      return answer.body;
    };
    const first = await made({ tenant: 'acme' });
    const second = await made({ tenant: 'globex' });
    const third = await made({ tenant: 'globex' });
    expect([first.tenant, second.tenant, third.tenant]).toEqual(['acme', 'globex', 'globex']);
    expect(new Set([first.id, second.id, third.id]).size).toBe(3);
    for (const { key } of [first, second, third])
      expect((await api.call('GET', '/v1/events', undefined, key)).status).toBe(200);
  });

  test('fails when another request follows a run that crashed or failed (409)', async () => {
    const api = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const create = api.ports.keys.create.bind(api.ports.keys);
    let isFailing = true;
    Object.assign(api.ports.keys, {
      create: async (given: Parameters<typeof create>[0]) => {
        const result = await create(given);
        if (isFailing) throw new Error('the answer was lost');
        return result;
      },
    });
    const body = { name: 'k', tenant: 'acme', scopes: ['events:read'] };
    await expect(api.call('POST', '/v1/keys', body, 'all', headers)).rejects.toThrow('lost');
    isFailing = false;
    const other = await api.call('POST', '/v1/keys', { ...body, tenant: 'globex' }, 'all', headers);
    expect([other.status, other.body.reason]).toEqual([409, 'idempotency-key-reused']);
    const again = await api.call('POST', '/v1/keys', body, 'all', headers);
    expect(again.status).toBe(201);
    const ids = (await api.call('GET', '/v1/keys', undefined, 'acme')).body.data.map(({ id }: { id: string }) => id);
    expect(new Set(ids)).toEqual(new Set(['acme', again.body.id]));
  });

  test('a request counts as the same however its JSON is formatted', async () => {
    const { call } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const first = await call('POST', '/v1/accounts', '{"tenant":"acme","integration":"staff"}', 'all', headers);
    const second = await call('POST', '/v1/accounts', '{ "integration": "staff", "tenant": "acme" }\n', 'all', headers);
    expect([first.status, second.status, second.text]).toEqual([201, 201, first.text]);
  });

  test('does not give a token the stored answer of its key, which may do more', async () => {
    const { call } = createFakeApi();
    const headers = { 'idempotency-key': 'one' };
    const body = { name: 'k', scopes: ['events:read'] };
    expect((await call('POST', '/v1/keys', body, 'acme', headers)).status).toBe(201);
    const grant = { grant_type: 'client_credentials' };
    const { access_token: token } = (await call('POST', '/v1/token', grant, 'acme')).body;
    expect((await call('POST', '/v1/keys', body, token, headers)).status).toBe(403);
  });

  test('fails when the value is malformed (400)', async () => {
    const { call } = createFakeApi();
    for (const name of ['', 'with space', 'x'.repeat(256)])
      expect((await call('POST', '/v1/accounts', account, 'all', { 'idempotency-key': name })).status).toBe(400);
  });
});

describe('ETag', () => {
  test('identifies an answer, so a caller that has it gets a 304 until it changes', async () => {
    const { call } = createFakeApi();
    await call('POST', '/v1/subscriptions', { ...subscription, id: 'sub_1' });
    const path = '/v1/subscriptions/sub_1';
    const { etag } = (await call('GET', path)).headers as { etag: string };
    for (const named of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await call('GET', path, undefined, 'all', { 'if-none-match': named });
      expect([same.status, same.text, same.headers['etag']]).toEqual([304, '', etag]);
    }
    await call('PATCH', path, { rate_per_second: 5 });
    const changed = await call('GET', path, undefined, 'all', { 'if-none-match': etag });
    expect(changed.status).toBe(200);
    expect(changed.headers['etag']).not.toBe(etag);
  });

  test('comes with the feed too', async () => {
    const { call } = createFakeApi();
    const { etag } = (await call('GET', '/v1/events?tenant=acme')).headers as { etag: string };
    const same = await call('GET', '/v1/events?tenant=acme', undefined, 'all', { 'if-none-match': etag });
    expect(same.status).toBe(304);
  });

  test('comes with headers that keep answers out of shared caches', async () => {
    const { call } = createFakeApi();
    const { headers } = await call('GET', '/v1/accounts');
    expect(headers).toMatchObject({ 'cache-control': 'private, no-cache', vary: 'authorization' });
    expect((await call('POST', '/v1/accounts', account)).headers['cache-control']).toBe('no-store');
  });
});

describe('rate limits', () => {
  const perMinute = (calls: number) => ({ calls, windowMs: 60_000 });

  test('report the remaining calls, refuse excess calls (429) with Retry-After, and recover', async () => {
    const { call, engine } = createFakeApi({ callPolicy: { perKey: perMinute(3), perTenant: perMinute(100) } });
    const left = [];
    for (let calls = 0; calls < 3; calls += 1)
      left.push((await call('GET', '/v1/accounts', undefined, 'acme')).headers);
    expect(left.map(({ ratelimit }) => ratelimit)).toEqual([
      '"key";r=2;t=20, "tenant";r=99;t=1',
      '"key";r=1;t=40, "tenant";r=98;t=2',
      '"key";r=0;t=60, "tenant";r=97;t=2',
    ]);
    expect(left[0]?.['ratelimit-policy']).toBe('"key";q=3;w=60, "tenant";q=100;w=60');
    const over = await call('GET', '/v1/accounts', undefined, 'acme');
    expect([over.status, over.headers['retry-after']]).toEqual([429, '20']);
    expect(over.headers['ratelimit']).toMatch(/^"key";r=0;t=20/);
    engine.clock.advance(20_000);
    expect((await call('GET', '/v1/accounts', undefined, 'acme')).status).toBe(200);
  });

  test('of a tenant cover all its keys, and do not affect other tenants', async () => {
    const { call } = createFakeApi({
      keys: [apiKey('acme2', 'secret', 'acme')],
      callPolicy: { perTenant: perMinute(2) },
    });
    expect((await call('GET', '/v1/accounts', undefined, 'acme')).status).toBe(200);
    expect((await call('GET', '/v1/accounts', undefined, 'tk_acme2_secret')).status).toBe(200);
    expect((await call('GET', '/v1/accounts', undefined, 'acme')).status).toBe(429);
    expect((await call('GET', '/v1/accounts', undefined, 'globex')).status).toBe(200);
  });

  test('can be set for one key', async () => {
    const { call } = createFakeApi({ keys: [apiKey('slow', 'secret', 'acme', { ratePerMinute: 1 })] });
    expect((await call('GET', '/v1/accounts', undefined, 'tk_slow_secret')).status).toBe(200);
    expect((await call('GET', '/v1/accounts', undefined, 'tk_slow_secret')).status).toBe(429);
  });

  test('do not block calls when they cannot be read', async () => {
    const { call, ports } = createFakeApi();
    Object.assign(ports.limits, { take: async () => Promise.reject(new Error('no table')) });
    const answer = await call('GET', '/v1/accounts');
    expect([answer.status, answer.headers['ratelimit']]).toEqual([200, undefined]);
  });
});

describe('API keys', () => {
  const create = async (api: ReturnType<typeof createFakeApi>, body: object, as = 'all') => {
    const answer = await api.call('POST', '/v1/keys', { name: 'a key', ...body }, as);
    expect(answer.status).toBe(201);
    return answer.body as { id: string; key: string };
  };

  test('are shown once, stored as a hash, and allow what their scopes allow', async () => {
    const api = createFakeApi();
    const { id, key } = await create(api, { tenant: 'acme', scopes: ['events:read'] });
    const stored = await api.apiKeys.find(id);
    const secret = key.split('_').slice(2).join('_');
    expect(stored?.secrets).toEqual([{ sha256: hashSecret(secret), createdAt: expect.any(String) }]);
    expect((await api.call('GET', `/v1/keys/${id}`)).text).not.toContain(hashSecret(secret));
    expect((await api.call('GET', '/v1/events', undefined, key)).status).toBe(200);
    const refused = await api.call('POST', '/v1/subscriptions', { url: subscription.url }, key);
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="subscriptions:write"',
    ]);
    expect((await api.call('GET', `/v1/keys/${id}`)).body.last_used_at).toBe('2026-11-21T12:00:00.000Z');
  });

  test('need no name: the id is the default', async () => {
    const api = createFakeApi();
    const { body } = await api.call('POST', '/v1/keys', { tenant: 'acme', scopes: ['events:read'] });
    expect(body).toMatchObject({ name: body.id, scopes: ['events:read'] });
    expect((await api.call('GET', `/v1/keys/${body.id}`)).body.name).toBe(body.id);
  });

  test('with a write scope may read the same resource, and nothing else', async () => {
    const api = createFakeApi();
    const { key } = await create(api, { tenant: 'acme', scopes: ['subscriptions:write'] });
    expect((await api.call('GET', '/v1/subscriptions', undefined, key)).status).toBe(200);
    expect((await api.call('GET', '/v1/accounts', undefined, key)).status).toBe(403);
  });

  test('never exceed the key that creates, changes, rotates or revokes them', async () => {
    const api = createFakeApi();
    const strong = await create(api, { tenant: 'acme', scopes: ['admin'] });
    const { key } = await create(api, { tenant: 'acme', scopes: ['keys:write', 'events:read'] });
    const own = await create(api, { scopes: ['events:read'] }, key);
    const attempts: readonly (readonly [string, string, unknown])[] = [
      ['POST', '/v1/keys', { name: 'more', scopes: ['admin'] }],
      ['PATCH', `/v1/keys/${own.id}`, { scopes: ['accounts:read'] }],
      ['PATCH', `/v1/keys/${strong.id}`, { name: 'mine' }],
      ['POST', `/v1/keys/${strong.id}/rotate`, {}],
      ['DELETE', `/v1/keys/${strong.id}`, undefined],
    ];
    for (const [method, path, body] of attempts)
      expect((await api.call(method, path, body, key)).status, `${method} ${path}`).toBe(403);
    for (const tenant of [null, 'globex'])
      expect((await api.call('POST', '/v1/keys', { name: 'x', tenant, scopes: ['events:read'] }, key)).status).toBe(
        404,
      );
    expect((await api.call('PATCH', `/v1/keys/${own.id}`, { name: 'renamed' }, key)).body.name).toBe('renamed');
  });

  test('rotate with an overlap during which both secrets work', async () => {
    const api = createFakeApi();
    const { id, key } = await create(api, { tenant: 'acme', scopes: ['events:read'] });
    const rotated = await api.call('POST', `/v1/keys/${id}/rotate`, { overlap_seconds: 60 });
    const statusOf = async (text: string) => (await api.call('GET', '/v1/events', undefined, text)).status;
    expect([await statusOf(key), await statusOf(rotated.body.key)]).toEqual([200, 200]);
    api.engine.clock.advance(60_000);
    expect([await statusOf(key), await statusOf(rotated.body.key)]).toEqual([401, 200]);
    const atOnce = await api.call('POST', `/v1/keys/${id}/rotate`, { overlap_seconds: 0 });
    expect([await statusOf(rotated.body.key), await statusOf(atOnce.body.key)]).toEqual([401, 200]);
  });

  test('end when they expire or are revoked', async () => {
    const api = createFakeApi();
    const ending = await create(api, { tenant: 'acme', scopes: ['events:read'], expires_at: '2026-11-21T13:00:00Z' });
    const statusOf = async (text: string) => (await api.call('GET', '/v1/events', undefined, text)).status;
    expect(await statusOf(ending.key)).toBe(200);
    api.engine.clock.advance(3_600_000);
    expect(await statusOf(ending.key)).toBe(401);
    const revoked = await create(api, { tenant: 'acme', scopes: ['events:read'] });
    expect((await api.call('DELETE', `/v1/keys/${revoked.id}`)).status).toBe(204);
    expect(await statusOf(revoked.key)).toBe(401);
  });
});

describe('tokens', () => {
  const ask = { grant_type: 'client_credentials', client_id: 'acme', client_secret: 'secret' };
  const form = (members: Record<string, string>) => new URLSearchParams(members).toString();

  test('are issued for a key sent as a form, JSON, HTTP Basic or a bearer key', async () => {
    const { call } = createFakeApi();
    const basic = Buffer.from('tk_acme:secret').toString('base64');
    const grant = { grant_type: 'client_credentials' };
    const answers = [
      await call('POST', '/v1/token', form(ask), null),
      await call('POST', '/v1/token', ask, null),
      await call('POST', '/v1/token', { ...ask, client_id: 'tk_acme', client_secret: 'tk_acme_secret' }, null),
      await call('POST', '/v1/token', form(grant), null, { authorization: `Basic ${basic}` }),
      await call('POST', '/v1/token', grant, 'acme'),
    ];
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'admin' });
      expect((await call('GET', '/v1/events', undefined, body.access_token)).status).toBe(200);
      expect((await call('GET', '/v1/events?tenant=globex', undefined, body.access_token)).status).toBe(404);
    }
  });

  test('live for an hour at most, and allow only the requested scopes', async () => {
    const { call, engine } = createFakeApi();
    const asked = { ...ask, scope: 'events:read', expires_in: 900 };
    const token = (await call('POST', '/v1/token', asked, null)).body.access_token as string;
    expect((await call('GET', '/v1/events', undefined, token)).status).toBe(200);
    expect((await call('GET', '/v1/accounts', undefined, token)).status).toBe(403);
    engine.clock.advance(899_000);
    expect((await call('GET', '/v1/events', undefined, token)).status).toBe(200);
    engine.clock.advance(1_000);
    expect((await call('GET', '/v1/events', undefined, token)).status).toBe(401);
    const tooLong = await call('POST', '/v1/token', { ...ask, expires_in: 3601 }, null);
    expect([tooLong.status, tooLong.body.error]).toEqual([400, 'invalid_request']);
  });

  test('never outlive their key or its secret', async () => {
    const api = createFakeApi();
    const body = { name: 'k', tenant: 'acme', scopes: ['events:read'], expires_at: '2026-11-21T12:10:00Z' };
    const { id, key } = (await api.call('POST', '/v1/keys', body)).body;
    const grant = { grant_type: 'client_credentials' };
    expect((await api.call('POST', '/v1/token', grant, key)).body.expires_in).toBe(600);
    await api.call('POST', `/v1/keys/${id}/rotate`, { overlap_seconds: 300 });
    expect((await api.call('POST', '/v1/token', grant, key)).body.expires_in).toBe(300);
    expect((await api.call('POST', '/v1/token', grant, 'acme')).body.expires_in).toBe(3600);
  });

  test('end with their secret or their key, and lose the scopes that the key loses', async () => {
    const api = createFakeApi({
      keys: [apiKey('partner', 'secret', 'acme', { scopes: ['events:read', 'stats:read'] })],
    });
    const askFor = { ...ask, client_id: 'partner' };
    const token = async () => (await api.call('POST', '/v1/token', askFor, null)).body.access_token as string;
    const statusOf = async (path: string, text: string) => (await api.call('GET', path, undefined, text)).status;
    const first = await token();
    await api.call('PATCH', '/v1/keys/partner', { scopes: ['events:read'] });
    expect([await statusOf('/v1/events', first), await statusOf('/v1/stats', first)]).toEqual([200, 403]);
    await api.call('POST', '/v1/keys/partner/rotate', { overlap_seconds: 0 });
    expect(await statusOf('/v1/events', first)).toBe(401);
    const rotated = await api.call('POST', '/v1/keys/partner/rotate', { overlap_seconds: 0 });
    const second = (await api.call('POST', '/v1/token', { grant_type: ask.grant_type }, rotated.body.key)).body;
    expect(await statusOf('/v1/events', second.access_token)).toBe(200);
    await api.call('DELETE', '/v1/keys/partner');
    expect(await statusOf('/v1/events', second.access_token)).toBe(401);
  });

  test('fail when they are forged, changed or name another algorithm (401)', async () => {
    const { call } = createFakeApi();
    const token = (await call('POST', '/v1/token', ask, null)).body.access_token as string;
    const [head = '', payload = '', signature = ''] = token.split('.');
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const ofAnother = encode({ ...claims, sub: 'all' });
    const forge = (header: object, body: string, key: string | Buffer) => {
      const text = `${encode(header)}.${body}`;
      return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    };
    const header = JSON.parse(Buffer.from(head, 'base64url').toString());
    for (const bad of [
      `${head}.${ofAnother}.${signature}`,
      `${encode({ ...header, alg: 'none' })}.${payload}.`,
      `${encode({ ...header, kid: 'all' })}.${payload}.${signature}`,
      forge(header, payload, 'guess'),
      forge(header, payload, Buffer.from(hashSecret('secret'), 'hex')),
      `${head}.${payload}.${signature.slice(0, -2)}`,
      'a.b.c',
    ])
      expect((await call('GET', '/v1/events', undefined, bad)).status, bad).toBe(401);
  });

  test('may not create keys or tokens, which could outlive them (403)', async () => {
    const { call } = createFakeApi();
    const token = (await call('POST', '/v1/token', ask, null)).body.access_token as string;
    expect((await call('POST', '/v1/keys', { name: 'x', scopes: ['events:read'] }, token)).status).toBe(403);
    const again = await call('POST', '/v1/token', { grant_type: 'client_credentials' }, token);
    expect([again.status, again.body.error]).toEqual([400, 'unauthorized_client']);
  });

  test('fail for an unknown client (401) and for a request that the key may not make (400), with OAuth error codes', async () => {
    const { call } = createFakeApi({ keys: [apiKey('reader', 'secret', 'acme', { scopes: ['events:read'] })] });
    for (const body of [
      { ...ask, client_secret: 'wrong' },
      { ...ask, client_id: 'unknown' },
      { grant_type: ask.grant_type },
    ]) {
      const answer = await call('POST', '/v1/token', body, null);
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
    }
    const asked = { ...ask, client_id: 'reader' };
    for (const [change, error] of [
      [{ scope: 'accounts:read' }, 'invalid_scope'],
      [{ scope: 'nosuch' }, 'invalid_scope'],
      [{ grant_type: 'password' }, 'unsupported_grant_type'],
    ] as const) {
      const answer = await call('POST', '/v1/token', { ...asked, ...change }, null);
      expect([answer.status, answer.body.error]).toEqual([400, error]);
    }
  });
});

describe('the audit log', () => {
  const entriesOf = async (api: ReturnType<typeof createFakeApi>, query = '', as = 'all') =>
    (await api.call('GET', `/v1/audit${query}`, undefined, as)).body.data;

  test('records who changed which object, from where, when, before and after', async () => {
    const api = createFakeApi();
    await api.call('POST', '/v1/subscriptions', { ...subscription, id: 'sub_1' }, 'acme');
    api.engine.clock.advance(1000);
    await api.call('PATCH', '/v1/subscriptions/sub_1', { rate_per_second: 7 }, 'all');
    const [patched, created] = await entriesOf(api, '?tenant=acme');
    expect(patched).toMatchObject({
      at: '2026-11-21T12:00:01.000Z',
      operation: 'updateSubscription',
      object: 'subscriptions/sub_1',
      tenant: 'acme',
      actor: { key: 'all', token: null },
      source: { ip: '203.0.113.7', user_agent: 'test', request_id: 'request_1' },
      status: 200,
      fields: ['rate_per_second'],
      before: { rate_per_second: null },
      after: { rate_per_second: 7 },
    });
    expect(created).toMatchObject({
      operation: 'createSubscription',
      actor: { key: 'acme' },
      status: 201,
      before: null,
    });
  });

  test('shows no secret of any kind (invariant 10)', async () => {
    const api = createFakeApi();
    const made = await api.call('POST', '/v1/accounts', { ...account, id: 'acc_1' });
    await api.call('PATCH', '/v1/accounts/acc_1', { secrets: { signing_secret: 'the new one' } });
    const endpoint = { auth: { type: 'bearer', token: 'bearer of acme' }, headers: { 'x-key': 'header of acme' } };
    const sub = await api.call('POST', '/v1/subscriptions', { ...subscription, id: 'sub_1', ...endpoint });
    const rotated = await api.call('POST', '/v1/subscriptions/sub_1/rotate-secret');
    const key = await api.call('POST', '/v1/keys', { name: 'k', tenant: 'acme', scopes: ['events:read'] });
    const text = JSON.stringify(api.audit.entries());
    expect(made.status).toBe(201);
    for (const secret of [
      'of the provider',
      'the new one',
      'bearer of acme',
      'header of acme',
      sub.body.secret,
      rotated.body.secret,
      key.body.key,
      key.body.key.split('_').slice(2).join('_'),
    ])
      expect(text).not.toContain(secret);
    expect(text).toContain('secret_names');
  });

  test('is written first: a call that cannot be recorded does not run', async () => {
    const api = createFakeApi();
    Object.assign(api.ports.audit, { begin: async () => Promise.reject(new Error('no table')) });
    await expect(api.call('POST', '/v1/accounts', { ...account, id: 'acc_1' })).rejects.toThrow('no table');
    expect((await api.call('GET', '/v1/accounts/acc_1')).status).toBe(404);
  });

  test('records refused and failed calls, but no reads and no malformed requests', async () => {
    const api = createFakeApi();
    await api.call('DELETE', '/v1/subscriptions/nosuch', undefined, 'acme');
    await api.call('POST', '/v1/accounts', { tenant: 1 });
    await api.call('GET', '/v1/accounts');
    Object.assign(api.ports.subscriptions, { find: async () => Promise.reject(new Error('no table')) });
    await expect(api.call('POST', '/v1/subscriptions/sub_1/disable')).rejects.toThrow('no table');
    const found = api.audit.entries().map(({ operation, object, status }) => ({ operation, object, status }));
    expect(found).toEqual([
      { operation: 'deleteSubscription', object: 'subscriptions/nosuch', status: 404 },
      { operation: 'disableSubscription', object: 'subscriptions/sub_1', status: 500 },
    ]);
  });

  test('records exports, because they read all data of a tenant', async () => {
    const api = createFakeApi();
    await api.call('GET', '/v1/tenants/acme/export', undefined, 'acme');
    expect(api.audit.entries()).toMatchObject([
      { operation: 'exportTenant', object: 'tenants/acme', actor: { key: 'acme' }, status: 200 },
    ]);
  });

  test('is searched by key, operation, object and time, page by page', async () => {
    const api = createFakeApi();
    for (const id of ['a', 'b', 'c']) {
      await api.call('POST', '/v1/accounts', { ...account, id }, id === 'b' ? 'acme' : 'all');
      api.engine.clock.advance(60_000);
    }
    const objects = async (query: string) =>
      (await entriesOf(api, query)).map(({ object }: { object: string }) => object);
    expect(await objects('?key=acme')).toEqual(['accounts/b']);
    expect(await objects('?operation=createAccount&object=accounts/c')).toEqual(['accounts/c']);
    expect(await objects('?since=2026-11-21T12:01:00Z&until=2026-11-21T12:02:00Z')).toEqual(['accounts/b']);
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const page: Awaited<ReturnType<typeof api.call>> = await api.call(
        'GET',
        `/v1/audit?limit=1${cursor && `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.data.map(({ object }: { object: string }) => object));
      cursor = page.body.next_cursor;
    }
    expect(seen).toEqual(['accounts/c', 'accounts/b', 'accounts/a']);
    expect(await entriesOf(api, '', 'globex')).toEqual([]);
  });
});

describe('the feed', () => {
  test('answers before its function times out, however long it searches for the starting position', async () => {
    const api = createFakeApi();
    const { events } = api.ports;
    const [listAfter, firstAfter] = [events.listAfter.bind(events), events.firstAfter.bind(events)];
    Object.assign(events, {
      listAfter: async (...query: Parameters<typeof listAfter>) => {
        api.engine.clock.advance(1_500);
        return listAfter(...query);
      },
      firstAfter: async (...query: Parameters<typeof firstAfter>) => {
        api.engine.clock.advance(1_500);
        return firstAfter(...query);
      },
    });
    const beganAtMs = api.engine.clock.nowMs();
    const path = '/v1/events?tenant=acme&since=2026-11-21T11:00:00Z&wait=20';
    expect((await api.call('GET', path)).status).toBe(200);
    expect(api.engine.clock.nowMs() - beganAtMs).toBeLessThanOrEqual(22_000);
  });

  test('fails when it gets both a cursor and since, or an unknown schema version (400)', async () => {
    const { call } = createFakeApi();
    const { next_cursor: cursor } = (await call('GET', '/v1/events?tenant=acme')).body;
    expect((await call('GET', `/v1/events?tenant=acme&since=now&cursor=${cursor}`)).status).toBe(400);
    const unknown = await call('GET', '/v1/events?tenant=acme&schema=hris/employees@9');
    expect([unknown.status, unknown.body.errors[0].path]).toEqual([400, 'schema.hris/employees']);
  });
});

describe('malformed and forged input', () => {
  const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test.each([
    ['/v1/audit', { after: '2026-10-99' }],
    ['/v1/audit', { after: '2026-10-99T00:00:00.000Z#x' }],
    ['/v1/audit', { after: 'nowhere' }],
    ['/v1/tenants/acme/export', ['accounts', '']],
    ['/v1/tenants/acme/export', ['subscriptions', '']],
    ['/v1/tenants/acme/export', ['keys', '']],
    ['/v1/tenants/acme/export', ['deliveries', '']],
    ['/v1/tenants/acme/export', ['deliveries', ' x']],
    ['/v1/tenants/acme/export', ['events', 'x']],
    ['/v1/tenants/acme/export', ['events', '1e999']],
    ['/v1/tenants/acme/export', ['events', '-1']],
  ])('fails when %s gets a cursor that it never returned: %j (400)', async (path, place) => {
    const { call } = createFakeApi();
    expect((await call('GET', `${path}?cursor=${cursorOf(place)}`)).status).toBe(400);
  });

  test.each([
    '/v1/events?tenant=acme&types=record:created&types=record:deleted',
    '/v1/events?tenant=acme&tenant=globex',
    '/v1/accounts?limit=1&limit=2',
  ])('fails when a parameter is repeated, instead of guessing which value counts (400): %s', async (path) => {
    const { call } = createFakeApi();
    const answer = await call('GET', path);
    expect([answer.status, answer.body.errors?.length]).toEqual([400, 1]);
  });

  test('fails when a time needs a year of more than four digits (400, 422)', async () => {
    const { call } = createFakeApi();
    const late = '9999-12-31T23:59:59-12:00';
    const early = '0000-01-01T00:00:00%2B12:00';
    for (const time of [late, early]) {
      expect((await call('GET', `/v1/audit?until=${time}`)).status).toBe(400);
      expect((await call('GET', `/v1/stats?since=${time}`)).status).toBe(400);
    }
    const key = { name: 'k', tenant: 'acme', scopes: ['events:read'], expires_at: late };
    expect((await call('POST', '/v1/keys', key)).status).toBe(422);
  });

  test('fails when a share of the limits is too small to use, or to store (422)', async () => {
    const { call, engine } = createFakeApi();
    await engine.accounts.create(anAccount());
    for (const share of [5e-324, 0.0009])
      expect(await call('PATCH', `/v1/accounts/${anAccount().id}`, { share })).toMatchObject({
        status: 422,
        body: { errors: [{ path: 'share' }] },
      });
    expect((await call('PATCH', `/v1/accounts/${anAccount().id}`, { share: 0.001 })).status).toBe(200);
  });

  test('a body sent to a route without one leaves no trace in the audit log', async () => {
    const api = createFakeApi();
    await api.call('POST', '/v1/accounts', { ...account, id: 'acc_1' });
    await api.call('DELETE', '/v1/accounts/acc_1', { 'a secret as a name': 1 });
    await api.call('POST', '/v1/integrations/staff/reprocess', { ['x'.repeat(500_000)]: 1 });
    expect(api.audit.entries().map(({ fields }) => fields)).toEqual([
      ['tenant', 'integration', 'secrets', 'id'],
      [],
      [],
    ]);
  });
});

describe('secrets of an account', () => {
  test('fail when they are too large for a row (422)', async () => {
    const { call } = createFakeApi();
    const many = Array.from({ length: 10 }, () => '€'.repeat(8192));
    const answer = await call('POST', '/v1/accounts', { ...account, secrets: { signing_secret: many } });
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([422, 'secrets']);
    await call('POST', '/v1/accounts', { ...account, id: 'acc_1' });
    const patched = await call('PATCH', '/v1/accounts/acc_1', { secrets: { signing_secret: many } });
    expect([patched.status, patched.body.errors?.[0]?.path]).toEqual([422, 'secrets']);
  });
});

describe('a list', () => {
  /** The largest answer of a function, with its body as JSON text within JSON. */
  const maxAnswerBytes = 6 * 1024 * 1024;

  test('shortens a page that is larger than a function may answer, and loses nothing', async () => {
    const api = createFakeApi();
    const text = '"'.repeat(60_000);
    for (let n = 0; n < 60; n += 1) {
      const at = new Date(api.engine.clock.nowMs() - n * 1000).toISOString();
      await api.audit.begin({
        id: `aud_${String(n).padStart(2, '0')}`,
        at,
        operation: 'updateSubscription',
        object: 'subscriptions/sub_acme',
        tenant: 'acme',
        actor: { key: 'all', token: null },
        source: { ip: null, user_agent: null, request_id: 'r' },
        status: 200,
        fields: [],
        before: { transform: text },
        after: null,
      });
    }
    const ids: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof api.call>> = await api.call(
        'GET',
        `/v1/audit?limit=500${cursor && `&cursor=${cursor}`}`,
        undefined,
        'acme',
      );
      expect(Buffer.byteLength(JSON.stringify(page.text))).toBeLessThan(maxAnswerBytes);
      ids.push(...page.body.data.map(({ id }: { id: string }) => id));
      cursor = page.body.next_cursor;
    }
    expect(ids).toEqual(Array.from({ length: 60 }, (_, n) => `aud_${String(n).padStart(2, '0')}`));
  });
});

describe('a consumer', () => {
  test('is not left leased when its events cannot be converted to a version (500)', async () => {
    const api = createFakeApi({ resources: threeMajors });
    const event = anEvent({ id: 'evt_1', schema_version: '9.0.0' });
    await publishEvents(api.engine.publishPorts, [{ owner: 'raw_1', event }]);
    await api.call('POST', '/v1/consumers', { name: 'old', tenant: 'acme', since: 'beginning' });
    const lease = (body: object) => api.call('POST', '/v1/consumers/old/lease?tenant=acme', body);
    const pinned = { ttl_seconds: 3600, schema_versions: { 'hris/employees': 1 } };
    for (let tries = 0; tries < 2; tries += 1) {
      const failed = await lease(pinned);
      expect([failed.status, failed.body.reason]).toEqual([500, 'event-not-mappable']);
    }
    const read = await lease({});
    expect([read.status, read.body.data?.length]).toEqual([200, 1]);
    // A reader that holds the lease keeps it.
    expect((await lease({ ...pinned, lease: read.body.lease })).status).toBe(500);
    expect((await lease({ lease: read.body.lease })).body.lease).toBe(read.body.lease);
    expect((await lease({})).status).toBe(409);
  });
});
