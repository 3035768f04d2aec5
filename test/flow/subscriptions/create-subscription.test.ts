import { expect, test } from 'vitest';
import {
  createSubscription,
  type SubscriptionRequest,
} from '../../../lambdas/flows/subscriptions/create-subscription.ts';
import { removeSubscription } from '../../../lambdas/flows/subscriptions/manage-subscription.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { anEventRow } from '../../fakes/samples.ts';

const request: SubscriptionRequest = {
  url: 'https://app.example.com/hooks',
  tenant: 'acme',
  types: ['record:*'],
  resources: ['hris/*'],
  integrations: [],
  accounts: [],
  endpoint: { headers: {}, timeout_seconds: 15 },
  shaping: {},
  ordering: 'none',
};

const createPorts = () => createFakeEngine().manageSubscriptionPorts;

test('a subscription is stored with one secret, which the result holds', async () => {
  const ports = createPorts();
  const creation = await createSubscription(ports, { id: 'sub_1', ...request });
  if (creation.kind !== 'created') throw new Error(creation.kind);
  expect(creation.subscription).toEqual({
    ...request,
    id: 'sub_1',
    status: 'enabled',
    concurrency: 10,
    secrets: [{ value: creation.secret, createdAt: '2026-11-21T12:00:00.000Z' }],
    createdAt: '2026-11-21T12:00:00.000Z',
    revision: 1,
  });
  expect(await ports.subscriptions.find('sub_1')).toEqual(creation.subscription);
  expect(Buffer.from(creation.secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
});

test('a subscription with v1a signatures gets a key pair', async () => {
  const creation = await createSubscription(createPorts(), { ...request, isAsymmetric: true });
  if (creation.kind !== 'created') throw new Error(creation.kind);
  expect(creation.subscription.signingKeys).toMatchObject([
    {
      id: expect.stringMatching(/^key_/),
      privateKey: expect.stringMatching(/^whsk_/),
      publicKey: expect.stringMatching(/^whpk_/),
    },
  ]);
});

test('an ordered subscription begins at the end of its tenant’s feed', async () => {
  const engine = createFakeEngine();
  await engine.events.writeRows(
    [3, 4].map((sequence) => ({ ...anEventRow(sequence), writtenAtMs: engine.clock.nowMs() })),
  );
  await createSubscription(engine.manageSubscriptionPorts, { id: 'sub_1', ...request, ordering: 'record' });
  expect((await engine.endpoints.getMany([{ scope: 'acme', endpoint: 'sub_1' }]))[0]?.position).toBe(4);
});

test('fails when the id belonged to another tenant, and leaves its endpoint’s position unchanged (invariant 3)', async () => {
  const engine = createFakeEngine();
  const ports = engine.manageSubscriptionPorts;
  const written = { writtenAtMs: engine.clock.nowMs() };
  await engine.events.writeRows([{ ...anEventRow(3), ...written }]);
  await engine.events.writeRows([{ ...anEventRow(900), tenant: 'globex', ...written }]);
  const ordered = { id: 'sub_1', ...request, ordering: 'record' } as const;
  await createSubscription(ports, ordered);
  await removeSubscription(ports, 'sub_1');
  expect(await createSubscription(ports, { ...ordered, tenant: 'globex' })).toEqual({ kind: 'exists' });
  const key = { scope: 'acme', endpoint: 'sub_1' };
  expect((await engine.endpoints.getMany([key]))[0]?.position).toBeUndefined();
  await createSubscription(ports, ordered);
  expect((await engine.endpoints.getMany([key]))[0]?.position).toBe(3);
});

test('two subscriptions get different ids and secrets', async () => {
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

test('fails when the id is taken by any tenant, and leaves the subscription unchanged (invariant 3)', async () => {
  const ports = createPorts();
  await createSubscription(ports, { id: 'sub_1', ...request });
  for (const tenant of ['acme', 'globex', null])
    expect(await createSubscription(ports, { id: 'sub_1', ...request, tenant })).toEqual({ kind: 'exists' });
  expect((await ports.subscriptions.find('sub_1'))?.tenant).toBe('acme');
});

test('fails when the egress policy refuses the URL, and stores nothing (invariant 11)', async () => {
  const engine = createFakeEngine();
  engine.egress.refuseWith(() => 'it resolves to a private address');
  expect(await createSubscription(engine.manageSubscriptionPorts, { id: 'sub_1', ...request })).toEqual({
    kind: 'url-refused',
    path: 'url',
    reason: 'it resolves to a private address',
  });
  expect(await engine.subscriptions.find('sub_1')).toBeUndefined();
});

test('fails when settings contradict each other', async () => {
  const ports = createPorts();
  const batch = { max_events: 2, max_wait_seconds: 1 };
  for (const [change, path] of [
    [{ ordering: 'tenant', tenant: null }, 'ordering'],
    [{ ordering: 'record', shaping: { batch } }, 'batch'],
  ] as const)
    expect(await createSubscription(ports, { ...request, ...change })).toMatchObject({ kind: 'conflict', path });
});
