import { describe, expect, test } from 'vitest';
import { createDynamoAccountDirectory } from '../../lambdas/adapters/dynamo/stores/account-directory.ts';
import {
  createDynamoAccountStore,
  createDynamoAccountWriter,
  createDynamoArchiveKeys,
} from '../../lambdas/adapters/dynamo/stores/account-store.ts';
import type {
  Account,
  AccountDirectory,
  AccountStore,
  AccountWriter,
  ArchiveKeys,
} from '../../lambdas/ports/accounts/account-store.ts';
import { createInMemoryAccounts } from '../fakes/in-memory-accounts.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { anAccount } from '../fakes/samples.ts';
import { createSeededRandomness } from '../fakes/seeded-randomness.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

interface Accounts {
  readonly directory: AccountDirectory;
  readonly store: AccountStore;
  /** The port of a function that only changes accounts. */
  readonly writer: AccountWriter;
  readonly keys: ArchiveKeys;
  readonly clock: ManualClock;
  readonly overwrite: (account: Account) => Promise<void>;
}

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Accounts>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      const accounts = createInMemoryAccounts();
      return {
        clock,
        directory: accounts,
        store: accounts.reader(clock),
        writer: accounts,
        keys: accounts.archiveKeys,
        overwrite: async (account) => accounts.overwrite(account),
      };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('accounts');
      return {
        clock,
        directory: createDynamoAccountDirectory(tables.client(), table),
        store: createDynamoAccountStore(tables.client(), table, clock),
        writer: createDynamoAccountWriter(tables.client(), table),
        keys: createDynamoArchiveKeys(tables.client(), table, createSeededRandomness()),
        overwrite: (account) => tables.put(table, { ...account, context: JSON.stringify(account.context) }),
      };
    },
  ],
];

describe.each(implementations)('account directory on %s', (_, open) => {
  test('creates an account once', async () => {
    const { directory } = await open();
    const account = anAccount({
      secrets: { signing_secret: ['old', 'new'] },
      context: { nested: { list: [1, null] }, big: 2 ** 60 },
      name: 'Staff',
      metadata: { name: 'x', size: '', 'with space.ü': 'y' },
    });
    expect(await directory.create(account)).toBe('created');
    expect(await directory.create(anAccount({ tenant: 'globex' }))).toBe('exists');
    expect(await directory.find(account.id)).toEqual(account);
    expect(await directory.find('acc_none')).toBeUndefined();
  });

  test('lets one of many concurrent creations of an id succeed', async () => {
    const { directory } = await open();
    const creations = Array.from({ length: 8 }, (_, tenant) => directory.create(anAccount({ tenant: `t${tenant}` })));
    expect((await Promise.all(creations)).filter((result) => result === 'created')).toHaveLength(1);
  });

  test('removes an account, whose id stays with its tenant (invariant 3)', async () => {
    const { directory, store } = await open();
    const account = anAccount();
    await directory.create(account);
    await store.get(account.id, 10_000);
    expect(await directory.remove(account)).toBe(true);
    expect(await directory.find(account.id)).toBeUndefined();
    expect(await store.get(account.id, 0)).toBeUndefined();
    for (const tenant of ['acme', undefined]) expect((await directory.list(tenant, 10, undefined)).items).toEqual([]);
    expect(await directory.remove(account), 'it is gone already').toBe(false);
    expect(await directory.create(anAccount({ tenant: 'globex' }))).toBe('exists');
    const again = anAccount({ createdAt: '2026-11-22T00:00:00.000Z' });
    expect(await directory.create(again)).toBe('created');
    expect(await directory.find(account.id)).toEqual(again);
    expect(await directory.create(anAccount({ tenant: 'globex' }))).toBe('exists');
  });

  test('fails when the account to remove is not the one that was read, or an erasure has closed it', async () => {
    const { directory, overwrite } = await open();
    await directory.create(anAccount());
    expect(await directory.remove(anAccount({ tenant: 'globex' }))).toBe(false);
    expect(await directory.remove(anAccount({ createdAt: '2026-10-01T00:00:00.000Z' }))).toBe(false);
    expect(await directory.remove(anAccount({ id: 'acc_none' }))).toBe(false);
    expect(await directory.find('acc_acme')).toEqual(anAccount());
    await overwrite(anAccount({ closed: true }));
    expect(await directory.remove(anAccount())).toBe(false);
    expect(await directory.find('acc_acme')).toMatchObject({ closed: true });
  });

  test('lists only the accounts of a tenant, page by page (invariant 3)', async () => {
    const { directory } = await open();
    for (const id of ['c', 'a', 'e', 'b', 'd']) await directory.create(anAccount({ id: `acc_${id}` }));
    await directory.create(anAccount({ id: 'acc_bb', tenant: 'globex' }));
    const pages = await readAllPages((after) => directory.list('acme', 2, after));
    expect(pages.flat().map(({ id }) => id)).toEqual(['acc_a', 'acc_b', 'acc_c', 'acc_d', 'acc_e']);
    expect(pages.every((page) => page.length <= 2)).toBe(true);
    expect(pages.flat()[0]).toEqual(anAccount({ id: 'acc_a' }));
    expect((await directory.list('initech', 2, undefined)).items).toEqual([]);
  });

  test('counts only the open accounts of a tenant, up to a limit', async () => {
    const { directory, overwrite } = await open();
    for (const id of ['acc_1', 'acc_2', 'acc_3', 'acc_4']) await directory.create(anAccount({ id }));
    await directory.create(anAccount({ id: 'acc_globex', tenant: 'globex' }));
    await directory.remove(anAccount({ id: 'acc_2' }));
    await overwrite(anAccount({ id: 'acc_3', closed: true }));
    expect(await directory.count('acme', 10)).toBe(2);
    expect(await directory.count('acme', 2)).toBe(2);
    expect(await directory.count('acme', 1)).toBe(1);
    expect(await directory.count('initech', 10)).toBe(0);
  });

  test('lists the accounts of all tenants, page by page', async () => {
    const { directory } = await open();
    const ids = Array.from({ length: 11 }, (_, index) => `acc_${index}`);
    for (const [index, id] of ids.entries()) await directory.create(anAccount({ id, tenant: `t${index % 3}` }));
    const pages = await readAllPages((after) => directory.list(undefined, 3, after));
    expect(
      pages
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids.sort());
  });
});

describe.each(implementations)('account writer on %s', (_, open) => {
  const changed = {
    secrets: { signing_secret: ['new', 'old'], url_token: 't' },
    context: { company_id: ['1', 2], big: 2 ** 60 },
    capture: { secrets: ['signing_secret'], expiresAtEpochSeconds: 1_795_348_800 },
  };

  test('replaces an account that was read, and raises its revision', async () => {
    const { directory, writer } = await open();
    await directory.create(anAccount());
    expect(await writer.replace(anAccount(changed))).toBe(true);
    expect(await directory.find('acc_acme')).toEqual(anAccount({ ...changed, revision: 2 }));
    // The replacement removes members that it leaves out.
    expect(await directory.replace(anAccount({ revision: 2 }))).toBe(true);
    expect(await directory.find('acc_acme')).toEqual(anAccount({ revision: 3 }));
    expect((await directory.list('acme', 10, undefined)).items).toEqual([anAccount({ revision: 3 })]);
  });

  test('fails when another caller wrote in between, or the account does not exist, and changes nothing', async () => {
    const { directory, writer } = await open();
    await directory.create(anAccount());
    for (const revision of [0, 2, 17]) expect(await writer.replace(anAccount({ ...changed, revision }))).toBe(false);
    expect(await writer.replace(anAccount({ id: 'acc_none' }))).toBe(false);
    expect(await writer.replace(anAccount({ id: 'acc_none', revision: 0 }))).toBe(false);
    expect(await directory.find('acc_acme')).toEqual(anAccount());
    expect(await directory.find('acc_none')).toBeUndefined();
  });

  test('fails when the account was removed, or another account has its id since, and changes nothing', async () => {
    const { directory, writer } = await open();
    const before = anAccount();
    await directory.create(before);
    await directory.remove(before);
    for (const revision of [0, 1]) expect(await writer.replace(anAccount({ ...changed, revision }))).toBe(false);
    expect(await directory.find('acc_acme')).toBeUndefined();
    const again = anAccount({ createdAt: '2026-11-22T00:00:00.000Z' });
    await directory.create(again);
    expect(await writer.replace(anAccount(changed))).toBe(false);
    expect(await directory.find('acc_acme')).toEqual(again);
  });

  test('lets one of many concurrent changes succeed', async () => {
    const { directory, writer } = await open();
    await directory.create(anAccount());
    const changes = Array.from({ length: 8 }, (_, at) => writer.replace(anAccount({ context: { at } })));
    const results = await Promise.all(changes);
    expect(results.filter((isWritten) => isWritten)).toHaveLength(1);
    expect(await directory.find('acc_acme')).toMatchObject({ context: { at: results.indexOf(true) }, revision: 2 });
  });

  test('shows its change to a store that reads without its cache', async () => {
    const { directory, writer, store } = await open();
    await directory.create(anAccount());
    await store.get('acc_acme', 10_000);
    await writer.replace(anAccount(changed));
    expect(await store.get('acc_acme', 10_000)).toEqual(anAccount());
    expect(await store.get('acc_acme', 0)).toEqual(anAccount({ ...changed, revision: 2 }));
  });
});

test('an account without a revision, of an older version, is changed like any other', async () => {
  const table = await tables.create('accounts');
  const { revision: _, ...uncounted } = anAccount();
  await tables.put(table, { ...uncounted, context: JSON.stringify(uncounted.context) });
  const directory = createDynamoAccountDirectory(tables.client(), table);
  const account = await directory.find('acc_acme');
  expect(account).toEqual(anAccount({ revision: 0 }));
  const changes = await Promise.all([1, 2].map((at) => directory.replace(anAccount({ context: { at }, revision: 0 }))));
  expect(changes.filter((isWritten) => isWritten)).toHaveLength(1);
  expect(await directory.find('acc_acme')).toMatchObject({ revision: 1 });
});

test('an id that an older version buried belongs to no tenant until its row expires', async () => {
  const clock = createManualClock();
  const table = await tables.create('accounts');
  const { tenant: _, ...rest } = anAccount({ secrets: {}, closed: true });
  const expiresAtEpochSeconds = clock.nowMs() / 1000 + 60;
  await tables.put(table, { ...rest, context: '{}', expiresAtEpochSeconds });
  const directory = createDynamoAccountDirectory(tables.client(), table);
  expect(await directory.find('acc_acme')).toBeUndefined();
  expect(await directory.create(anAccount())).toBe('exists');
  const store = createDynamoAccountStore(tables.client(), table, clock);
  expect(await store.get('acc_acme', 0)).toMatchObject({ closed: true });
  clock.advance(60_000);
  expect(await store.get('acc_acme', 0)).toBeUndefined();
});

describe.each(implementations)('account store on %s', (_, open) => {
  test('caches an account for as long as the caller allows', async () => {
    const { directory, store, clock, overwrite } = await open();
    await directory.create(anAccount());
    expect(await store.get('acc_acme', 10_000)).toEqual(anAccount());
    const rotated = anAccount({ secrets: { signing_secret: 'rotated' } });
    await overwrite(rotated);
    clock.advance(9_999);
    expect(await store.get('acc_acme', 10_000)).toEqual(anAccount());
    clock.advance(1);
    expect(await store.get('acc_acme', 10_000)).toEqual(rotated);
  });

  test('reads the stored account for age 0, and caches it', async () => {
    const { directory, store, overwrite } = await open();
    await directory.create(anAccount());
    await store.get('acc_acme', 10_000);
    const rotated = anAccount({ secrets: { signing_secret: 'rotated' } });
    await overwrite(rotated);
    expect(await store.get('acc_acme', 0)).toEqual(rotated);
    expect(await store.get('acc_acme', 10_000)).toEqual(rotated);
  });

  test('never caches that an account does not exist', async () => {
    const { directory, store } = await open();
    expect(await store.get('acc_acme', 10_000)).toBeUndefined();
    await directory.create(anAccount());
    expect(await store.get('acc_acme', 10_000)).toEqual(anAccount());
  });

  test('confirms accounts whose owner and context are unchanged, and forgets the others', async () => {
    const { directory, store, overwrite } = await open();
    const ids = ['same', 'rotated', 'moved', 'closed', 'later'];
    for (const id of ids) await directory.create(anAccount({ id }));
    const read = (await Promise.all(ids.map((id) => store.get(id, 0)))).filter((account) => account !== undefined);
    expect(read).toHaveLength(ids.length);
    await overwrite(anAccount({ id: 'rotated', secrets: { signing_secret: 'rotated' }, revision: 2 }));
    const moved = anAccount({ id: 'moved', context: { company_id: ['636192', '2'] } });
    await overwrite(moved);
    await overwrite(anAccount({ id: 'closed', closed: true }));
    await overwrite(anAccount({ id: 'later', createdAt: '2026-11-22T00:00:00.000Z' }));
    const never = anAccount({ id: 'never' });
    expect(await store.confirm([...read, never])).toEqual([true, true, false, false, false, false]);
    expect(await store.get('moved', 10_000)).toEqual(moved);
    expect(await store.get('rotated', 10_000)).toEqual(anAccount({ id: 'rotated' }));
    expect(await store.confirm([])).toEqual([]);
  });
});

describe.each(implementations)('archive keys on %s', (_, open) => {
  test('give an account one key, which it keeps, whichever process asks', async () => {
    const { directory, keys } = await open();
    const account = anAccount();
    await directory.create(account);
    const given = await Promise.all([keys.keyOf(account), keys.keyOf(account), keys.keyOf(account)]);
    expect(new Set(given).size).toBe(1);
    expect(Buffer.from(given[0] ?? '', 'base64')).toHaveLength(32);
    const stored = (await directory.find(account.id)) as Account;
    expect(stored).toEqual({ ...account, archiveKey: given[0], revision: account.revision + 1 });
    expect(await keys.keyOf(stored)).toBe(given[0]);
    expect(await directory.replace(stored)).toBe(true);
    expect((await directory.find(account.id))?.archiveKey).toBe(given[0]);
  });

  test('survive the write of an account that was read before it had a key', async () => {
    const { directory, keys } = await open();
    const account = anAccount();
    await directory.create(account);
    await keys.keyOf(account);
    expect(await directory.replace(account)).toBe(false);
  });

  test('give no key to a removed account, and another key to a later account of its id', async () => {
    const { directory, keys } = await open();
    const account = anAccount();
    expect(await keys.keyOf(account)).toBeUndefined();
    const former = anAccount({ id: 'acc_former' });
    await directory.create(former);
    const key = await keys.keyOf(former);
    await directory.remove(former);
    expect(await directory.find(former.id)).toBeUndefined();
    const later = anAccount({ id: 'acc_former', createdAt: '2030-01-01T00:00:00.000Z' });
    expect(await directory.create(later)).toBe('created');
    expect(await keys.keyOf(anAccount({ id: 'acc_former', createdAt: '2029-01-01T00:00:00.000Z' }))).toBeUndefined();
    expect(await keys.keyOf(later)).not.toBe(key);
  });
});
