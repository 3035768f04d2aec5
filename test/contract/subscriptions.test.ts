import { describe, expect, test } from 'vitest';
import { createDynamoSubscriptionDirectory } from '../../lambdas/adapters/aws/dynamo-subscription-directory.ts';
import { createDynamoSubscriptionStore } from '../../lambdas/adapters/aws/dynamo-subscription-store.ts';
import type { SubscriptionDirectory, SubscriptionStore } from '../../lambdas/ports/subscription-store.ts';
import { createInMemorySubscriptions } from '../fakes/in-memory-subscriptions.ts';
import { aSubscription } from '../fakes/samples.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

type Subscriptions = SubscriptionStore & SubscriptionDirectory;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Subscriptions>])[] = [
  ['the fake', async () => createInMemorySubscriptions()],
  [
    'DynamoDB',
    async () => {
      const table = await tables.create('subscriptions');
      return {
        ...createDynamoSubscriptionStore(tables.client(), table),
        ...createDynamoSubscriptionDirectory(tables.client(), table),
      };
    },
  ],
];

const idsOf = (all: readonly { readonly id: string }[]) => all.map(({ id }) => id).sort();

describe.each(implementations)('subscription directory on %s', (_, open) => {
  test('gives every tenant that asks at once its own subscriptions and those of all, as they are now (invariant 3)', async () => {
    const subscriptions = await open();
    const ofAll = aSubscription({ id: 'sub_all', tenant: null });
    for (const subscription of [aSubscription(), aSubscription({ id: 'sub_2', tenant: 'globex' }), ofAll])
      await subscriptions.create(subscription);
    const listed = await Promise.all(['acme', 'globex', 'initech'].map((tenant) => subscriptions.listFor(tenant)));
    expect(listed.map(idsOf)).toEqual([['sub_1', 'sub_all'], ['sub_2', 'sub_all'], ['sub_all']]);

    await subscriptions.remove(ofAll);
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_1']);
  });

  test('creates a subscription and finds it by its id, of one tenant or of all', async () => {
    const subscriptions = await open();
    const ofAcme = aSubscription({ types: ['record:*'], resources: ['hris/*'], integrations: ['staff'] });
    const ofAll = aSubscription({ id: 'sub_2', tenant: null });
    expect(await subscriptions.create(ofAcme)).toBe('created');
    expect(await subscriptions.create(ofAll)).toBe('created');
    expect(await subscriptions.find('sub_1')).toEqual(ofAcme);
    expect(await subscriptions.find('sub_2')).toEqual(ofAll);
    expect(await subscriptions.find('sub_3')).toBeUndefined();
  });

  test('keeps a reserved id for its scope, before, while and after there is a subscription (invariant 3)', async () => {
    const subscriptions = await open();
    const reserve = (scope: string) => subscriptions.reserve({ scope, id: 'sub_1' });
    const expectKept = async () => {
      expect(await reserve('acme')).toBe('reserved');
      for (const scope of ['globex', '*']) expect(await reserve(scope)).toBe('taken');
      for (const tenant of ['globex', null])
        expect(await subscriptions.create(aSubscription({ tenant }))).toBe('exists');
    };
    await expectKept();
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect((await subscriptions.list(undefined, 10, undefined)).items).toEqual([]);
    expect(await subscriptions.create(aSubscription())).toBe('created');
    await expectKept();
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
    await subscriptions.remove(aSubscription());
    await expectKept();
  });

  test('fails when the id is taken, by whichever tenant, and changes nothing (invariant 3)', async () => {
    const subscriptions = await open();
    const first = aSubscription();
    await subscriptions.create(first);
    for (const tenant of ['acme', 'globex', null])
      expect(await subscriptions.create(aSubscription({ tenant, url: 'https://evil.example.com' }))).toBe('exists');
    expect(await subscriptions.find('sub_1')).toEqual(first);
    expect(await subscriptions.listFor('acme')).toEqual([first]);
    expect(await subscriptions.listFor('globex')).toEqual([]);
  });

  test('lets one of many concurrent creations of an id succeed', async () => {
    const subscriptions = await open();
    const creations = ['a', 'b', 'c', 'd', null].map((tenant) => subscriptions.create(aSubscription({ tenant })));
    expect((await Promise.all(creations)).filter((result) => result === 'created')).toHaveLength(1);
    expect((await subscriptions.list(undefined, 10, undefined)).items).toHaveLength(1);
  });

  test('replaces what was read, and fails when somebody else wrote in between, or it is gone', async () => {
    const subscriptions = await open();
    for (const tenant of ['acme', null]) {
      const first = aSubscription({ id: `sub_${tenant}`, tenant });
      await subscriptions.create(first);
      const disabled = aSubscription({
        ...first,
        status: 'disabled',
        disabled: { by: 'failures', at: '2026-11-21T12:00:00.000Z' },
      });
      expect(await subscriptions.replace(disabled)).toBe(true);
      expect(await subscriptions.replace(first)).toBe(false);
      expect(await subscriptions.find(first.id)).toEqual({ ...disabled, revision: 2 });
      // What a replacement leaves out is no more.
      expect(await subscriptions.replace({ ...first, revision: 2 })).toBe(true);
      expect(await subscriptions.find(first.id)).toEqual({ ...first, revision: 3 });
    }
    expect(await subscriptions.replace(aSubscription({ id: 'sub_none' }))).toBe(false);
    expect(await subscriptions.find('sub_none')).toBeUndefined();
  });

  test('replaces none by the scope of another tenant (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription());
    for (const tenant of ['globex', null]) expect(await subscriptions.replace(aSubscription({ tenant }))).toBe(false);
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
    expect(await subscriptions.listFor('globex')).toEqual([]);
  });

  test('removes a subscription; its tenant alone can take its id again (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription());
    await subscriptions.create(aSubscription({ id: 'sub_2' }));
    await subscriptions.remove(aSubscription());
    await subscriptions.remove(aSubscription());
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_2']);
    expect(idsOf((await subscriptions.list(undefined, 10, undefined)).items)).toEqual(['sub_2']);
    expect(await subscriptions.replace(aSubscription())).toBe(false);
    for (const tenant of ['globex', null]) expect(await subscriptions.create(aSubscription({ tenant }))).toBe('exists');
    expect(await subscriptions.find('sub_1')).toBeUndefined();
    expect(await subscriptions.create(aSubscription())).toBe('created');
    expect(await subscriptions.find('sub_1')).toEqual(aSubscription());
  });

  test('lists those of a tenant, page by page, and no other (invariant 3)', async () => {
    const subscriptions = await open();
    for (const id of ['c', 'a', 'e', 'b', 'd']) await subscriptions.create(aSubscription({ id: `sub_${id}` }));
    await subscriptions.create(aSubscription({ id: 'sub_bb', tenant: 'globex' }));
    await subscriptions.create(aSubscription({ id: 'sub_cc', tenant: null }));
    const pages = await readAllPages((after) => subscriptions.list('acme', 2, after));
    expect(pages.flat().map(({ id }) => id)).toEqual(['sub_a', 'sub_b', 'sub_c', 'sub_d', 'sub_e']);
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });

  test('lists those of all tenants together with every tenant’s own, page by page', async () => {
    const subscriptions = await open();
    const tenants = ['acme', 'globex', null, 'acme', 'initech', null, 'globex'];
    for (const [index, tenant] of tenants.entries())
      await subscriptions.create(aSubscription({ id: `sub_${index}`, tenant }));
    const pages = await readAllPages((after) => subscriptions.list(undefined, 3, after));
    expect(pages.flat().map(({ id, tenant }) => [id, tenant])).toEqual(
      tenants.map((tenant, index) => [`sub_${index}`, tenant]),
    );
  });
});

describe.each(implementations)('subscription store on %s', (_, open) => {
  test('lists for a tenant its own and those of all tenants, and no other tenant’s (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription({ id: 'sub_acme' }));
    await subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    await subscriptions.create(aSubscription({ id: 'sub_globex', tenant: 'globex' }));
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(['sub_acme', 'sub_all']);
    expect(idsOf(await subscriptions.listFor('initech'))).toEqual(['sub_all']);
    expect((await subscriptions.listFor('acme')).find(({ id }) => id === 'sub_all')).toEqual(
      aSubscription({ id: 'sub_all', tenant: null }),
    );
  });

  test('lists all for a tenant although they are larger than a page of the store', async () => {
    const subscriptions = await open();
    const accounts = Array.from({ length: 100 }, (_, index) => `${'x'.repeat(2_000)}${index}`);
    const ids = Array.from({ length: 8 }, (_, index) => `sub_${index}`);
    for (const id of ids) await subscriptions.create(aSubscription({ id, accounts }));
    expect(idsOf(await subscriptions.listFor('acme'))).toEqual(ids);
  });

  test('gets many by scope and id, and none by the scope of another tenant (invariant 3)', async () => {
    const subscriptions = await open();
    await subscriptions.create(aSubscription({ id: 'sub_acme' }));
    await subscriptions.create(aSubscription({ id: 'sub_all', tenant: null }));
    const found = await subscriptions.getMany([
      { scope: 'acme', id: 'sub_acme' },
      { scope: '*', id: 'sub_all' },
      { scope: '*', id: 'sub_all' },
      { scope: 'globex', id: 'sub_acme' },
      { scope: 'acme', id: 'sub_all' },
    ]);
    expect([...found].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      aSubscription({ id: 'sub_acme' }),
      aSubscription({ id: 'sub_all', tenant: null }),
    ]);
  });
});
