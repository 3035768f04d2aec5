import { describe, expect, test } from 'vitest';
import type { CredentialValues } from '../../../lambdas/engine/provider/credentials/credential-values.ts';
import { deleteAccount } from '../../../lambdas/flows/accounts/delete-account.ts';
import { openCredentials, sealValues } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import { createFakeEngine, type FakeEngine } from '../../fakes/fake-engine.ts';
import { createInMemoryCredentialCipher } from '../../fakes/in-memory-credential-cipher.ts';
import { someCredentials } from '../../fakes/in-memory-credentials.ts';
import { aSyncRow } from '../../fakes/in-memory-syncs.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { anAccount } from '../../fakes/samples.ts';

const cipher = createInMemoryCredentialCipher();
const values: CredentialValues = { kind: 'bearer', members: { token: 'a token of acme' } };

async function store({ credentials }: FakeEngine, account: Account): Promise<void> {
  const sealed = await sealValues({ cipher }, account, values);
  const revision = (await credentials.get(account.id, 0))?.revision ?? 0;
  const own = { account: account.id, tenant: account.tenant, incarnation: account.createdAt };
  await credentials.replace(someCredentials({ ...own, kind: 'bearer', sealed, revision }));
}

const open = ({ credentials }: FakeEngine, account: Account) => openCredentials({ credentials, cipher }, account, 0);

async function prepare() {
  const engine = createFakeEngine();
  const [own, other] = [anAccount(), anAccount({ id: 'acc_other' })];
  for (const account of [own, other]) {
    await engine.accounts.create(account);
    await store(engine, account);
    expect((await open(engine, account))?.values).toEqual(values);
  }
  return { engine, own, other };
}

describe('the credentials of a deleted account', () => {
  test('are removed, and those of others stay', async () => {
    const { engine, own, other } = await prepare();
    expect(await deleteAccount(engine.adminPorts, own)).toEqual({ kind: 'deleted' });
    expect([...engine.credentials.stored.keys()]).toEqual([other.id]);
  });

  test('never outlive it, whatever fails', async () => {
    const probe = await prepare();
    const { ports, calls } = injectFault(probe.engine.adminPorts);
    await deleteAccount(ports, probe.own);
    expect(calls).toContain('credentials.remove');
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const { engine, own } = await prepare();
        await deleteAccount(injectFault(engine.adminPorts, fault).ports, own).catch(() => {});
        const where = `${calls[at - 1]} ${fault.kind} ${fault.moment}`;
        const isThere = (await engine.accounts.find(own.id)) !== undefined;
        expect(isThere || !engine.credentials.stored.has(own.id), where).toBe(true);
        await deleteAccount(engine.adminPorts, own);
        expect(await engine.credentials.get(own.id, 0), where).toBeUndefined();
      }
  });

  test('do not serve a later account with its id, which may have its own', async () => {
    const { engine, own } = await prepare();
    await deleteAccount(engine.adminPorts, own);
    // By a call that had begun before the deletion.
    await store(engine, own);
    const later = anAccount({ createdAt: '2026-11-22T00:00:00.000Z' });
    expect(await engine.accounts.create(later)).toBe('created');
    expect(await open(engine, later)).toBeUndefined();
    await store(engine, later);
    expect((await open(engine, later))?.values).toEqual(values);
    expect(await open(engine, own)).toBeUndefined();
  });
});

describe('the syncs of a deleted account', () => {
  async function prepareSyncs() {
    const prepared = await prepare();
    const { syncs } = prepared.engine;
    for (const account of ['acc_acme', 'acc_other'])
      for (const sync of ['contacts', 'deals']) {
        await syncs.replace(aSyncRow({ account, sync, dueAtMs: 1 }));
        await syncs.putCursor({ account, sync, place: 'crm/contacts' }, { readAtMs: 1, edge: [] }, 'acme');
      }
    return prepared;
  }
  const accountsOf = (rows: readonly { readonly account: string }[]) => rows.map(({ account }) => account);

  test('are removed with their cursors, and those of others stay', async () => {
    const { engine, own, other } = await prepareSyncs();
    expect(await deleteAccount(engine.adminPorts, own)).toEqual({ kind: 'deleted' });
    expect(accountsOf(engine.syncs.all())).toEqual([other.id, other.id]);
    expect(accountsOf(engine.syncs.cursors())).toEqual([other.id, other.id]);
  });

  test('never outlive it, whatever fails', async () => {
    const probe = await prepareSyncs();
    const { ports, calls } = injectFault(probe.engine.adminPorts);
    await deleteAccount(ports, probe.own);
    expect(calls).toContain('syncs.remove');
    for (let at = 1; at <= calls.length; at += 1)
      for (const fault of faultsAt(at)) {
        const { engine, own } = await prepareSyncs();
        await deleteAccount(injectFault(engine.adminPorts, fault).ports, own).catch(() => {});
        const where = `${calls[at - 1]} ${fault.kind} ${fault.moment}`;
        const isThere = (await engine.accounts.find(own.id)) !== undefined;
        expect(isThere || !accountsOf(engine.syncs.all()).includes(own.id), where).toBe(true);
        await deleteAccount(engine.adminPorts, own);
        expect(accountsOf(engine.syncs.all()), where).not.toContain(own.id);
      }
  });

  test('are removed while a run changes them', async () => {
    const { engine, own } = await prepareSyncs();
    const { syncs } = engine;
    let changes = 3;
    const racing: typeof syncs = {
      ...syncs,
      async remove(row) {
        changes -= 1;
        if (changes >= 0) await syncs.replace((await syncs.get(row)) ?? row);
        return syncs.remove(row);
      },
    };
    expect(await deleteAccount({ ...engine.adminPorts, syncs: racing }, own)).toEqual({ kind: 'deleted' });
    expect(accountsOf(syncs.all())).not.toContain(own.id);
  });

  test('fails when runs keep changing them, and leaves the account', async () => {
    const { engine, own } = await prepareSyncs();
    const busy = { ...engine.syncs, remove: async () => false };
    await expect(deleteAccount({ ...engine.adminPorts, syncs: busy }, own)).rejects.toMatchObject({
      code: 'contended',
      retryable: true,
    });
    expect(await engine.accounts.find(own.id)).toEqual(own);
  });
});
