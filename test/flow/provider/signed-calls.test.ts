import { expect, test } from 'vitest';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { aTicket, deskWith } from './desk.ts';

const members = ['consumer_key', 'consumer_secret', 'token', 'token_secret'] as const;
const oauth1 = Object.fromEntries(members.map((name) => [name, `The ${name}.`]));
const record = '/v1/accounts/acc_desk/records/ticketing/tickets/7';

test.each([
  ['once, because of too many calls at once, is made anew and the account stays', 1, 200],
  ['twice has ended its credentials', 2, 409],
])('a signature that the provider refuses %s', async (_, refusals, status) => {
  const api = createFakeApi({ definitions: [deskWith({ api: { credentials: { oauth1 } } })] });
  let refused = Number.POSITIVE_INFINITY;
  const nonces: unknown[] = [];
  api.provider.respond(({ url, headers }) => {
    if (new URL(url).pathname === '/v2/me') return { body: { ok: true } };
    nonces.push(/oauth_nonce="([^"]+)"/.exec(String(headers['Authorization'] ?? headers['authorization']))?.[1]);
    return nonces.length <= refused ? 401 : { body: { ticket: aTicket(7) } };
  });
  refused = refusals;
  const credentials = { type: 'oauth1', ...Object.fromEntries(members.map((name) => [name, name])) };
  const account = { id: 'acc_desk', tenant: 'acme', integration: 'desk', context: { subdomain: 'acme' }, credentials };
  expect((await api.call('POST', '/v1/accounts', account)).status).toBe(201);
  expect((await api.call('GET', record)).status).toBe(status);
  expect(new Set(nonces).size).toBe(2);
});
