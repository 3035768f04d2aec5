import { describe, expect, test } from 'vitest';
import { maxAccountsOfTenant } from '../../../lambdas/engine/account/context-claims.ts';
import { maxValuesOfAccount } from '../../../lambdas/flows/accounts/claim-contexts.ts';
import { configureIntegration } from '../../../lambdas/flows/accounts/configure-integration.ts';
import { type AccountRequest, createAccount } from '../../../lambdas/flows/accounts/create-account.ts';
import { deleteAccount } from '../../../lambdas/flows/accounts/delete-account.ts';
import { type AccountChange, updateAccount } from '../../../lambdas/flows/accounts/update-account.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { waitingRequests } from '../../fakes/in-memory-routing.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';
import { rawMessage } from '../provider-request.ts';

const create = (engine: FakeEngine, tenant: string, companies: unknown, more: Partial<AccountRequest> = {}) =>
  createAccount(engine.adminPorts, {
    id: `acc_${tenant}`,
    tenant,
    integration: 'staff',
    secrets: {},
    context: { company_id: companies },
    mayClaim: true,
    ...more,
  });
const change = (engine: FakeEngine, id: string, companies: unknown, more: Partial<AccountChange> = {}) =>
  updateAccount(engine.adminPorts, id, { context: { company_id: companies }, mayClaim: true, ...more });
const ownersOf = async (engine: FakeEngine, value: string) =>
  (await engine.contexts.find('staff', value)).claims.map(({ tenant, account }) => `${tenant} ${account}`).sort();
const accountOf = async (engine: FakeEngine, id: string) =>
  (await engine.accounts.find(id)) ?? expect.fail(`no account ${id}`);

async function withOwner(): Promise<FakeEngine> {
  const engine = createFakeEngine();
  expect((await create(engine, 'acme', ['1', 2])).kind).toBe('created');
  const { account: _, ...parked } = rawMessage('raw_1', []);
  for (const company of ['1', '3', '4']) await engine.parking.park('staff', [company], parked);
  return engine;
}

const stateOf = async (engine: FakeEngine) => ({
  accounts: (await engine.accounts.list(undefined, 100, undefined)).items,
  parked: (await waitingRequests(engine.parking, 'staff', '1')).length,
  queued: engine.rawQueue.messages().length,
});

describe('a value that another tenant owns', () => {
  const refused = { kind: 'context-claimed', accountContext: 'company_id', value: '1' };

  test.each([
    ['by a key for all tenants', true],
    ['by a key of the other tenant', false],
  ])('fails to be claimed %s, and nothing changes (invariant 3)', async (_, mayClaim) => {
    const engine = await withOwner();
    await create(engine, 'globex', '9');
    const before = await stateOf(engine);
    for (const companies of ['1', 1, ['9', '1'], ['3', '1', '4']]) {
      const id = 'acc_new';
      const kind = (await create(engine, 'globex', companies, { id, mayClaim })).kind;
      // A request that also has free values gets the refusal of whichever value comes first.
      expect(['context-claimed', ...(mayClaim ? [] : ['claim-needs-operator'])]).toContain(kind);
      expect(['context-claimed', ...(mayClaim ? [] : ['claim-needs-operator'])]).toContain(
        (await change(engine, 'acc_globex', companies, { mayClaim })).kind,
      );
    }
    expect(await create(engine, 'globex', '1', { id: 'acc_new', mayClaim })).toEqual(refused);
    expect(await change(engine, 'acc_globex', ['9', '1'], { mayClaim })).toEqual(refused);
    expect(await stateOf(engine)).toEqual(before);
    expect(await ownersOf(engine, '1')).toEqual(['acme acc_acme']);
    for (const free of ['3', '4']) expect(await ownersOf(engine, free)).toEqual([]);
    // A withdrawn claim leaves the value unchanged: the next owner gets all requests parked under it.
    expect((await engine.contexts.find('staff', '3')).released).toBeUndefined();
  });

  test('fails to be claimed when its owner registered it in a version without claims', async () => {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount({ context: { company_id: '1' } }));
    await engine.contexts.register('staff', ['1'], 'acc_acme');
    expect(await create(engine, 'globex', '1')).toEqual(refused);
    expect((await create(engine, 'acme', '1', { id: 'acc_second' })).kind).toBe('created');
    expect(await ownersOf(engine, '1')).toEqual(['acme acc_acme', 'acme acc_second']);
  });

  test('is claimed only by a key for all tenants, if the integration lets tenants share values', async () => {
    const engine = await withOwner();
    await configureIntegration(engine.adminPorts, { integration: 'staff', secrets: {}, sharedContexts: true });
    expect((await create(engine, 'globex', '1', { mayClaim: false })).kind).toBe('claim-needs-operator');
    expect((await create(engine, 'globex', '1')).kind).toBe('created');
    expect(await ownersOf(engine, '1')).toEqual(['acme acc_acme', 'globex acc_globex']);
  });

  test('goes to exactly one of many concurrent claimants', async () => {
    const engine = createFakeEngine();
    const tenants = Array.from({ length: 8 }, (_, at) => `t${at}`);
    const results = await Promise.all(tenants.map((tenant) => create(engine, tenant, '1')));
    expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(results.filter(({ kind }) => kind === 'context-claimed')).toHaveLength(7);
    expect((await engine.accounts.list(undefined, 10, undefined)).items).toHaveLength(1);
  });
});

describe('a free value', () => {
  test('needs a key for all tenants; a value that a tenant owns is open to the tenant’s own key', async () => {
    const engine = await withOwner();
    const mayClaim = false;
    const refused = { kind: 'claim-needs-operator', accountContext: 'company_id', value: '3' };
    expect(await create(engine, 'acme', ['1', '3'], { id: 'acc_second', mayClaim })).toEqual(refused);
    expect(await change(engine, 'acc_acme', ['1', '2', '3'], { mayClaim })).toEqual(refused);
    expect((await create(engine, 'acme', '1', { id: 'acc_second', mayClaim })).kind).toBe('created');
    expect((await change(engine, 'acc_acme', [2, '1'], { mayClaim })).kind).toBe('updated');
    expect(await waitingRequests(engine.parking, 'staff', '3')).toHaveLength(1);
  });

  test('does not involve other context members, nor integrations without routing', async () => {
    const engine = await withOwner();
    const context = { note: '1', company: '3' };
    expect((await create(engine, 'globex', [], { context, mayClaim: false })).kind).toBe('created');
    expect((await updateAccount(engine.adminPorts, 'acc_globex', { context: { note: '2' } })).kind).toBe('updated');
  });
});

describe('the accounts of a value', () => {
  test('are bounded, since each of them multiplies every request', async () => {
    const engine = createFakeEngine();
    const results = await Promise.all(
      Array.from({ length: 2 * maxAccountsOfTenant }, (_, at) => create(engine, 'acme', '1', { id: `acc_${at}` })).map(
        (creation) => creation.then(({ kind }) => kind).catch(() => 'contended'),
      ),
    );
    expect(results.filter((kind) => kind === 'created').length).toBeLessThanOrEqual(maxAccountsOfTenant);
    for (let at = 0; at < 2 * maxAccountsOfTenant; at += 1) await create(engine, 'acme', '1', { id: `acc_${at}` });
    expect(await ownersOf(engine, '1')).toHaveLength(maxAccountsOfTenant);
    expect((await create(engine, 'acme', '1', { id: 'acc_more' })).kind).toBe('context-accounts');
    // An account that already holds the value keeps it.
    expect((await change(engine, 'acc_0', ['1', '2'])).kind).toBe('updated');
  });

  test('each have no more values than one call can claim', async () => {
    const engine = createFakeEngine();
    const companies = Array.from({ length: maxValuesOfAccount + 1 }, (_, at) => at);
    expect(await create(engine, 'acme', companies)).toMatchObject({ kind: 'too-many-values' });
    expect((await create(engine, 'acme', companies.slice(1))).kind).toBe('created');
  });
});

describe('a claim', () => {
  test('ends when the account drops the value, and with the last account of its tenant', async () => {
    const engine = await withOwner();
    await create(engine, 'acme', '1', { id: 'acc_second' });
    await change(engine, 'acc_acme', '1');
    expect(await ownersOf(engine, '2')).toEqual([]);
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_acme'));
    expect(await create(engine, 'globex', '1')).toMatchObject({ kind: 'context-claimed' });
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_second'));
    expect((await create(engine, 'globex', ['1', '2'])).kind).toBe('created');
    const atMs = engine.clock.nowMs();
    const { claims } = await engine.contexts.find('staff', '1');
    expect(claims).toEqual([{ tenant: 'globex', account: 'acc_globex', claimedAtMs: atMs, sinceMs: atMs }]);
  });

  test('ends when its account registered the value in a version without claims', async () => {
    const engine = createFakeEngine();
    await engine.accounts.create(anAccount({ context: { company_id: ['1', '2'] } }));
    await engine.contexts.register('staff', ['1', '2'], 'acc_acme');
    await change(engine, 'acc_acme', '1');
    expect(await engine.contexts.find('staff', '2')).toMatchObject({ claims: [], registered: [] });
    await deleteAccount(engine.adminPorts, await accountOf(engine, 'acc_acme'));
    expect(await engine.contexts.find('staff', '1')).toMatchObject({ claims: [], registered: [] });
    expect((await engine.contexts.find('staff', '1')).released).toMatchObject({ by: 'acme' });
  });

  test('ends with a repeated deletion whose first answer was lost', async () => {
    const engine = await withOwner();
    const account = await accountOf(engine, 'acc_acme');
    await engine.accounts.remove(account);
    expect(await deleteAccount(engine.adminPorts, account)).toEqual({ kind: 'deleted' });
    expect(await ownersOf(engine, '1')).toEqual([]);
  });

  test('of an interrupted call lapses, and does not block the owner’s account', async () => {
    const probe = createFakeEngine();
    const { ports, calls } = injectFault(probe.adminPorts);
    const request = { id: 'acc_new', tenant: 'globex', integration: 'staff', secrets: {}, mayClaim: true };
    await createAccount(ports, { ...request, context: { company_id: '1' } });
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = createFakeEngine();
        const struck = injectFault(engine.adminPorts, fault);
        await createAccount(struck.ports, { ...request, context: { company_id: '1' } }).catch(() => {});
        const isMade = (await engine.accounts.find('acc_new')) !== undefined;
        engine.clock.advance(60_000);
        const where = `${calls[at - 1]} ${fault.kind} ${fault.moment}`;
        expect((await create(engine, 'acme', '1')).kind, where).toBe(isMade ? 'context-claimed' : 'created');
      }
  });

  test('of an account whose deletion was interrupted lapses', async () => {
    const probe = await withOwner();
    const { ports, calls } = injectFault(probe.adminPorts);
    await deleteAccount(ports, await accountOf(probe, 'acc_acme'));
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const engine = await withOwner();
        const struck = injectFault(engine.adminPorts, fault);
        await deleteAccount(struck.ports, await accountOf(engine, 'acc_acme')).catch(() => {});
        const isThere = (await engine.accounts.find('acc_acme')) !== undefined;
        engine.clock.advance(60_000);
        const kind = (await create(engine, 'globex', '1')).kind;
        expect(kind, `${calls[at - 1]} ${fault.moment}`).toBe(isThere ? 'context-claimed' : 'created');
        if (isThere) continue;
        // Requests received until then may belong to the former owner.
        const [claim] = (await engine.contexts.find('staff', '1')).claims;
        expect(claim?.sinceMs ?? 0).toBeGreaterThanOrEqual(engine.clock.nowMs() - 60_000);
      }
  });
});

test('parked requests go to an owner only, whatever account id a request names (invariant 3)', async () => {
  const engine = await withOwner();
  const before = await stateOf(engine);
  expect(await create(engine, 'globex', ['3', '4'], { id: 'acc_acme' })).toEqual({ kind: 'exists' });
  expect(await stateOf(engine)).toEqual(before);
  expect(await waitingRequests(engine.parking, 'staff', '3')).toHaveLength(1);
  expect(await ownersOf(engine, '3')).toEqual([]);
  // The same holds for the tenant's own account id, if that account does not hold the value.
  expect(await create(engine, 'acme', ['1', '3'], { id: 'acc_acme' })).toEqual({ kind: 'exists' });
  expect(await waitingRequests(engine.parking, 'staff', '3')).toHaveLength(1);
  expect(await waitingRequests(engine.parking, 'staff', '1')).toEqual([]);
  expect(await ownersOf(engine, '3')).toEqual([]);
});

test('an account that an erasure has closed cannot be deleted', async () => {
  const engine = await withOwner();
  const account = await accountOf(engine, 'acc_acme');
  await engine.accounts.eraser.close('acme', 'acc_acme');
  expect(await deleteAccount(engine.adminPorts, account)).toEqual({ kind: 'tenant-erasing' });
  expect(await create(engine, 'globex', '1')).toMatchObject({ kind: 'context-claimed' });
});
