import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSamples } from '../../lib/definitions/samples.ts';
import { seedApiKey } from '../../lib/local/admin-key.ts';
import { type Answer, useRunningEngine } from './running-engine.ts';

const running = useRunningEngine();
const integrations = new URL('../../integrations/', import.meta.url);
const acmeKey = 'tk_acme_secret-of-acme';
const globexKey = 'tk_globex_secret-of-globex';

/** An Intercom webhook that reports a contact's deletion. */
function intercomDeletion(workspace: number, contact: string): string {
  const item = { id: contact, type: 'contact', deleted: true };
  return JSON.stringify({ id: `notif_${contact}`, app_id: workspace, topic: 'contact.deleted', data: { item } });
}

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
    ['a malformed key', 'admin'],
    ['an unknown key', 'tk_unknown_secret'],
    ['a wrong secret', 'tk_local_wrong'],
    ['an empty secret', 'tk_local_'],
  ])('fails when the call has %s (401)', async (_, key) => {
    const { call } = running();
    for (const path of ['/v1/accounts', '/v1/subscriptions/sub_x', '/v1/events?tenant=acme', '/v1/events/evt_x']) {
      const answer = await call('GET', path, undefined, key);
      expectProblem(answer, 401);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer( error="invalid_token")?$/);
    }
  });
});

describe('accounts', () => {
  test('are created once, read, listed page by page, and never show their secrets (invariant 10)', async () => {
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

  test('are found by metadata, page by page, like subscriptions', async () => {
    const { call } = running();
    const things = { accounts: { integration: 'github' }, subscriptions: { url: 'http://127.0.0.1:9/hooks' } };
    for (const [list, rest] of Object.entries(things)) {
      for (const [index, team] of ['red', 'blue', 'red', 'red'].entries()) {
        const thing = { ...rest, id: `labelled_${index}`, tenant: 'labels', metadata: { team, index: String(index) } };
        expect((await call('POST', `/v1/${list}`, thing)).status).toBe(201);
      }
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: Answer = await call(
          'GET',
          `/v1/${list}?metadata[team]=red&limit=2${cursor && `&cursor=${cursor}`}`,
        );
        expect(page.status).toBe(200);
        found.push(...page.body.data.map(({ id }: { id: string }) => id));
        cursor = page.body.next_cursor;
      }
      expect(found.sort()).toEqual(['labelled_0', 'labelled_2', 'labelled_3']);
      const both = await call('GET', `/v1/${list}?metadata[team]=red&metadata[index]=2`);
      expect(both.body.data.map(({ metadata }: { metadata: object }) => metadata)).toEqual([
        { team: 'red', index: '2' },
      ]);
    }
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

  test('fails when the body is not JSON (400)', async () => {
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

describe('schemas', () => {
  test('are listed with their versions page by page, and read by resource', async () => {
    const { call } = running();
    const listed: { resource: string; version: string }[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Answer = await call(
        'GET',
        `/v1/schemas?limit=20${cursor && `&cursor=${cursor}`}`,
        undefined,
        acmeKey,
      );
      expect(page.status).toBe(200);
      listed.push(...page.body.data);
      cursor = page.body.next_cursor;
    }
    const names = listed.map(({ resource }) => resource);
    expect(names).toEqual([...new Set(names)].sort());
    expect(listed).toContainEqual({
      resource: 'hris/employees',
      version: '1.0.0',
      title: 'Employee',
      majors: [1],
      deprecated: [],
    });

    const { status, body } = await call('GET', '/v1/schemas/hris/employees', undefined, acmeKey);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'urn:tributary:resource:hris/employees',
      version: '1.0.0',
      required: ['id'],
    });
  });

  test.each([
    '/v1/schemas/hris/nosuch',
    '/v1/schemas/constructor/name',
    '/v1/schemas/hris',
    '/v1/schemas/hris/employees/x',
  ])('fails when the schema does not exist: %s (404)', async (path) => {
    expectProblem(await running().call('GET', path), 404);
  });

  test('fails without a key (401)', async () => {
    for (const path of ['/v1/schemas', '/v1/schemas/hris/employees'])
      expectProblem(await running().call('GET', path, undefined, ''), 401);
  });
});

describe('subscriptions', () => {
  test('show their secret only in the answer that creates them (invariant 10)', async () => {
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
    // Ids are unique across tenants.
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
  test("a tenant's key sees its own data and no other tenant's", async () => {
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
      expectProblem(await call('POST', path, body, globexKey), 404);
  });
});

describe('changing an account', () => {
  test('merges its secrets, so that they rotate without downtime, and shows none (invariant 10)', async () => {
    const { account, github, call, engine } = running();
    const { url, id } = await account('github', { tenant: 'rotating', secret: 'hidden-1' });
    const change = async (secrets: object) => {
      const answer = await call('PATCH', `/v1/accounts/${id}`, { secrets });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual((await call('GET', `/v1/accounts/${id}`)).body);
      expect(JSON.stringify(answer.body)).not.toContain('hidden');
    };
    const statusWith = async (secret: string) => (await github(url, { secret })).status;
    expect(await statusWith('hidden-1')).toBe(200);
    await change({ signing_secret: ['hidden-2', 'hidden-1'] });
    expect([await statusWith('hidden-2'), await statusWith('hidden-1')]).toEqual([200, 200]);
    await change({ signing_secret: 'hidden-2' });
    // Instances of ingress cache the account this long.
    await engine.advanceClock(10_000);
    expect([await statusWith('hidden-2'), await statusWith('hidden-1')]).toEqual([200, 401]);
    await change({ signing_secret: null });
    await engine.advanceClock(10_000);
    expect(await statusWith('hidden-2')).toBe(401);
  });

  test('adds a context value, and processes the parked requests that name it', async () => {
    const { call, post, subscriber, eventually, engine } = running();
    await call('PUT', '/v1/integrations/intercom/settings', { secrets: { signing_secret: 'app' } });
    const account = { id: 'acc_later', tenant: 'later', integration: 'intercom', context: { app_id: '1' } };
    expect((await call('POST', '/v1/accounts', account)).status).toBe(201);
    const receiver = await subscriber({ tenant: 'later' });
    const body = intercomDeletion(4242, '78');
    const signature = `sha1=${createHmac('sha1', 'app').update(body).digest('hex')}`;
    const before = engine.metrics.sum('unrouted', { service: 'normalize' });
    expect((await post(`${engine.url}/in/intercom`, body, { 'x-hub-signature': signature })).status).toBe(200);
    await eventually(() => engine.metrics.sum('unrouted', { service: 'normalize' }) > before);
    const change = { context: { app_id: ['1', 4242] } };
    expect((await call('PATCH', '/v1/accounts/acc_later', change)).body).toMatchObject(change);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks[0]?.event).toMatchObject({ tenant: 'later', account: 'acc_later', record_id: '78' });
  });

  test.each<[string, string, unknown, string, number]>([
    ['a secret is not declared', 'acc_patched', { secrets: { other: 'hidden' } }, acmeKey, 422],
    ['a removed secret is not declared', 'acc_patched', { secrets: { other: null } }, acmeKey, 422],
    ['a secret is empty', 'acc_patched', { secrets: { signing_secret: '' } }, acmeKey, 422],
    ['a secret is a number', 'acc_patched', { secrets: { signing_secret: 7 } }, acmeKey, 422],
    ['a member is unknown', 'acc_patched', { tenant: 'globex' }, acmeKey, 422],
    [
      'no handshake delivers the secret to wait for',
      'acc_patched',
      { capture: { secrets: ['signing_secret'] } },
      acmeKey,
      422,
    ],
    ['a wait is too long', 'acc_patched', { capture: { secrets: ['a'], expires_in_seconds: 10 ** 7 } }, acmeKey, 422],
    ['the context is too large', 'acc_patched', { context: { a: 'x'.repeat(20_000) } }, acmeKey, 422],
    ['the body is a list', 'acc_patched', [], acmeKey, 422],
    ['the account is another tenant’s', 'acc_patched', { context: {} }, globexKey, 404],
    ['the account does not exist', 'acc_nosuch', { context: {} }, acmeKey, 404],
    ['the key is wrong', 'acc_patched', { context: {} }, 'tk_acme_wrong', 401],
  ])('fails when %s, and changes nothing', async (_, id, body, key, status) => {
    const { call } = running();
    await call('POST', '/v1/accounts', { id: 'acc_patched', tenant: 'acme', integration: 'github' });
    const before = (await call('GET', '/v1/accounts/acc_patched')).body;
    const answer = await call('PATCH', `/v1/accounts/${id}`, body, key);
    expectProblem(answer, status);
    expect(JSON.stringify(answer.body)).not.toContain('hidden');
    expect((await call('GET', '/v1/accounts/acc_patched')).body).toEqual(before);
  });
});

describe('a secret that the provider chooses', () => {
  const first = 'the secret of the first webhook';
  const second = 'the secret of a second webhook';

  test('is captured once, while the account waits for it, and returned only to the provider (invariant 10)', async () => {
    const { call, post, engine } = running();
    const created = await call('POST', '/v1/accounts', { id: 'acc_asana', tenant: 'acme', integration: 'asana' });
    expect(created.body).not.toHaveProperty('capture');
    const url = created.body.webhook_url;
    const shake = (secret: string) => post(url, '{}', { 'x-hook-secret': secret });
    const refused = await shake(first);
    expectProblem(refused, 401);
    expect(refused.body.reason).toBe('capture-not-armed');

    const armed = await call('PATCH', '/v1/accounts/acc_asana', {
      capture: { secrets: ['signing_secret'], expires_in_seconds: 600 },
    });
    expect(armed.body.capture).toEqual({
      secrets: ['signing_secret'],
      expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const taken = await shake(first);
    expect([taken.status, taken.headers.get('x-hook-secret'), taken.body]).toEqual([200, first, '']);
    expectProblem(await shake(second), 401);
    expect((await shake(first)).status, 'a repetition').toBe(200);

    const read = await call('GET', '/v1/accounts/acc_asana');
    expect(read.body).not.toHaveProperty('capture');
    expect(JSON.stringify([armed.body, read.body, (await call('GET', '/v1/accounts?limit=500')).body])).not.toContain(
      first,
    );
    const event = JSON.stringify({ events: [] });
    const signed = (secret: string) =>
      post(url, event, { 'x-hook-signature': createHmac('sha256', secret).update(event).digest('hex') });
    expect((await signed(first)).status).toBe(200);
    expectProblem(await signed(second), 401);

    // Armed again, for another webhook of the account; this handshake comes too late.
    await call('PATCH', '/v1/accounts/acc_asana', { capture: { secrets: ['signing_secret'], expires_in_seconds: 60 } });
    await engine.advanceClock(61_000);
    expectProblem(await shake(second), 401);
  });
});

describe('a URL that carries a token', () => {
  test('is shown by the account, and accepts only requests with the token', async () => {
    const { call, post, eventually, engine } = running();
    const created = await call('POST', '/v1/accounts', { id: 'acc_sf', tenant: 'sf', integration: 'salesforce' });
    const url = new URL(created.body.webhook_url);
    expect(url.href).toMatch(new RegExp(`^${engine.url}/in/salesforce/acc_sf\\?token=[\\w-]{32}$`));
    expect((await call('GET', '/v1/accounts/acc_sf')).body.webhook_url).toBe(url.href);
    const [sample] = readSamples(integrations, 'salesforce');
    const body = sample?.request.body ?? Buffer.alloc(0);
    const send = (to: string) => post(to, body, { 'content-type': 'text/xml' });
    expect((await send(url.href)).body).toContain('<Ack>true</Ack>');
    for (const wrong of ['', '?token=', '?token=x', `${url.search}x`, '?Token=1'])
      expectProblem(await send(`${url.origin}${url.pathname}${wrong}`), 401);
    const count = async () => (await call('GET', '/v1/events?tenant=sf')).body.data.length;
    await eventually(async () => (await count()) > 0);

    // Removing a leaked token creates a new one.
    const replaced = await call('PATCH', '/v1/accounts/acc_sf', { secrets: { url_token: null } });
    expect(replaced.body.webhook_url).toMatch(/\?token=[\w-]{32}$/);
    expect(replaced.body.webhook_url).not.toBe(url.href);
    await engine.advanceClock(10_000);
    expectProblem(await send(url.href), 401);
    expect((await send(replaced.body.webhook_url)).status).toBe(200);
  });
});

describe('the feed', () => {
  test('is read page by page from a cursor, with filters', async () => {
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

  test('fails when a key for all tenants names no tenant (400)', async () => {
    expectProblem(await running().call('GET', '/v1/events'), 400);
  });
});

test('fails when the route does not exist (404) or does not support the method (405)', async () => {
  const { call } = running();
  expectProblem(await call('GET', '/v1/nosuch'), 404);
  expectProblem(await call('GET', '/nosuch'), 404);
  const answer = await call('PUT', '/v1/accounts/acc_one');
  expectProblem(answer, 405);
  expect(answer.headers.get('allow')).toBe('GET, PATCH, DELETE');
});

describe('the URL for all accounts of an integration', () => {
  test('verifies with its settings, parks requests without an account, and processes them once the account exists', async () => {
    const { call, post, subscriber, eventually, engine } = running();
    const settings = await call('PUT', '/v1/integrations/intercom/settings', { secrets: { signing_secret: 'app' } });
    expect(settings.body).toEqual({
      integration: 'intercom',
      client_id: null,
      redirect_uri: `${engine.url}/connect/intercom/callback`,
      secret_names: ['signing_secret'],
      allowed_ranges: [],
      webhook_url: `${engine.url}/in/intercom`,
    });
    const receiver = await subscriber({ tenant: 'bob' });
    const body = intercomDeletion(636_192, '77');
    const signature = `sha1=${createHmac('sha1', 'app').update(body).digest('hex')}`;
    const before = engine.metrics.sum('unrouted', { service: 'normalize' });
    expect((await post(settings.body.webhook_url, body, { 'x-hub-signature': signature })).status).toBe(200);
    await eventually(() => engine.metrics.sum('unrouted', { service: 'normalize' }) > before);

    const account = { id: 'acc_bob', tenant: 'bob', integration: 'intercom', context: { app_id: '636192' } };
    expect((await call('POST', '/v1/accounts', account)).status).toBe(201);
    await eventually(() => receiver.callbacks.length > 0);
    expect(receiver.callbacks[0]?.event).toMatchObject({ tenant: 'bob', account: 'acc_bob', record_id: '77' });
  });

  test('fails when the integration has no settings or no routing, or the key is for one tenant', async () => {
    const { call, post, engine } = running();
    expectProblem(await post(`${engine.url}/in/slack`, '{}'), 404);
    expectProblem(await post(`${engine.url}/in/nosuch`, '{}'), 404);
    expectProblem(await call('PUT', '/v1/integrations/nosuch/settings', { secrets: {} }), 404);
    expectProblem(await call('PUT', '/v1/integrations/intercom/settings', { secrets: { other: 'x' } }), 422);
    expectProblem(await call('PUT', '/v1/integrations/intercom/settings', { secrets: {} }, acmeKey), 403);
    expectProblem(await call('GET', '/v1/integrations/intercom/settings'), 405);
  });
});
