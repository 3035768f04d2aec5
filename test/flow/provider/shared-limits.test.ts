import { expect, test } from 'vitest';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { aTicket, deskWith } from './desk.ts';

/*
 * Limits of the vendor's app are shared by the accounts of all tenants. One tenant's account, or the host that it names,
 * must not stop the others.
 */

const appLimit = { name: 'app', calls: 100, per: '1m', scope: 'app', remaining: '{header.x-app-remaining}' };
const ofApp = { when: { status: 429, header: { 'x-problem': 'app' } }, means: 'slow-down', scope: 'app' };
const record = (account: string) => `/v1/accounts/${account}/records/ticketing/tickets/7`;

/** An account of acme, and one of globex; the provider answers acme's calls with `slow`. */
async function prepare(
  slow: { readonly status?: number; readonly headers: Readonly<Record<string, string>>; readonly body?: unknown },
  { baseUrl, limits = [appLimit] }: { readonly baseUrl?: string; readonly limits?: readonly object[] } = {},
) {
  const api = createFakeApi({ definitions: [deskWith({ api: { limits, errors: [ofApp] } })] });
  api.provider.respond(({ url, headers }) => {
    const { pathname } = new URL(url);
    if (pathname.endsWith('/me')) return { body: { ok: true } };
    return headers['authorization'] === 'Token acme' ? slow : { body: { ticket: aTicket(7) } };
  });
  for (const tenant of ['acme', 'globex']) {
    const created = await api.call('POST', '/v1/accounts', {
      id: `acc_${tenant}`,
      tenant,
      integration: 'desk',
      context: { subdomain: tenant },
      credentials: { type: 'api_key', key: tenant },
      ...(tenant === 'acme' && baseUrl !== undefined ? { base_url: baseUrl } : {}),
    });
    expect(created.status).toBe(201);
  }
  return api;
}

const aDay = { 'retry-after': '86400' };

test("the refusal of one account's calls stops no other account", async () => {
  const api = await prepare({ status: 429, headers: aDay });
  expect((await api.call('GET', record('acc_acme'))).status).toBe(429);
  expect((await api.call('GET', record('acc_globex'))).status).toBe(200);
});

test.each([
  ['has limits of the app', [appLimit]],
  ['only says so in an answer', []],
])('what the provider says of the app stops all accounts, where the definition %s', async (_, limits) => {
  const api = await prepare({ status: 429, headers: { ...aDay, 'x-problem': 'app' } }, { limits });
  expect((await api.call('GET', record('acc_acme'))).status).toBe(429);
  expect((await api.call('GET', record('acc_globex'))).status).toBe(429);
  const { body } = await api.call('GET', '/v1/accounts/acc_globex/limits');
  expect(body.blocked_until).toBe(new Date(api.engine.clock.nowMs() + 86_400_000).toISOString());
});

test.each([
  ['slows the app down', { status: 429, headers: { ...aDay, 'x-problem': 'app' } }],
  ['says that nothing is left', { headers: { 'x-app-remaining': '0' }, body: { ticket: aTicket(7) } }],
])('a host that an account names is not heard where it %s', async (_, slow) => {
  const api = await prepare(slow, { baseUrl: 'https://desk.acme.example/api' });
  await api.call('GET', record('acc_acme'));
  expect((await api.call('GET', record('acc_globex'))).status).toBe(200);
});

test('the account itself keeps to what its host says of the app', async () => {
  const headers = { ...aDay, 'x-problem': 'app' };
  const api = await prepare({ status: 429, headers }, { baseUrl: 'https://desk.acme.example/api' });
  for (let reads = 0; reads < 3; reads += 1) expect((await api.call('GET', record('acc_acme'))).status).toBe(429);
  // The test of the credentials, and the one read that was refused.
  expect(api.provider.requests.filter(({ url }) => url.startsWith('https://desk.acme.example'))).toHaveLength(2);
});

test('calls to a host that an account names count against the app all the same', async () => {
  const api = await prepare(
    { headers: {}, body: { ticket: aTicket(7) } },
    { baseUrl: 'https://desk.acme.example/api', limits: [{ ...appLimit, calls: 4 }] },
  );
  // The tests of the two accounts took two, and the reserve leaves one for reads.
  expect((await api.call('GET', record('acc_acme'))).status).toBe(200);
  expect((await api.call('GET', record('acc_acme'))).status).toBe(429);
});
