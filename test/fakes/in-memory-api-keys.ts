import { hashSecret } from '../../lambdas/engine/access/api-key-secret.ts';
import type { ApiKey, ApiKeyDirectory } from '../../lambdas/ports/tenants/api-key-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export function createInMemoryApiKeys(
  keys: readonly ApiKey[] = [],
): ApiKeyDirectory & Dumpable & { readonly eraser: Eraser } {
  const rows = new Map(keys.map((key) => [key.id, key]));
  return {
    dump: () => dumpOf(rows),
    async find(id) {
      return structuredClone(rows.get(id));
    },
    async findMany(ids) {
      return [...rows.values()].filter(({ id }) => ids.includes(id)).map((key) => structuredClone(key));
    },
    async touch(id, at) {
      const key = rows.get(id);
      if (key !== undefined && (key.lastUsedAt ?? '') < at) rows.set(id, { ...key, lastUsedAt: at });
    },
    async create(key) {
      if (rows.has(key.id)) return 'exists';
      rows.set(key.id, structuredClone(key));
      return 'created';
    },
    async replace(key) {
      const stored = rows.get(key.id);
      if (stored?.revision !== key.revision) return false;
      rows.set(key.id, structuredClone({ ...key, lastUsedAt: stored.lastUsedAt, revision: key.revision + 1 }));
      return true;
    },
    async remove(id) {
      rows.delete(id);
    },
    async count(tenant, most) {
      return Math.min(
        most,
        [...rows.values()].filter((key) => key.tenant === tenant && key.portal === undefined).length,
      );
    },
    async countPortals(tenant, nowMs, most) {
      const live = [...rows.values()].filter(
        (key) => key.tenant === tenant && key.portal !== undefined && (key.expiresAtMs ?? 0) > nowMs,
      );
      return Math.min(most, live.length);
    },
    async list(tenant, limit, after) {
      const all = [...rows.values()].filter((key) => tenant === undefined || key.tenant === tenant);
      return pageOf(
        all.filter(({ portal }) => portal === undefined),
        ({ id }) => id,
        limit,
        after,
      );
    },
    async listPortals(tenant, limit, after) {
      const all = [...rows.values()].filter((key) => tenant === undefined || key.tenant === tenant);
      return pageOf(
        all.filter(({ portal }) => portal !== undefined),
        ({ id }) => id,
        limit,
        after,
      );
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

/** A stored key; by default it has all scopes for its tenant. */
export function apiKey(id: string, secret: string, tenant: string | null, options: Partial<ApiKey> = {}): ApiKey {
  const createdAt = '2026-11-01T00:00:00.000Z';
  return {
    id,
    name: id,
    tenant,
    scopes: ['admin'],
    secrets: [{ sha256: hashSecret(secret), createdAt }],
    expiresAtMs: undefined,
    ratePerMinute: undefined,
    lastUsedAt: undefined,
    createdAt,
    revision: 1,
    ...options,
  };
}
