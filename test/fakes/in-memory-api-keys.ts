import type { ApiKey, ApiKeyStore } from '../../lambdas/ports/api-key-store.ts';
import type { Eraser } from '../../lambdas/ports/tenant-erasers.ts';
import { pageOf } from './page-of.ts';

export function createInMemoryApiKeys(keys: readonly ApiKey[] = []): ApiKeyStore & { readonly eraser: Eraser } {
  const rows = new Map(keys.map((key) => [key.id, key]));
  return {
    async find(id) {
      return structuredClone(rows.get(id));
    },
    eraser: {
      async find(tenant, after) {
        const own = [...rows.values()].filter((key) => key.tenant === tenant);
        const page = pageOf(own, ({ id }) => id, 2, after);
        return { items: page.items.map(({ id }) => ({ kind: 'api_keys', key: id })), next: page.next };
      },
      async remove(_, items) {
        for (const { key } of items) rows.delete(key);
      },
    },
  };
}
