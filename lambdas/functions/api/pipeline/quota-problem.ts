import type { QuotaExceeded, QuotaName } from '../../../flows/access/quotas.ts';
import { ProblemError } from '../../invocation/answer-problems.ts';

const full: Readonly<Record<QuotaName, (limit: number) => string>> = {
  subscriptionsPerTenant: (limit) => `The tenant has ${limit} subscriptions, which is its limit`,
  sharedSubscriptions: (limit) => `There are ${limit} subscriptions to all tenants, which is the limit`,
  accountsPerTenant: (limit) => `The tenant has ${limit} accounts, which is its limit`,
  keysPerTenant: (limit) => `The tenant has ${limit} keys, which is its limit`,
  consumersPerTenant: (limit) => `The tenant has ${limit} consumers, which is its limit`,
  portalSessionsPerTenant: (limit) => `The tenant has ${limit} portal sessions that have not ended, which is its limit`,
};

/** The 422 for a sync beyond the number that an account may have, which no setting raises. */
export function syncsExceeded(limit: number): ProblemError {
  return new ProblemError({
    status: 422,
    detail: `The account has ${limit} syncs, which is its limit. Delete one that you do not need: a sync may read several resources.`,
    extensions: { reason: 'quota-exceeded', quota: 'syncsPerAccount', limit },
  });
}

/** The 422 for a call that would exceed a quota. */
export function quotaExceeded({ quota, limit }: QuotaExceeded): ProblemError {
  return new ProblemError({
    status: 422,
    detail: `${full[quota](limit)} (${quota}). Delete one that you do not need, or ask the operator to raise this setting.`,
    extensions: { reason: 'quota-exceeded', quota, limit },
  });
}
