import { describe, expect, test } from 'vitest';
import { createDynamoApiKeyStore } from '../../lambdas/adapters/dynamo/stores/api-key-store.ts';
import { hashSecret } from '../../lambdas/engine/access/api-key-secret.ts';
import type { ApiKeyDirectory } from '../../lambdas/ports/tenants/api-key-store.ts';
import { apiKey, createInMemoryApiKeys } from '../fakes/in-memory-api-keys.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

const tables = useTables();
const openDynamo = async () => {
  const table = await tables.create('apiKeys');
  return { table, store: createDynamoApiKeyStore(tables.client(), table) };
};
const implementations: readonly (readonly [string, () => Promise<ApiKeyDirectory>])[] = [
  ['the fake', async () => createInMemoryApiKeys()],
  ['DynamoDB', async () => (await openDynamo()).store],
];

describe.each(implementations)('api key store on %s', (_, open) => {
  const ofAcme = apiKey('key1', 'one', 'acme', { scopes: ['events:read'], ratePerMinute: 10 });
  const ofAll = apiKey('key2', 'two', null);

  test('finds a key of one tenant or of all by its id; an id is taken once', async () => {
    const store = await open();
    expect(await store.create(ofAcme)).toBe('created');
    expect(await store.create(ofAll)).toBe('created');
    expect(await store.create({ ...ofAll, id: 'key1' })).toBe('exists');
    expect(await store.find('key1')).toEqual(ofAcme);
    expect(await store.find('key2')).toEqual(ofAll);
    expect(await store.find('key3')).toBeUndefined();
    const many = await store.findMany(['key2', 'key3', 'key1', 'key1']);
    expect([...many].sort((one, other) => one.id.localeCompare(other.id))).toEqual([ofAcme, ofAll]);
    expect(await store.findMany([])).toEqual([]);
  });

  test('replaces only a key that was read, and keeps its time of last use', async () => {
    const store = await open();
    await store.create(ofAcme);
    await store.touch('key1', '2026-11-21T12:00:00.000Z');
    await store.touch('key1', '2026-11-21T11:00:00.000Z');
    const changed = { ...ofAcme, name: 'renamed', ratePerMinute: undefined, expiresAtMs: 99 };
    expect(await store.replace(changed)).toBe(true);
    expect(await store.find('key1')).toEqual({ ...changed, revision: 2, lastUsedAt: '2026-11-21T12:00:00.000Z' });
    expect(await store.replace({ ...changed, name: 'too late' })).toBe(false);
  });

  test('a removed key stays removed, even when it is used or changed', async () => {
    const store = await open();
    await store.create(ofAcme);
    await store.remove('key1');
    await store.touch('key1', '2026-11-21T12:00:00.000Z');
    expect(await store.replace(ofAcme)).toBe(false);
    expect(await store.find('key1')).toBeUndefined();
  });

  test('counts only the keys of a tenant, up to a limit', async () => {
    const store = await open();
    for (const id of ['key_a', 'key_b', 'key_c']) await store.create(apiKey(id, id, 'acme'));
    await store.create(ofAll);
    await store.remove('key_b');
    expect(await store.count('acme', 10)).toBe(2);
    expect(await store.count('acme', 2)).toBe(2);
    expect(await store.count('acme', 1)).toBe(1);
    expect(await store.count('globex', 10)).toBe(0);
  });

  test('lists the keys of one tenant, or of all tenants (invariant 3)', async () => {
    const store = await open();
    for (const id of ['a', 'b', 'c']) await store.create(apiKey(id, id, 'acme'));
    await store.create(apiKey('d', 'd', 'globex'));
    await store.create(ofAll);
    const idsOf = async (tenant: string | undefined) =>
      (await readAllPages((after) => store.list(tenant, 2, after)))
        .flat()
        .map(({ id }) => id)
        .sort();
    expect(await idsOf('acme')).toEqual(['a', 'b', 'c']);
    expect(await idsOf('globex')).toEqual(['d']);
    expect(await idsOf(undefined)).toEqual(['a', 'b', 'c', 'd', 'key2']);
  });

  test('keeps portal sessions apart: they are in lists of their own, and no quota counts them', async () => {
    const store = await open();
    const maker = { keyId: 'a', secretSha256: hashSecret('a') };
    const portal = {
      returnUrl: 'https://app.example.com/',
      origins: ['https://app.example.com'],
      codeSha256: 'a',
      maker,
    };
    const expiresAtMs = Date.parse('2026-11-21T13:00:00Z');
    await store.create(apiKey('a', 'a', 'acme'));
    for (const id of ['psa', 'psb']) await store.create(apiKey(id, id, 'acme', { portal, expiresAtMs }));
    await store.create(apiKey('psc', 'psc', 'globex', { portal, expiresAtMs }));
    const idsOf = async (kind: 'list' | 'listPortals', tenant: string | undefined) =>
      (await readAllPages((after) => store[kind](tenant, 2, after)))
        .flat()
        .map(({ id }) => id)
        .sort();
    expect(await idsOf('listPortals', 'acme')).toEqual(['psa', 'psb']);
    expect(await idsOf('listPortals', undefined)).toEqual(['psa', 'psb', 'psc']);
    expect(await idsOf('list', 'acme')).toEqual(['a']);
    expect(await idsOf('list', undefined)).toEqual(['a']);
    expect(await store.count('acme', 10)).toBe(1);
    const found = await store.find('psa');
    expect(found).toEqual(apiKey('psa', 'psa', 'acme', { portal, expiresAtMs }));
    expect(await store.countPortals('acme', expiresAtMs - 1, 10)).toBe(2);
    expect(await store.countPortals('acme', expiresAtMs - 1, 1)).toBe(1);
    expect(await store.countPortals('acme', expiresAtMs, 10)).toBe(0);
    expect(await store.countPortals('initech', 0, 10)).toBe(0);
    const opened = { ...portal, openedAt: '2026-11-21T12:00:00.000Z' };
    expect(found !== undefined && (await store.replace({ ...found, portal: opened }))).toBe(true);
    expect((await store.find('psa'))?.portal).toEqual(opened);
  });
});

test('a row that was written by hand is a key that may do everything for its tenant, and can be rotated', async () => {
  const { table, store } = await openDynamo();
  await tables.put(table, { id: 'first', tenant: null, secretSha256: hashSecret('by hand') });
  const key = await store.find('first');
  expect(key).toMatchObject({
    tenant: null,
    scopes: ['admin'],
    secrets: [{ sha256: hashSecret('by hand') }],
    revision: 0,
  });
  if (key === undefined) throw new Error('no key');
  const secrets = [{ sha256: hashSecret('new'), createdAt: '2026-11-21T12:00:00.000Z' }];
  expect(await store.replace({ ...key, secrets })).toBe(true);
  expect(await store.find('first')).toMatchObject({ secrets, scopes: ['admin'], revision: 1 });
});

test('a row that was written by hand has a creation time, which stays the same after a rotation', async () => {
  const { table, store } = await openDynamo();
  const createdAt = new Date(0).toISOString();
  await tables.put(table, { id: 'first', tenant: null, secretSha256: hashSecret('by hand') });
  const key = await store.find('first');
  expect(key?.createdAt).toBe(createdAt);
  if (key === undefined) throw new Error('no key');
  await store.replace({ ...key, secrets: [{ sha256: hashSecret('new'), createdAt: '2026-11-21T12:00:00.000Z' }] });
  expect((await store.find('first'))?.createdAt).toBe(createdAt);
  // A row that an earlier version wrote.
  const secrets = [{ sha256: hashSecret('new'), createdAt: '2026-11-21T12:00:00.000Z' }];
  await tables.put(table, { id: 'second', tenant: null, name: 'second', scopes: ['admin'], secrets, revision: 1 });
  expect((await store.find('second'))?.createdAt).toBe(createdAt);
});

test('a portal session of a version that did not store its maker has none', async () => {
  const { table, store } = await openDynamo();
  const portal = { returnUrl: 'https://app.example.com/', origins: [], codeSha256: 'a' };
  await tables.put(table, { ...apiKey('psOld', 'x', 'acme'), portal, owner: 'portal#acme' });
  expect((await store.find('psOld'))?.portal).toEqual({ ...portal, maker: { keyId: '-', secretSha256: '' } });
});

test('an incomplete row grants nothing', async () => {
  const { table, store } = await openDynamo();
  await tables.put(table, { id: 'noSecret', tenant: null });
  await tables.put(table, { id: 'noTenant', secretSha256: hashSecret('x') });
  expect(await store.find('noSecret')).toBeUndefined();
  expect(await store.find('noTenant')).toBeUndefined();
});
