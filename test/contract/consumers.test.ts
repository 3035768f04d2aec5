import { describe, expect, test } from 'vitest';
import { createDynamoConsumerStore } from '../../lambdas/adapters/dynamo/stores/consumer-store.ts';
import type { ConsumerStore, FeedConsumer } from '../../lambdas/ports/events/consumer-store.ts';
import { createInMemoryConsumers } from '../fakes/in-memory-consumers.ts';
import { aConsumer } from '../fakes/samples.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<ConsumerStore>])[] = [
  ['the fake', async () => createInMemoryConsumers()],
  ['DynamoDB', async () => createDynamoConsumerStore(tables.client(), await tables.create('consumers'))],
];

const filter: FeedConsumer['filter'] = {
  types: ['record:*'],
  resources: ['hris/*'],
  accounts: ['acc_acme', 'acc_second'],
  integrations: ['staff'],
  origins: ['webhook', 'poll'],
};
const lease = { id: 'lease_1', expiresAtMs: 5_000, handedOut: 14 };

describe.each(implementations)('consumer store on %s', (_, open) => {
  test('finds a created consumer by its tenant and name', async () => {
    const store = await open();
    const consumer = aConsumer({ filter });
    expect(await store.create(consumer)).toBe('created');
    expect(await store.find('acme', 'warehouse')).toEqual(consumer);
    expect(await store.find('acme', 'billing')).toBeUndefined();
  });

  test('separates consumers of one name by their tenants (invariant 3)', async () => {
    const store = await open();
    await store.create(aConsumer());
    expect(await store.find('globex', 'warehouse')).toBeUndefined();
    expect(await store.create(aConsumer({ tenant: 'globex', position: 9 }))).toBe('created');
    expect((await store.find('acme', 'warehouse'))?.position).toBe(0);
    expect((await store.list('globex', 10, undefined)).items).toEqual([aConsumer({ tenant: 'globex', position: 9 })]);
  });

  test('fails when a name is taken, and changes nothing', async () => {
    const store = await open();
    await store.create(aConsumer());
    expect(await store.create(aConsumer({ position: 9 }))).toBe('exists');
    expect(await store.find('acme', 'warehouse')).toEqual(aConsumer());
  });

  test('lets one of many concurrent creations of a name succeed', async () => {
    const store = await open();
    const results = await Promise.all([1, 2, 3, 4].map((position) => store.create(aConsumer({ position }))));
    expect(results.filter((result) => result === 'created')).toHaveLength(1);
  });

  test('replaces a consumer that was read, and counts the writes', async () => {
    const store = await open();
    await store.create(aConsumer());
    expect(await store.replace(aConsumer({ lease }))).toBe(true);
    expect(await store.find('acme', 'warehouse')).toEqual(aConsumer({ lease, revision: 2 }));
    expect(await store.replace(aConsumer({ position: 14, lease: undefined, revision: 2 }))).toBe(true);
    expect(await store.find('acme', 'warehouse')).toEqual(aConsumer({ position: 14, revision: 3 }));
  });

  test('fails when another caller wrote in between, or the consumer does not exist', async () => {
    const store = await open();
    expect(await store.replace(aConsumer())).toBe(false);
    expect(await store.find('acme', 'warehouse')).toBeUndefined();
    await store.create(aConsumer());
    await store.replace(aConsumer({ lease }));
    expect(await store.replace(aConsumer({ position: 3 }))).toBe(false);
    expect(await store.find('acme', 'warehouse')).toEqual(aConsumer({ lease, revision: 2 }));
  });

  test('fails when the consumer was deleted and created again since it was read', async () => {
    const store = await open();
    await store.create(aConsumer());
    await store.remove('acme', 'warehouse');
    await store.create(aConsumer({ createdAt: '2026-11-21T12:00:01.000Z' }));
    expect(await store.replace(aConsumer({ lease }))).toBe(false);
  });

  test('lets one of many concurrent replacements succeed', async () => {
    const store = await open();
    await store.create(aConsumer());
    const results = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((one) => store.replace(aConsumer({ lease: { ...lease, id: `lease_${one}` } }))),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  test('removes a consumer, and reports whether it existed', async () => {
    const store = await open();
    await store.create(aConsumer());
    expect(await store.remove('globex', 'warehouse')).toBe(false);
    expect(await store.remove('acme', 'warehouse')).toBe(true);
    expect(await store.remove('acme', 'warehouse')).toBe(false);
    expect(await store.find('acme', 'warehouse')).toBeUndefined();
  });

  test('counts only the consumers of a tenant, up to a limit', async () => {
    const store = await open();
    for (const name of ['a', 'b', 'c']) await store.create(aConsumer({ name }));
    await store.create(aConsumer({ tenant: 'globex' }));
    await store.remove('acme', 'b');
    expect(await store.count('acme', 10)).toBe(2);
    expect(await store.count('acme', 2)).toBe(2);
    expect(await store.count('acme', 1)).toBe(1);
    expect(await store.count('initech', 10)).toBe(0);
  });

  test('lists the consumers of a tenant by name, page by page', async () => {
    const store = await open();
    for (const name of ['c', 'a', 'e', 'b', 'd']) await store.create(aConsumer({ name }));
    await store.create(aConsumer({ tenant: 'globex', name: 'aa' }));
    const pages = await readAllPages((after) => store.list('acme', 2, after));
    expect(pages.flat()).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => aConsumer({ name })));
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });
});
