import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { seedApiKey } from '../../lib/local/admin-key.ts';
import { type Answer, useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();
const acmeKey = 'tk_acme_secret-of-acme';
const globexKey = 'tk_globex_secret-of-globex';

function expectProblem(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
}

beforeAll(async () => {
  const { engine } = running();
  await seedApiKey(engine, acmeKey, 'acme');
  await seedApiKey(engine, globexKey, 'globex');
});

test('healthz needs no key', async () => {
  const answer = await fetch(`${running().engine.url}/healthz`);
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }]);
});

describe('authentication', () => {
  test.each([
    ['no key', ''],
    ['a key of another form', 'admin'],
    ['an unknown key', 'tk_nobody_secret'],
    ['a wrong secret', 'tk_local_wrong'],
    ['an empty secret', 'tk_local_'],
  ])('fails for %s (401)', async (_, key) => {
    const { call } = running();
    for (const path of ['/v1/accounts', '/v1/subscriptions/sub_x', '/v1/events?tenant=acme', '/v1/events/evt_x']) {
      const answer = await call('GET', path, undefined, key);
      expectProblem(answer, 401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });
});

describe('accounts', () => {
  test('are created once, read and listed page by page, and never show their secrets (invariant 10)', async () => {
    const { call } = running();
    const account = { id: 'acc_one', tenant: 'paging', integration: 'github', secrets: { signing_secret: 'hidden' } };
    const created = await call('POST', '/v1/accounts', account);
    expect(created.status).toBe(201);
    expect(created.body.webhook_url).toBe(`${running().engine.url}/in/github/acc_one`);
    expectProblem(await call('POST', '/v1/accounts', account), 409);
    for (const id of ['acc_two', 'acc_three'])
      await call('POST', '/v1/accounts', { id, tenant: 'paging', integration: 'slack', context: { team: 2 ** 60 } });
    const read = await call('GET', '/v1/accounts/acc_one');
    expect(read.body).toEqual(created.body);

    const listed: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Answer = await call('GET', `/v1/accounts?limit=1${cursor && `&cursor=${cursor}`}`);
      expect(JSON.stringify(page.body)).not.toContain('hidden');
      listed.push(...page.body.data.map(({ id }: { id: string }) => id));
      cursor = page.body.next_cursor;
    }
    expect(listed).toEqual(expect.arrayContaining(['acc_one', 'acc_two', 'acc_three']));
    expect(new Set(listed).size).toBe(listed.length);
  });

  test.each([
    ['an integration that does not exist', { tenant: 'acme', integration: 'nosuch' }, 422],
    [
      'a secret that the integration does not declare',
      { tenant: 'acme', integration: 'github', secrets: { x: 'y' } },
      422,
    ],
    ['credentials that nothing could use', { tenant: 'acme', integration: 'github', credentials: { token: 'x' } }, 422],
    ['a tenant that is no name', { tenant: '*', integration: 'github' }, 422],
    ['an unknown member', { tenant: 'acme', integration: 'github', secret: 'x' }, 422],
    ['a list', [], 422],
    ['a context that is too large', { tenant: 'acme', integration: 'github', context: { a: 'x'.repeat(20_000) } }, 422],
    ['no tenant by a key for all', { integration: 'github' }, 422],
  ])('fails when given %s', async (_, body, status) => {
    const answer = await running().call('POST', '/v1/accounts', body);
    expectProblem(answer, status);
    expect(JSON.stringify(answer.body)).not.toContain('"y"');
  });

  test('fails when the body is no JSON (400)', async () => {
    const { engine } = running();
    const answer = await fetch(`${engine.url}/v1/accounts`, {
      method: 'POST',
      headers: { authorization: 'Bearer tk_local_admin' },
      body: '{"tenant":',
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('subscriptions', () => {
  test('show their secret in the answer to their creation and in no other (invariant 10)', async () => {
    const { call } = running();
    const body = { id: 'sub_once', tenant: 'acme', url: 'https://app.example.com/hooks', types: ['record:*'] };
    const created = await call('POST', '/v1/subscriptions', body);
    expect(created.status).toBe(201);
    const { secret, ...visible } = created.body;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect((await call('GET', '/v1/subscriptions/sub_once')).body).toEqual(visible);
    const list = await call('GET', '/v1/subscriptions?limit=500');
    expect(list.body.data).toContainEqual(visible);
    expect(JSON.stringify(list.body)).not.toContain('whsec_');
    // The id is taken for every tenant.
    expectProblem(await call('POST', '/v1/subscriptions', { ...body, tenant: 'globex' }), 409);
    expect((await call('GET', '/v1/subscriptions/sub_once')).body.tenant).toBe('acme');
  });

  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://10.0.0.8/hooks',
    'http://[::ffff:10.0.0.8]/hooks',
    'http://0x0a000008/hooks',
    'ftp://app.example.com/hooks',
    'https://user:password@app.example.com/hooks',
    'app.example.com/hooks',
  ])('fails when the URL is %s (422, invariant 11)', async (url) => {
    expectProblem(await running().call('POST', '/v1/subscriptions', { tenant: 'acme', url }), 422);
  });
});

describe('tenants (invariant 3)', () => {
  test("a tenant's key sees its own and nothing of another tenant", async () => {
    const { account, subscriber, github, call, eventually } = running();
    const acme = await account('github', { tenant: 'acme', id: 'acc_of_acme' });
    const globex = await account('github', { tenant: 'globex', id: 'acc_of_globex' });
    const ofAcme = await subscriber({ tenant: 'acme' });
    const ofGlobex = await subscriber({ tenant: 'globex' });
    const ofAll = await subscriber({ tenant: null });
    // The same delivery id and the same record in both tenants: two events.
    await Promise.all([acme, globex].map(({ url }) => github(url, { delivery: 'shared', issue: 77 })));
    await eventually(() => ofAcme.ids().size === 1 && ofGlobex.ids().size === 1 && ofAll.ids().size === 2);

    const [event] = ofAcme.callbacks;
    const own = await call('GET', '/v1/events', undefined, acmeKey);
    expect(own.body.data.map(({ id }: { id: string }) => id)).toEqual([event?.event.id]);
    expect((await call('GET', '/v1/accounts', undefined, acmeKey)).body.data).toMatchObject([{ id: 'acc_of_acme' }]);
    for (const subscription of (await call('GET', '/v1/subscriptions', undefined, acmeKey)).body.data)
      expect(subscription.tenant).toBe('acme');

    for (const path of [
      '/v1/accounts/acc_of_acme',
      `/v1/subscriptions/${ofAcme.id}`,
      `/v1/subscriptions/${ofAll.id}`,
      `/v1/subscriptions/${ofAcme.id}/deliveries`,
      `/v1/events/${event?.event.id}`,
      '/v1/events?tenant=acme',
      '/v1/accounts/__proto__',
      '/v1/accounts/a%2Fb',
    ])
      expectProblem(await call('GET', path, undefined, globexKey), 404);
    expectProblem(await call('GET', `/v1/events?cursor=${own.body.next_cursor}`, undefined, globexKey), 400);
    for (const [path, body] of [
      ['/v1/accounts', { tenant: 'acme', integration: 'github' }],
      ['/v1/subscriptions', { tenant: 'acme', url: 'https://app.example.com' }],
      ['/v1/subscriptions', { tenant: null, url: 'https://app.example.com' }],
    ] as const)
      expectProblem(await call('POST', path, body, globexKey), 403);
  });
});

describe('the feed', () => {
  test('is read page by page, from where the reader was, and filtered', async () => {
    const { account, github, call, eventually } = running();
    const { url, id } = await account('github', { tenant: 'feed' });
    for (let issue = 1; issue <= 5; issue += 1) await github(url, { issue });
    const all = async () => (await call('GET', '/v1/events?tenant=feed')).body;
    await eventually(async () => (await all()).data.length === 5);

    const first = await call('GET', '/v1/events?tenant=feed&limit=2');
    expect(first.body).toMatchObject({ caught_up: false });
    const rest = await call('GET', `/v1/events?tenant=feed&limit=10&cursor=${first.body.next_cursor}`);
    expect(rest.body.caught_up).toBe(true);
    const ids = ({ body }: Answer) => body.data.map((event: { id: string }) => event.id);
    expect([...ids(first), ...ids(rest)]).toEqual((await all()).data.map((event: { id: string }) => event.id));

    const count = async (query: string) => (await call('GET', `/v1/events?tenant=feed&${query}`)).body.data.length;
    expect(await count('resources=ticketing/*')).toBe(5);
    expect(await count('resources=hris/*')).toBe(0);
    expect(await count('types=record:deleted,record:created')).toBe(5);
    expect(await count(`account=${id}`)).toBe(5);
    expect(await count('account=acc_other')).toBe(0);
  });

  test.each([
    'limit=0',
    'limit=501',
    'limit=x',
    'cursor=nonsense',
    'colour=blue',
    'tenant=*',
    '__proto__=1',
    'types=nonsense',
    'account=',
  ])('fails when asked with %s (400)', async (query) => {
    const { call } = running();
    expectProblem(await call('GET', `/v1/events?tenant=feed&${query}`), 400);
  });

  test('fails when a key for all tenants names none (400)', async () => {
    expectProblem(await running().call('GET', '/v1/events'), 400);
  });
});

test('fails when there is no such route (404) or it does not take the method (405)', async () => {
  const { call } = running();
  expectProblem(await call('GET', '/v1/nosuch'), 404);
  expectProblem(await call('GET', '/nosuch'), 404);
  const answer = await call('DELETE', '/v1/accounts/acc_one');
  expectProblem(answer, 405);
  expect(answer.headers.get('allow')).toBe('GET');
});

describe('the URL for all accounts of an integration', () => {
  test('verifies with its settings, parks what is nobody’s, and serves it once the account exists', async () => {
    const { call, post, subscriber, eventually, engine } = running();
    const settings = await call('PUT', '/v1/integrations/hibob/settings', { secrets: { signing_secret: 'app' } });
    expect(settings.body).toEqual({
      integration: 'hibob',
      secret_names: ['signing_secret'],
      webhook_url: `${engine.url}/in/hibob`,
    });
    const receiver = await subscriber({ tenant: 'bob' });
    const body = JSON.stringify({
      companyId: 636_192,
      type: 'employee.deleted',
      triggeredAt: '2026-11-20T12:56:18.955603',
      data: { employeeId: '77' },
    });
    const signature = createHmac('sha512', 'app').update(body).digest('base64');
    const before = engine.metrics.sum('unrouted', { service: 'normalize' });
    expect((await post(settings.body.webhook_url, body, { 'bob-signature': signature })).status).toBe(200);
    await eventually(() => engine.metrics.sum('unrouted', { service: 'normalize' }) > before);

    const account = { id: 'acc_bob', tenant: 'bob', integration: 'hibob', context: { company_id: '636192' } };
    expect((await call('POST', '/v1/accounts', account)).status).toBe(201);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks[0]?.event).toMatchObject({ tenant: 'bob', account: 'acc_bob', record_id: '77' });
  });

  test('fails for what has no settings or no routing, and for a key of one tenant', async () => {
    const { call, post, engine } = running();
    expectProblem(await post(`${engine.url}/in/slack`, '{}'), 404);
    expectProblem(await post(`${engine.url}/in/nosuch`, '{}'), 404);
    expectProblem(await call('PUT', '/v1/integrations/nosuch/settings', { secrets: {} }), 404);
    expectProblem(await call('PUT', '/v1/integrations/hibob/settings', { secrets: { other: 'x' } }), 422);
    expectProblem(await call('PUT', '/v1/integrations/hibob/settings', { secrets: {} }, acmeKey), 403);
    expectProblem(await call('GET', '/v1/integrations/hibob/settings'), 405);
  });
});
