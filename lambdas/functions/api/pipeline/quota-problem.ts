import type { QuotaExceeded, QuotaName } from '../../../flows/access/quotas.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';

const full: Readonly<Record<QuotaName, (limit: number) => string>> = {
  subscriptionsPerTenant: (limit) => `The tenant has ${limit} subscriptions, as many as it may have`,
  sharedSubscriptions: (limit) => `There are ${limit} subscriptions to all tenants, as many as there may be`,
  accountsPerTenant: (limit) => `The tenant has ${limit} accounts, as many as it may have`,
  keysPerTenant: (limit) => `The tenant has ${limit} keys, as many as it may have`,
  consumersPerTenant: (limit) => `The tenant has ${limit} consumers, as many as it may have`,
};

/** The 422 for one too many. */
export function quotaExceeded({ quota, limit }: QuotaExceeded): ProblemError {
  return new ProblemError({
    status: 422,
    detail: `${full[quota](limit)} (${quota}). Delete one that is not needed, or have the operator raise this setting.`,
    extensions: { reason: 'quota-exceeded', quota, limit },
  });
}
