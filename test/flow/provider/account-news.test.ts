import { expect, test } from 'vitest';
import { tellOfAccount } from '../../../lambdas/flows/provider/tell-of-account.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';
import { aTicket, desk } from './desk.ts';

const account = {
  id: 'acc_desk',
  tenant: 'acme',
  integration: 'desk',
  context: { subdomain: 'acme' },
  credentials: { type: 'api_key', key: 'first' },
};
const record = '/v1/accounts/acc_desk/records/ticketing/tickets/7';

/** An account whose provider accepts one key. */
async function prepare() {
  const api = createFakeApi({ definitions: [desk] });
  let right = 'first';
  api.provider.respond(({ url, headers }) => {
    if (headers['authorization'] !== `Token ${right}`) return 401;
    return new URL(url).pathname === '/v2/me' ? { body: { ok: true } } : { body: { ticket: aTicket(7) } };
  });
  expect((await api.call('POST', '/v1/accounts', account)).status).toBe(201);
  const ports = {
    ...api.engine.publishPorts,
    accounts: api.engine.accounts.reader(api.engine.clock),
    provider: api.provider.ports,
  };
  return {
    api,
    ports,
    rotate: (key: string) => {
      right = key;
    },
    reconnect: async (key: string) =>
      api.call('PATCH', '/v1/accounts/acc_desk', { credentials: { type: 'api_key', key } }),
    /** Do what the messages on the queue ask for. */
    deliverNews: async () => {
      const news = api.engine.enrichQueue.receive().filter(({ body }) => body.includes('account-news'));
      for (const { id, body } of news) {
        await tellOfAccount(ports, (JSON.parse(body) as { account: string }).account);
        api.engine.enrichQueue.remove(id);
      }
      return news.length;
    },
    told: async () => (await api.call('GET', '/v1/events?types=account.*&tenant=acme')).body.data as unknown[],
  };
}

test('refused credentials are told once, and so are the new ones', async () => {
  const { api, rotate, reconnect, deliverNews, told } = await prepare();
  rotate('second');
  expect((await api.call('GET', record)).status).toBe(409);
  expect((await api.call('GET', record)).status).toBe(409);
  expect(await deliverNews()).toBe(1);
  expect(await told()).toMatchObject([
    {
      type: 'account.auth_failed',
      tenant: 'acme',
      record_id: 'acc_desk',
      origin: 'operation',
      data: { account_id: 'acc_desk', integration: 'desk', reason: 'the provider refuses the credentials' },
    },
  ]);
  api.engine.clock.advance(120_000);
  await api.call('GET', record);
  expect(await deliverNews()).toBe(0);
  expect((await reconnect('second')).status).toBe(200);
  await deliverNews();
  expect(await told()).toMatchObject([
    { type: 'account.auth_failed' },
    { type: 'account.recovered', data: { account_id: 'acc_desk', failed_since: expect.any(String) } },
  ]);
  expect((await api.call('GET', record)).status).toBe(200);
});

test('news that a crash kept back are sent by the next call', async () => {
  const { api, ports, rotate, deliverNews, told } = await prepare();
  rotate('second');
  const { news } = ports.provider;
  const { send } = news;
  Object.assign(news, { send: async () => Promise.reject(new Error('killed')) });
  await expect(api.call('GET', record)).rejects.toThrow('killed');
  Object.assign(news, { send });
  api.engine.clock.advance(120_000);
  expect((await api.call('GET', record)).status).toBe(409);
  expect(await deliverNews()).toBe(1);
  expect(await told()).toHaveLength(1);
});

test('an account that recovers before anyone was told, has both told', async () => {
  const { api, rotate, reconnect, deliverNews, told } = await prepare();
  rotate('second');
  await api.call('GET', record);
  await reconnect('second');
  expect(await deliverNews()).toBe(2);
  expect(await told()).toMatchObject([{ type: 'account.auth_failed' }, { type: 'account.recovered' }]);
});

test('a deleted account tells nothing', async () => {
  const { api, rotate, deliverNews, told } = await prepare();
  rotate('second');
  await api.call('GET', record);
  await api.call('DELETE', '/v1/accounts/acc_desk');
  await deliverNews();
  expect(await told()).toEqual([]);
});
