import { expect, test } from 'vitest';
import { createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { createInMemoryAccounts } from '../../fakes/in-memory-accounts.ts';
import { createInMemoryCatalog } from '../../fakes/in-memory-catalog.ts';
import {
  createInMemoryContexts,
  createInMemoryParking,
  createInMemorySettings,
} from '../../fakes/in-memory-routing.ts';
import { createInMemoryTenants } from '../../fakes/in-memory-tenants.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { staff } from '../../fakes/samples.ts';
import { createSeededRandomness } from '../../fakes/seeded-randomness.ts';
import { usualQuotas } from '../../fakes/usual-quotas.ts';

const createPorts = (clock = createManualClock()) => ({
  accounts: createInMemoryAccounts(),
  tenants: createInMemoryTenants(),
  integrations: createInMemoryCatalog([staff]),
  contexts: createInMemoryContexts(),
  settings: createInMemorySettings(),
  parked: createInMemoryParking(clock, { retentionDays: 30 }),
  rawQueue: { send: () => Promise.reject(new Error('nothing is parked')) },
  clock,
  randomness: createSeededRandomness(),
  quotas: usualQuotas,
});
const request = {
  tenant: 'acme',
  integration: 'staff',
  secrets: { signing_secret: ['old', 'new'] },
  context: { company_id: '636192' },
};
const asOperator = { ...request, mayClaim: true };

test('an account is stored with the requested id', async () => {
  const ports = createPorts();
  const account = { id: 'acc_acme', ...request, revision: 1, createdAt: '2026-11-21T12:00:00.000Z' };
  expect(await createAccount(ports, { id: 'acc_acme', ...asOperator })).toEqual({ kind: 'created', account });
  expect(await ports.accounts.find('acc_acme')).toEqual(account);
});

test('an account without an id gets an unguessable one', async () => {
  const ports = createPorts();
  const creations = [await createAccount(ports, asOperator), await createAccount(ports, request)];
  const ids = creations.map((creation) => (creation.kind === 'created' ? creation.account.id : undefined));
  for (const id of ids) expect(id).toMatch(/^acc_[0-9a-f]{24}$/);
  expect(new Set(ids).size).toBe(2);
});

test('fails when the id is taken, and leaves the existing account unchanged (invariant 3)', async () => {
  const ports = createPorts();
  await createAccount(ports, { id: 'acc_acme', ...asOperator });
  const other = { ...asOperator, id: 'acc_acme', tenant: 'globex', context: { company_id: '2' } };
  expect(await createAccount(ports, other)).toEqual({ kind: 'exists' });
  expect((await ports.contexts.find('staff', '2')).claims).toEqual([]);
  expect((await ports.accounts.find('acc_acme'))?.tenant).toBe('acme');
});

test('fails when there is no such integration', async () => {
  const ports = createPorts();
  expect(await createAccount(ports, { ...request, integration: 'nothing' })).toEqual({ kind: 'unknown-integration' });
  expect((await ports.accounts.list(undefined, 10, undefined)).items).toEqual([]);
});

test('fails when the integration does not declare the name of a secret', async () => {
  const ports = createPorts();
  const secrets = { signing_secret: 'hush', api_key: 'hush' };
  expect(await createAccount(ports, { ...request, secrets })).toEqual({
    kind: 'undeclared-secrets',
    got: ['api_key'],
    declared: ['signing_secret'],
  });
  expect((await ports.accounts.list(undefined, 10, undefined)).items).toEqual([]);
});
