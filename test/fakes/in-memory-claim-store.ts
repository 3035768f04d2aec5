import { EngineError } from '../../lambdas/contracts/engine-error.ts';
import type { ClaimStore } from '../../lambdas/ports/events/claim-store.ts';
import type { ObjectEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export interface InMemoryClaimStore extends ClaimStore, Dumpable {
  keys(): readonly string[];
  /** Retention of an object in days; undefined for the store's default. */
  retentionOf(key: string): number | undefined;
  /** Erases objects by key prefix. */
  readonly eraser: ObjectEraser;
}

export function createInMemoryClaimStore(): InMemoryClaimStore {
  const objects = new Map<string, Buffer>();
  const retentions = new Map<string, number | undefined>();
  return {
    dump: () => dumpOf(objects, retentions),
    async put(key, content, _, retentionDays) {
      retentions.set(key, retentionDays);
      objects.set(key, Buffer.from(content));
    },
    async get(key) {
      const content = objects.get(key);
      if (content === undefined)
        throw new EngineError('corrupt-state', 'a claimed payload is gone', { retryable: false });
      return Buffer.from(content);
    },
    keys: () => [...objects.keys()],
    retentionOf: (key) => retentions.get(key),
    eraser: {
      async find(prefix, after) {
        const own = [...objects.keys()].filter((key) => key.startsWith(prefix));
        const page = pageOf(own, (key) => key, 2, after);
        return { items: page.items.map((key) => ({ kind: 'objects', key })), next: page.next };
      },
      async findOne(key) {
        return objects.has(key) ? [{ kind: 'objects', key }] : [];
      },
      async remove(_, items) {
        for (const { key } of items) objects.delete(key);
      },
    },
  };
}
