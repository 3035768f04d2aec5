import { expect, test } from 'vitest';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { deskWith } from './desk.ts';

const oauth2 = {
  authorize_url: 'https://login.desk.example/authorize',
  token_url: 'https://login.desk.example/token',
  scopes: ['read', 'offline'],
  params: { prompt: 'consent' },
};
const withConsent = (change: object = {}, context: object = {}) => {
  const definition = deskWith({ api: { credentials: { oauth2: { ...oauth2, ...change } } } });
  return { ...definition, context: { ...definition.context, ...context } } as typeof definition;
};

async function prepare(definition = withConsent()) {
  const api = createFakeApi({ definitions: [definition] });
  const sent: URLSearchParams[] = [];
  const state = {
    me: { ok: true } as object | number,
    token: { access_token: 'at', refresh_token: 'rt', expires_in: 3600 } as object,
  };
  api.provider.respond(({ url, body }) => {
    if (url.endsWith('/token')) {
      sent.push(new URLSearchParams(body));
      return { body: state.token };
    }
    if (url.endsWith('/tenants'))
      return {
        body: [
          { id: 't1', name: 'One' },
          { id: 't2', name: 'Two' },
        ],
      };
    return typeof state.me === 'number' ? state.me : { body: state.me };
  });
  await api.call('PUT', '/v1/integrations/desk/settings', {
    client: { client_id: 'our-client', client_secret: 'client-secret' },
  });
  await api.call('POST', '/v1/accounts', {
    id: 'acc_desk',
    tenant: 'acme',
    integration: 'desk',
    context: { subdomain: 'acme' },
  });
  const start = async (returnUrl = 'https://app.example.com/done?x=1') =>
    api.call('POST', '/v1/accounts/acc_desk/connect', { return_url: returnUrl });
  const comeBack = async (query: Readonly<Record<string, string>>, integration = 'desk') =>
    api.browse(`/connect/${integration}/callback`, query);
  return { api, sent, state, start, comeBack };
}

const stateIn = (answer: { body: unknown }) =>
  new URL((answer.body as { url: string }).url).searchParams.get('state') ?? '';

test('an owner consents, and the account is connected', async () => {
  const { api, sent, start, comeBack } = await prepare();
  expect((await api.call('GET', '/v1/accounts/acc_desk')).body).toMatchObject({
    status: 'disconnected',
    credentials: null,
  });
  const started = await start();
  const url = new URL((started.body as { url: string }).url);
  expect(url.origin + url.pathname).toBe('https://login.desk.example/authorize');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: 'our-client',
    redirect_uri: 'https://api.example.com/connect/desk/callback',
    scope: 'read offline',
    prompt: 'consent',
    code_challenge_method: 'S256',
  });
  const done = await comeBack({ code: 'the-code', state: stateIn(started) });
  expect(done).toMatchObject({
    statusCode: 302,
    headers: { location: 'https://app.example.com/done?x=1&status=connected&account=acc_desk' },
  });
  expect(Object.fromEntries(sent[0] ?? [])).toMatchObject({
    grant_type: 'authorization_code',
    code: 'the-code',
    redirect_uri: 'https://api.example.com/connect/desk/callback',
    client_secret: 'client-secret',
    code_verifier: expect.stringMatching(/^[\w-]{64}$/),
  });
  const shown = await api.call('GET', '/v1/accounts/acc_desk');
  expect(shown.body).toMatchObject({
    status: 'active',
    credentials: { type: 'oauth2', expires_at: expect.any(String) },
  });
  expect(JSON.stringify(shown)).not.toMatch(/"at"|"rt"|client-secret/);
});

test('a state works once, for its own integration, and not for ever', async () => {
  const { api, start, comeBack } = await prepare();
  const state = stateIn(await start());
  expect((await comeBack({ code: 'c', state }, 'other')).statusCode).toBe(400);
  expect((await comeBack({ code: 'c', state })).statusCode).toBe(400);
  const second = stateIn(await start());
  expect((await comeBack({ code: 'c', state: second })).statusCode).toBe(302);
  expect((await comeBack({ code: 'c', state: second })).statusCode).toBe(400);
  const third = stateIn(await start());
  api.engine.clock.advance(31 * 60_000);
  expect((await comeBack({ code: 'c', state: third })).statusCode).toBe(400);
  for (const query of [{}, { state: 'x' }, { code: 'c' }]) expect((await comeBack(query)).statusCode).toBe(400);
});

test('a page says why it failed, leads back, and runs nothing that came with the request', async () => {
  const { state, start, comeBack } = await prepare();
  const denied = await comeBack({ error: 'access_denied', state: stateIn(await start()) });
  expect(denied.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  expect(denied.body).toContain('Desk did not give its consent (access_denied).');
  expect(denied.body).toContain('href="https://app.example.com/done?x=1&#38;status=failed"');
  const odd = await comeBack({ error: '<script>alert(1)</script>', state: stateIn(await start()) });
  expect(odd.body).not.toContain('<script>');
  state.me = 401;
  state.token = { access_token: 'at' };
  const refused = await comeBack({ code: 'c', state: stateIn(await start()) });
  expect(refused.body).toContain('refuses the new connection');
  state.token = { error: 'invalid_grant', secret: 'planted-secret' };
  const dead = await comeBack({ code: 'c', state: stateIn(await start()) });
  expect(dead.body).toContain('did not give a token');
  expect(dead.body).not.toContain('planted-secret');
});

test.each([
  'https://evil.example/',
  'https://app.example.com.evil.example/',
  'https://app.example.com@evil.example/',
  'https://app.example.com:8443/',
])('a consent does not lead back to %s', async (url) => {
  const { start } = await prepare();
  expect(await start(url)).toMatchObject({ status: 422, body: { errors: [{ path: 'return_url' }] } });
});

test('values of the token answer and of the redirect go into the context', async () => {
  const definition = withConsent(
    { capture: { realm_id: '{query.realmId}', instance: '{token.instance}', domain: '{context.subdomain}.desk' } },
    {
      realm_id: { help: 'x', optional: true, list: false },
      instance: { help: 'x', optional: true, list: false },
      domain: { help: 'x', optional: true, list: false },
    },
  );
  const { api, state, start, comeBack } = await prepare(definition);
  state.token = { access_token: 'at', instance: 'i-7' };
  await comeBack({ code: 'c', state: stateIn(await start()), realmId: '42' });
  expect((await api.call('GET', '/v1/accounts/acc_desk')).body).toMatchObject({
    context: { subdomain: 'acme', realm_id: '42', instance: 'i-7', domain: 'acme.desk' },
  });
});

test('a consent for several tenants of the provider names them, or finds the one of the account', async () => {
  const discover = {
    call: { url: 'https://acme.desk.example/tenants', method: 'GET', format: 'json', cost: 1, where_join: ' AND ' },
    // The account's own context tells which of several it is.
    records: '$context.tenant_id ? $[id = $context.tenant_id] : $',
    choose: 'one',
    label: 'name',
    capture: { tenant_id: 'id' },
  };
  const definition = withConsent({ discover }, { tenant_id: { help: 'x', optional: true, list: false } });
  const { api, start, comeBack } = await prepare(definition);
  const unclear = await comeBack({ code: 'c', state: stateIn(await start()) });
  expect(unclear.body).toContain('One, Two');
  await api.call('PATCH', '/v1/accounts/acc_desk', { context: { subdomain: 'acme', tenant_id: 't2' } });
  expect((await comeBack({ code: 'c', state: stateIn(await start()) })).statusCode).toBe(302);
});

/** A tenant's own key connects its account; the redirect says the id of a stranger. */
async function claimStranger(change: object, account: object, baseUrl?: string) {
  const optional = { help: 'x', optional: true, list: false };
  const base = withConsent(
    { capture: { realm_id: '{query.realmId}', ...change } },
    { realm_id: optional, instance_url: optional },
  );
  const calls = base.api as NonNullable<typeof base.api>;
  const definition = {
    ...base,
    api: { ...calls, ...(baseUrl === undefined ? {} : { base_url: baseUrl }) },
    routing: { context_lookup_field: 'body.realm', account_context: 'realm_id', secrets: 'account' as const },
  };
  const { api, state, comeBack } = await prepare(definition);
  state.token = { access_token: 'at', instance_url: 'https://real.desk.example' };
  const created = await api.call(
    'POST',
    '/v1/accounts',
    { id: 'acc_own', tenant: 'acme', integration: 'desk', ...account },
    'acme',
  );
  expect(created.status).toBe(201);
  const body = { return_url: 'https://app.example.com' };
  const started = await api.call('POST', '/v1/accounts/acc_own/connect', body, 'acme');
  // Whatever host is called says yes to everything.
  const done = await comeBack({ code: 'c', state: stateIn(started), realmId: 'of-a-stranger' });
  const { context } = (await api.call('GET', '/v1/accounts/acc_own')).body;
  return { status: done.statusCode, hasClaimed: 'realm_id' in context };
}

test.each([
  [undefined, { status: 302, hasClaimed: true }],
  ['https://desk.acme.example/api', { status: 400, hasClaimed: false }],
])('what the redirect says is claimed only after a call to the host of the definition: %s', async (own, expected) => {
  const account = { context: { subdomain: 'acme' }, base_url: own };
  expect(await claimStranger({}, account)).toEqual(expected);
});

test.each([
  [{ instance_url: '{token.instance_url}' }, { status: 302, hasClaimed: true }],
  [{}, { status: 400, hasClaimed: false }],
])('a host of the context counts only where this consent has brought it: %j', async (capture, expected) => {
  const account = { context: { subdomain: 'acme', instance_url: 'https://evil.acme.example' } };
  expect(await claimStranger(capture, account, '{context.instance_url}/v2')).toEqual(expected);
});

test('the account of another tenant cannot be connected', async () => {
  const { api } = await prepare();
  const stranger = await api.call(
    'POST',
    '/v1/accounts/acc_desk/connect',
    { return_url: 'https://app.example.com/' },
    'globex',
  );
  expect(stranger.status).toBe(404);
});
