import type { ApiKey, ApiKeyStore } from '../../lambdas/ports/api-key-store.ts';

export function createInMemoryApiKeys(keys: readonly ApiKey[] = []): ApiKeyStore {
  const rows = new Map(keys.map((key) => [key.id, key]));
  return {
    async find(id) {
      return structuredClone(rows.get(id));
    },
  };
}
