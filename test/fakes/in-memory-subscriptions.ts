import {
  type Subscription,
  type SubscriptionDirectory,
  type SubscriptionStore,
  scopeOf,
} from '../../lambdas/ports/subscription-store.ts';
import { pageOf } from './page-of.ts';

export function createInMemorySubscriptions(): SubscriptionStore & SubscriptionDirectory {
  const rows = new Map<string, Subscription>();
  return {
    async listFor(tenant) {
      return structuredClone([...rows.values()].filter((row) => row.tenant === null || row.tenant === tenant));
    },
    async getMany(keys) {
      const wanted = new Set(keys.map(({ scope, id }) => `${scope} ${id}`));
      // In no order that a caller could rely on.
      return structuredClone([...rows.values()].filter((row) => wanted.has(`${scopeOf(row)} ${row.id}`)).reverse());
    },
    async find(id) {
      return structuredClone(rows.get(id));
    },
    async create(subscription) {
      if (rows.has(subscription.id)) return 'exists';
      rows.set(subscription.id, structuredClone(subscription));
      return 'created';
    },
    async list(tenant, limit, after) {
      const all = [...rows.values()].filter((row) => tenant === undefined || row.tenant === tenant);
      return pageOf(all, ({ id }) => id, limit, after);
    },
  };
}
