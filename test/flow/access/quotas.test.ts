import { describe, expect, test } from 'vitest';
import type { GovernanceMessage } from '../../../lambdas/contracts/messages.ts';
import { continueErasure, startErasure } from '../../../lambdas/flows/tenants/erase-tenant.ts';
import { createFakeApi, type FakeApi, type FakeApiOptions } from '../../fakes/fake-api.ts';
import type { FakeEngine } from '../../fakes/fake-engine.ts';

const url = 'https://app.example.com/hooks';
const quotas = {
  subscriptionsPerTenant: 3,
  sharedSubscriptions: 2,
  accountsPerTenant: 3,
  // Includes the calling key.
  keysPerTenant: 4,
  consumersPerTenant: 3,
  portalSessionsPerTenant: 3,
};

/** Objects with a quota: how to create, remove and count them. */
const kinds = [
  {
    quota: 'subscriptionsPerTenant',
    detail: 'The tenant has 3 subscriptions, which is its limit (subscriptionsPerTenant).',
    path: '/v1/subscriptions',
    body: () => ({ url }),
    placeOf: ({ id }: { id: string }) => `/v1/subscriptions/${id}`,
    count: (api: FakeApi, tenant: string) => api.engine.subscriptions.count(tenant, 100),
  },
  {
    quota: 'accountsPerTenant',
    detail: 'The tenant has 3 accounts, which is its limit (accountsPerTenant).',
    path: '/v1/accounts',
    body: () => ({ integration: 'staff' }),
    placeOf: ({ id }: { id: string }) => `/v1/accounts/${id}`,
    count: (api: FakeApi, tenant: string) => api.engine.accounts.count(tenant, 100),
  },
  {
    quota: 'keysPerTenant',
    detail: 'The tenant has 4 keys, which is its limit (keysPerTenant).',
    path: '/v1/keys',
    body: () => ({ name: 'one more', scopes: ['events:read'] }),
    placeOf: ({ id }: { id: string }) => `/v1/keys/${id}`,
    count: (api: FakeApi, tenant: string) => api.apiKeys.count(tenant, 100),
  },
  {
    quota: 'consumersPerTenant',
    detail: 'The tenant has 3 consumers, which is its limit (consumersPerTenant).',
    path: '/v1/consumers',
    body: (number: number) => ({ name: `consumer-${number}` }),
    placeOf: ({ name }: { name: string }) => `/v1/consumers/${name}`,
    count: (api: FakeApi, tenant: string) => api.engine.consumers.count(tenant, 100),
  },
  {
    quota: 'portalSessionsPerTenant',
    detail: 'The tenant has 3 portal sessions that have not ended, which is its limit (portalSessionsPerTenant).',
    path: '/v1/portal-sessions',
    body: () => ({ scopes: ['events:read'], return_url: 'https://app.example.com/settings' }),
    placeOf: ({ id }: { id: string }) => `/v1/portal-sessions/${id}`,
    count: (api: FakeApi, tenant: string) => api.apiKeys.countPortals(tenant, api.engine.clock.nowMs(), 100),
  },
] as const;

/** Erase a tenant's data while time passes. */
async function erase(engine: FakeEngine, tenant: string): Promise<void> {
  await startErasure(engine.startErasurePorts, tenant, 'all');
  for (;;) {
    for (const { id, body } of engine.governanceQueue.receive()) {
      await continueErasure(engine.erasePorts, JSON.parse(body) as GovernanceMessage);
      engine.governanceQueue.remove(id);
    }
    const shownAtMs = engine.governanceQueue.messages().map(({ visibleAtMs }) => visibleAtMs);
    if (shownAtMs.length === 0) return;
    engine.clock.advance(Math.max(1, Math.min(...shownAtMs) - engine.clock.nowMs()));
  }
}

const open = (options: FakeApiOptions = {}) => createFakeApi({ quotas, ...options });

describe.each(kinds)('the quota $quota', ({ quota, detail, path, body, placeOf, count }) => {
  const create = (
    api: FakeApi,
    number: number,
    as: 'acme' | 'globex' = 'acme',
    headers: Readonly<Record<string, string>> = {},
  ) => api.call('POST', path, body(number), as, headers);
  async function fill(api: FakeApi) {
    const made = [];
    for (let number = 1; number <= 3; number += 1) made.push(await create(api, number));
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201]);
    return made.map((answer) => answer.body);
  }

  test('fails when the tenant has reached it (422), and the answer names the quota', async () => {
    const api = open();
    await fill(api);
    const answer = await create(api, 4);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ reason: 'quota-exceeded', quota, limit: quotas[quota] });
    expect(answer.body.detail).toContain(detail);
    expect(await count(api, 'acme')).toBe(quotas[quota]);
  });

  test('counts each tenant separately (invariant 12)', async () => {
    const api = open();
    await fill(api);
    expect((await create(api, 4, 'globex')).status).toBe(201);
  });

  test('admits a new object after a deletion', async () => {
    const api = open();
    const [first] = await fill(api);
    expect((await api.call('DELETE', placeOf(first), undefined, 'acme')).status).toBe(204);
    expect((await create(api, 4)).status).toBe(201);
    expect((await create(api, 5)).status).toBe(422);
  });

  test('admits new objects after an erasure', async () => {
    const api = open();
    await fill(api);
    await erase(api.engine, 'acme');
    expect(await count(api, 'acme')).toBe(0);
  });

  test('does not refuse a retry of the creation that filled it', async () => {
    const api = open();
    await create(api, 1);
    await create(api, 2);
    const asked = { 'idempotency-key': 'third' };
    const first = await create(api, 3, 'acme', asked);
    const again = await create(api, 3, 'acme', asked);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
  });

  test('holds when any number of objects are created concurrently', async () => {
    const api = open();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, number) => create(api, number + 1)));
    const created = answers.filter(({ status }) => status === 201).length;
    expect(answers.every(({ status }) => status === 201 || status === 422)).toBe(true);
    expect(await count(api, 'acme')).toBe(created + (quota === 'keysPerTenant' ? 1 : 0));
    expect(created).toBeLessThanOrEqual(3);
  });
});

test('subscriptions to all tenants have a separate quota, since publishing checks each of them for every event', async () => {
  const api = open();
  const create = () => api.call('POST', '/v1/subscriptions', { url });
  expect([await create(), await create()].map(({ status }) => status)).toEqual([201, 201]);
  const answer = await create();
  expect(answer.status).toBe(422);
  expect(answer.body).toMatchObject({ reason: 'quota-exceeded', quota: 'sharedSubscriptions', limit: 2 });
  expect(answer.body.detail).toContain('There are 2 subscriptions to all tenants');
  expect((await api.call('POST', '/v1/subscriptions', { url, tenant: 'acme' })).status).toBe(201);
});

test('keys of all tenants have no quota', async () => {
  const api = open();
  for (let number = 0; number < 6; number += 1)
    expect((await api.call('POST', '/v1/keys', { name: 'one', scopes: ['events:read'] })).status).toBe(201);
});

test('a retry of an interrupted creation is not refused although the quota is full', async () => {
  const api = open();
  for (const id of ['acc_1', 'acc_2', 'acc_3'])
    await api.call('POST', '/v1/accounts', { id, integration: 'staff' }, 'acme');
  // The retry finds the account.
  expect((await api.call('POST', '/v1/accounts', { id: 'acc_3', integration: 'staff' }, 'acme')).status).toBe(409);
});
