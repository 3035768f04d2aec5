import type { Clock } from '../../../ports/runtime/clock.ts';
import type { TenantPolicies } from '../../../ports/tenants/tenant-store.ts';

const secondsPerDay = 86_400;

export interface ExpiryOptions {
  readonly clock: Clock;
  /** Days that the deployment keeps rows. */
  readonly retentionDays: number;
  /**
   * Tells whose rows are kept for a shorter time.
   * @default - all are kept for as long
   */
  readonly policies?: TenantPolicies;
}

/** Epoch seconds at which a row of a tenant expires that is written now. */
export type ExpiryOf = (tenant: string) => number;

/** When rows of tenants expire: no later than the deployment has it. */
export function createExpiries(options: ExpiryOptions): (tenants: readonly string[]) => Promise<ExpiryOf> {
  const { clock, retentionDays, policies } = options;
  return async (tenants) => {
    const known = tenants.length === 0 ? undefined : await policies?.getMany(tenants);
    const nowSeconds = Math.ceil(clock.nowMs() / 1000);
    return (tenant) =>
      nowSeconds + Math.min(known?.get(tenant)?.eventsDays ?? retentionDays, retentionDays) * secondsPerDay;
  };
}
