import {
  type Subscription,
  type SubscriptionDirectory,
  type SubscriptionKey,
  type SubscriptionRoute,
  type SubscriptionStore,
  scopeOf,
} from '../../lambdas/ports/delivery/subscription-store.ts';
import type { SubscriptionEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export function createInMemorySubscriptions(): SubscriptionStore &
  SubscriptionDirectory &
  SubscriptionEraser &
  Dumpable {
  const rows = new Map<string, Subscription>();
  /** Scopes by id, also of deleted subscriptions. */
  const scopes = new Map<string, string>();
  async function reserve({ scope, id }: SubscriptionKey): Promise<'reserved' | 'taken'> {
    if ((scopes.get(id) ?? scope) !== scope) return 'taken';
    scopes.set(id, scope);
    return 'reserved';
  }
  return {
    dump: () => dumpOf(rows, scopes),
    async listFor(tenant) {
      return structuredClone(
        [...rows.values()].filter((row) => row.tenant === null || row.tenant === tenant).map(toRoute),
      );
    },
    async getMany(keys) {
      const wanted = new Set(keys.map(({ scope, id }) => `${scope} ${id}`));
      // Reversed, so that no caller relies on the order.
      return structuredClone([...rows.values()].filter((row) => wanted.has(`${scopeOf(row)} ${row.id}`)).reverse());
    },
    async find(id) {
      return structuredClone(rows.get(id));
    },
    reserve,
    async create(subscription) {
      const { id } = subscription;
      if (rows.has(id) || (await reserve({ scope: scopeOf(subscription), id })) === 'taken') return 'exists';
      rows.set(id, structuredClone(subscription));
      return 'created';
    },
    async replace(subscription) {
      const stored = rows.get(subscription.id);
      if (stored?.revision !== subscription.revision || scopeOf(stored) !== scopeOf(subscription)) return false;
      rows.set(subscription.id, structuredClone({ ...subscription, revision: subscription.revision + 1 }));
      return true;
    },
    async remove(subscription) {
      rows.delete(subscription.id);
    },
    async announce() {},
    async count(tenant, most) {
      return Math.min(most, [...rows.values()].filter((row) => row.tenant === tenant).length);
    },
    async listIds(limit, after) {
      const all = [...scopes].map(([id, scope]) => ({ id, scope }));
      return pageOf(all, ({ id }) => id, limit, after);
    },
    async findExisting(scope, ids) {
      return ids.filter((id) => {
        const row = rows.get(id);
        return row !== undefined && scopeOf(row) === scope;
      });
    },
    async removeMany(scope, ids) {
      for (const id of ids) {
        const row = rows.get(id);
        if (row !== undefined && scopeOf(row) === scope) rows.delete(id);
      }
    },
    async list(tenant, limit, after) {
      const all = [...rows.values()].filter((row) => tenant === undefined || row.tenant === tenant);
      return pageOf(all, ({ id }) => id, limit, after);
    },
  };
}

/** The part of a subscription that publishing needs. */
export function toRoute({
  id,
  tenant,
  status,
  types,
  resources,
  integrations,
  accounts,
  ordering,
}: Subscription): SubscriptionRoute {
  return { id, tenant, status, types, resources, integrations, accounts, ordering };
}
