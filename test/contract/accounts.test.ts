import { describe, expect, test } from 'vitest';
import { createDynamoAccountDirectory } from '../../lambdas/adapters/aws/dynamo-account-directory.ts';
import { createDynamoAccountStore } from '../../lambdas/adapters/aws/dynamo-account-store.ts';
import type { Account, AccountDirectory, AccountStore } from '../../lambdas/ports/account-store.ts';
import { createInMemoryAccounts } from '../fakes/in-memory-accounts.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { anAccount } from '../fakes/samples.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

interface Accounts {
  readonly directory: AccountDirectory;
  readonly store: AccountStore;
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

  test('lists the accounts of a tenant, page by page, and no other (invariant 3)', async () => {
    const { directory } = await open();
    for (const id of ['c', 'a', 'e', 'b', 'd']) await directory.create(anAccount({ id: `acc_${id}` }));
    await directory.create(anAccount({ id: 'acc_bb', tenant: 'globex' }));
    const pages = await readAllPages((after) => directory.list('acme', 2, after));
    expect(pages.flat().map(({ id }) => id)).toEqual(['acc_a', 'acc_b', 'acc_c', 'acc_d', 'acc_e']);
    expect(pages.every((page) => page.length <= 2)).toBe(true);
    expect(pages.flat()[0]).toEqual(anAccount({ id: 'acc_a' }));
    expect((await directory.list('initech', 2, undefined)).items).toEqual([]);
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

describe.each(implementations)('account store on %s', (_, open) => {
  test('remembers an account for as long as the caller allows', async () => {
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

  test('reads what is stored now when asked for age 0, and remembers that', async () => {
    const { directory, store, overwrite } = await open();
    await directory.create(anAccount());
    await store.get('acc_acme', 10_000);
    const rotated = anAccount({ secrets: { signing_secret: 'rotated' } });
    await overwrite(rotated);
    expect(await store.get('acc_acme', 0)).toEqual(rotated);
    expect(await store.get('acc_acme', 10_000)).toEqual(rotated);
  });

  test('never remembers that an account does not exist', async () => {
    const { directory, store } = await open();
    expect(await store.get('acc_acme', 10_000)).toBeUndefined();
    await directory.create(anAccount());
    expect(await store.get('acc_acme', 10_000)).toEqual(anAccount());
  });
});
