import { expect, test } from 'vitest';
import { createSubscription } from '../../lambdas/flows/create-subscription.ts';
import { createInMemorySubscriptions } from '../fakes/in-memory-subscriptions.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { createSeededRandomness } from '../fakes/seeded-randomness.ts';

const createPorts = (refusal?: string) => ({
  subscriptions: createInMemorySubscriptions(),
  egress: { refusalOf: async () => refusal },
  clock: createManualClock(),
  randomness: createSeededRandomness(),
});
const request = {
  url: 'https://app.example.com/hooks',
  tenant: 'acme',
  types: ['record:*'],
  resources: ['hris/*'],
  integrations: [],
  accounts: [],
};

test('a subscription is stored with its one secret, which the result tells', async () => {
  const ports = createPorts();
  const creation = await createSubscription(ports, { id: 'sub_1', ...request });
  if (creation.kind !== 'created') throw new Error(creation.kind);
  expect(creation.subscription).toEqual({
    ...request,
    id: 'sub_1',
    secrets: [creation.secret],
    createdAt: '2026-11-21T12:00:00.000Z',
  });
  expect(await ports.subscriptions.find('sub_1')).toEqual(creation.subscription);
  expect(Buffer.from(creation.secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
});

test('two subscriptions get two ids and two secrets', async () => {
  const ports = createPorts();
  const creations = [
    await createSubscription(ports, request),
    await createSubscription(ports, { ...request, tenant: null }),
  ];
  const created = creations.flatMap((creation) => (creation.kind === 'created' ? creation : []));
  for (const { subscription } of created) expect(subscription.id).toMatch(/^sub_[0-9a-f]{24}$/);
  expect(new Set(created.map(({ subscription }) => subscription.id)).size).toBe(2);
  expect(new Set(created.map(({ secret }) => secret)).size).toBe(2);
});

test('fails when the id is taken by any tenant, and leaves the subscription as it is (invariant 3)', async () => {
  const ports = createPorts();
  await createSubscription(ports, { id: 'sub_1', ...request });
  for (const tenant of ['acme', 'globex', null])
    expect(await createSubscription(ports, { id: 'sub_1', ...request, tenant })).toEqual({ kind: 'exists' });
  expect((await ports.subscriptions.find('sub_1'))?.tenant).toBe('acme');
});

test('fails when the URL may not be called, and stores nothing (invariant 11)', async () => {
  const ports = createPorts('it resolves to a private address');
  expect(await createSubscription(ports, { id: 'sub_1', ...request })).toEqual({
    kind: 'url-refused',
    reason: 'it resolves to a private address',
  });
  expect(await ports.subscriptions.find('sub_1')).toBeUndefined();
});
