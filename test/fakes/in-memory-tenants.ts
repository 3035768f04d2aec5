import { limits } from '../../lambdas/contracts/limits.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Tenant, TenantPolicies, TenantPolicy, TenantStore } from '../../lambdas/ports/tenants/tenant-store.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export interface InMemoryTenants extends TenantStore, Dumpable {
  /** Policies with their own cache, like each function instance. */
  policies(clock: Clock): TenantPolicies;
}

/** DynamoDB's limit of one row. */
const maxItemBytes = 400 * 1024;

export function createInMemoryTenants(): InMemoryTenants {
  const rows = new Map<string, Tenant>();
  return {
    dump: () => dumpOf(rows),
    async find(tenant) {
      return structuredClone(rows.get(tenant));
    },
    async replace(tenant) {
      if (Buffer.byteLength(JSON.stringify(tenant)) > maxItemBytes)
        throw new Error('Item size has exceeded the maximum allowed size');
      if ((rows.get(tenant.tenant)?.revision ?? 0) !== tenant.revision) return false;
      rows.set(tenant.tenant, structuredClone({ ...tenant, revision: tenant.revision + 1 }));
      return true;
    },
    async list(limit, after) {
      return pageOf([...rows.values()], ({ tenant }) => tenant, limit, after);
    },
    policies(clock) {
      const remembered = new Map<string, { readonly policy: TenantPolicy; readonly readAtMs: number }>();
      return {
        async getMany(tenants) {
          return new Map(
            tenants.map((tenant) => {
              const known = remembered.get(tenant);
              if (known !== undefined && clock.nowMs() - known.readAtMs < limits.tenantPolicyMaxAgeMs)
                return [tenant, known.policy];
              const row = rows.get(tenant);
              const policy: TenantPolicy = {
                eventsDays: row?.retention.eventsDays,
                isErasing: row?.erasure?.state === 'running',
                delivery: row?.delivery,
              };
              remembered.set(tenant, { policy, readAtMs: clock.nowMs() });
              return [tenant, policy];
            }),
          );
        },
      };
    },
  };
}
