import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import type { IntegrationCatalog } from '../../lambdas/ports/accounts/integration-catalog.ts';

export function createInMemoryCatalog(definitions: readonly Definition[]): IntegrationCatalog {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  return {
    async names() {
      return [...byName.keys()].sort();
    },
    async get(name) {
      return byName.get(name);
    },
  };
}
