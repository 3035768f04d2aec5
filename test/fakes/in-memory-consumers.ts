import type { ConsumerStore, FeedConsumer } from '../../lambdas/ports/events/consumer-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export function createInMemoryConsumers(): ConsumerStore & Dumpable & { readonly eraser: Eraser } {
  const rows = new Map<string, FeedConsumer>();
  const keyOf = ({ tenant, name }: Pick<FeedConsumer, 'tenant' | 'name'>) => `${tenant} ${name}`;
  return {
    dump: () => dumpOf(rows),
    async find(tenant, name) {
      return structuredClone(rows.get(keyOf({ tenant, name })));
    },
    async create(consumer) {
      if (rows.has(keyOf(consumer))) return 'exists';
      rows.set(keyOf(consumer), structuredClone(consumer));
      return 'created';
    },
    async replace(consumer) {
      const stored = rows.get(keyOf(consumer));
      if (stored?.revision !== consumer.revision || stored.createdAt !== consumer.createdAt) return false;
      rows.set(keyOf(consumer), structuredClone({ ...consumer, revision: consumer.revision + 1 }));
      return true;
    },
    async remove(tenant, name) {
      return rows.delete(keyOf({ tenant, name }));
    },
    async count(tenant, most) {
      return Math.min(most, [...rows.values()].filter((consumer) => consumer.tenant === tenant).length);
    },
    async list(tenant, limit, after) {
      const own = [...rows.values()].filter((consumer) => consumer.tenant === tenant);
      return pageOf(own, ({ name }) => name, limit, after);
    },
    eraser: {
      async find(tenant, after) {
        const own = [...rows.values()].filter((consumer) => consumer.tenant === tenant);
        const page = pageOf(own, ({ name }) => name, 2, after);
        return { items: page.items.map(({ name }) => ({ kind: 'consumers', key: name })), next: page.next };
      },
      async remove(tenant, items) {
        for (const { key } of items) rows.delete(keyOf({ tenant, name: key }));
      },
    },
  };
}
