import { describe, expect, test } from 'vitest';
import { createDynamoApiKeyStore } from '../../lambdas/adapters/aws/dynamo-api-key-store.ts';
import type { ApiKey, ApiKeyStore } from '../../lambdas/ports/api-key-store.ts';
import { createInMemoryApiKeys } from '../fakes/in-memory-api-keys.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const implementations: readonly (readonly [string, (keys: readonly ApiKey[]) => Promise<ApiKeyStore>])[] = [
  ['the fake', async (keys) => createInMemoryApiKeys(keys)],
  [
    'DynamoDB',
    async (keys) => {
      const table = await tables.create('apiKeys');
      for (const key of keys) await tables.put(table, key);
      return createDynamoApiKeyStore(tables.client(), table);
    },
  ],
];

describe.each(implementations)('api key store on %s', (_, open) => {
  test('finds a key by its id, of one tenant or of all', async () => {
    const ofAcme = { id: 'key_1', secretSha256: 'ab'.repeat(32), tenant: 'acme' };
    const ofAll = { id: 'key_2', secretSha256: 'cd'.repeat(32), tenant: null };
    const store = await open([ofAcme, ofAll]);
    expect(await store.find('key_1')).toEqual(ofAcme);
    expect(await store.find('key_2')).toEqual(ofAll);
    expect(await store.find('key_3')).toBeUndefined();
  });
});
