import type { Clock } from '../../../ports/runtime/clock.ts';
import type { TenantPolicies } from '../../../ports/tenants/tenant-store.ts';

const secondsPerDay = 86_400;

export interface ExpiryOptions {
  readonly clock: Clock;
  /** Days for which the deployment keeps rows. */
  readonly retentionDays: number;
  /**
   * Tenants whose rows are kept for a shorter time.
   * @default - `retentionDays` for every tenant
   */
  readonly policies?: TenantPolicies;
}

/** Epoch seconds at which a tenant's row expires if it is written now. */
export type ExpiryOf = (tenant: string) => number;

/** Looks up when rows of tenants expire: after the tenant's own retention, but at most after the deployment's. */
export function createExpiries(options: ExpiryOptions): (tenants: readonly string[]) => Promise<ExpiryOf> {
  const { clock, retentionDays, policies } = options;
  return async (tenants) => {
    const known = tenants.length === 0 ? undefined : await policies?.getMany(tenants);
    const nowSeconds = Math.ceil(clock.nowMs() / 1000);
    return (tenant) =>
      nowSeconds + Math.min(known?.get(tenant)?.eventsDays ?? retentionDays, retentionDays) * secondsPerDay;
  };
}
