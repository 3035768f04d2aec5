import { EngineError } from '../../lambdas/contracts/engine-error.ts';
import type { ClaimStore } from '../../lambdas/ports/claim-store.ts';

export interface InMemoryClaimStore extends ClaimStore {
  keys(): readonly string[];
}

export function createInMemoryClaimStore(): InMemoryClaimStore {
  const objects = new Map<string, Buffer>();
  return {
    async put(key, content) {
      objects.set(key, Buffer.from(content));
    },
    async get(key) {
      const content = objects.get(key);
      if (content === undefined)
        throw new EngineError('corrupt-state', 'a claimed payload is gone', { retryable: false });
      return Buffer.from(content);
    },
    keys: () => [...objects.keys()],
  };
}
