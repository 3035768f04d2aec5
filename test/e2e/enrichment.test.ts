import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerJson, type ProviderStandIn, startProviderStandIn } from './provider-stand-in.ts';
import { useRunningEngine } from './running-engine.ts';

let provider: ProviderStandIn;
beforeAll(async () => {
  provider = await startProviderStandIn();
});
afterAll(async () => provider.stop());

const running = useRunningEngine(undefined, () => ({
  hosts: [`https://api.legacy-crm.example=${provider.origin}`],
}));

const row = (id: number, change: object = {}) => ({
  contact_id: id,
  first: 'Nadia',
  last: 'Berg',
  mail: `contact-${id}@example.com`,
  changed: '2026-11-20T10:00:00Z',
  ...change,
});

/** The API of the CRM: each contact below 9000 is there. */
function serveContacts(): void {
  provider.answer(({ path, query }, response) => {
    if (path === '/v1/users/me') return answerJson(response, { user_id: 5 });
    const ids = (query.get('ids') ?? path.split('/').at(-1) ?? '').split(',').map(Number);
    const rows = ids.filter((id) => id < 9000).map((id) => row(id));
    if (query.has('ids')) return answerJson(response, { rows });
    return rows.length === 0 ? answerJson(response, {}, 404) : answerJson(response, { row: rows[0] });
  });
}

async function connected(tenant: string) {
  const { call, post } = running();
  const created = await call('POST', '/v1/accounts', {
    tenant,
    integration: 'legacy-crm',
    secrets: { signing_secret: 's3cret' },
    credentials: { type: 'api_key', key: 'the-key' },
  });
  expect(created.status).toBe(201);
  const send = async (id: number, action = 'update', ts = 1_795_168_800) => {
    const body = JSON.stringify({ action, object: 'contact', data: { contact_id: id }, ts });
    const signature = createHmac('sha256', 's3cret').update(body).digest('hex');
    expect((await post(created.body.webhook_url, body, { 'x-legacy-signature': signature })).status).toBe(200);
  };
  return { id: created.body.id as string, send };
}

test('a thin webhook becomes the full event, whose data a unified read gives as well', async () => {
  const { subscriber, call, eventually } = running();
  serveContacts();
  const receiver = await subscriber({ tenant: 'thin' });
  const { id, send } = await connected('thin');
  await send(1042);
  await eventually(() => receiver.callbacks.length === 1);
  const { event } = receiver.callbacks[0] as (typeof receiver.callbacks)[number];
  expect(event).toMatchObject({
    type: 'record:updated',
    record_id: '1042',
    data: { id: '1042', name: 'Nadia Berg', email: 'contact-1042@example.com' },
  });
  expect(event).not.toHaveProperty('thin');
  const read = await call('GET', `/v1/accounts/${id}/records/crm/contacts/1042`);
  expect(read.body.data).toEqual(event['data']);
  expect(provider.requests.at(-1)?.headers).toMatchObject({ 'x-api-key': 'the-key' });
});

test('webhooks of many records are read together, and one of a record that is gone deletes nothing unknown', async () => {
  const { subscriber, call, eventually } = running();
  serveContacts();
  provider.requests.length = 0;
  const receiver = await subscriber({ tenant: 'many' });
  const { id, send } = await connected('many');
  await Promise.all(Array.from({ length: 30 }, async (_, index) => send(2000 + index)));
  await send(9001);
  await eventually(() => receiver.callbacks.length >= 30);
  expect(new Set(receiver.callbacks.map(({ event }) => event['record_id'])).size).toBe(30);
  const reads = provider.requests.filter(({ path }) => path !== '/v1/users/me');
  expect(reads.length).toBeLessThan(15);
  await eventually(async () => {
    const { body } = await call('GET', `/v1/accounts/${id}/limits`);
    const [minute, atOnce] = body.limits;
    // What a wait has moved the clock past counts no more.
    return minute.remaining >= 120 - provider.requests.length && atOnce.remaining === 4;
  });
});

test('refused credentials keep the work, and new ones let it go on; the tenant is told of both', async () => {
  const { subscriber, call, eventually } = running();
  serveContacts();
  const receiver = await subscriber({ tenant: 'rotated', types: ['record:*', 'account.*'] });
  const { id, send } = await connected('rotated');
  provider.answer((_, response) => answerJson(response, { error: { code: 'KEY' } }, 401));
  await send(3001);
  const typesOf = () => receiver.callbacks.map(({ event }) => event['type']);
  await eventually(() => typesOf().includes('account.auth_failed'));
  expect((await call('GET', `/v1/accounts/${id}`)).body).toMatchObject({ status: 'auth_failed' });
  serveContacts();
  const changed = await call('PATCH', `/v1/accounts/${id}`, { credentials: { type: 'api_key', key: 'another' } });
  expect(changed).toMatchObject({ status: 200, body: { status: 'active' } });
  await eventually(() => typesOf().length === 3);
  expect(new Set(typesOf())).toEqual(new Set(['account.auth_failed', 'account.recovered', 'record:updated']));
});
