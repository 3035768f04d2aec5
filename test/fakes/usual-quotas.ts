import type { Quotas } from '../../lambdas/flows/access/quotas.ts';

/** The default quotas of a deployment. */
export const usualQuotas: Quotas = {
  subscriptionsPerTenant: 100,
  sharedSubscriptions: 100,
  accountsPerTenant: 1000,
  keysPerTenant: 100,
  consumersPerTenant: 100,
  portalSessionsPerTenant: 500,
};
