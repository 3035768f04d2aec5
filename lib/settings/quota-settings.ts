import { wholeNumber } from './whole-number.ts';

/** How many subscriptions, accounts, keys, consumers and portal sessions there may be. */
export const quotaSettings = {
  /**
   * Subscriptions that one tenant may have. Publishing looks at each of them for every event of the tenant.
   * @default 100
   */
  subscriptionsPerTenant: wholeNumber(1, 10_000, 'subscriptions'),
  /**
   * Subscriptions that may serve all tenants. Publishing looks at each of them for every event.
   * @default 100
   */
  sharedSubscriptions: wholeNumber(1, 10_000, 'subscriptions'),
  /**
   * Accounts that one tenant may have.
   * @default 1000
   */
  accountsPerTenant: wholeNumber(1, 1_000_000, 'accounts'),
  /**
   * API keys that one tenant may have; keys of all tenants have no quota.
   * @default 100
   */
  keysPerTenant: wholeNumber(1, 100_000, 'keys'),
  /**
   * Consumers of the feed that one tenant may have.
   * @default 100
   */
  consumersPerTenant: wholeNumber(1, 100_000, 'consumers'),
  /**
   * Portal sessions of one tenant that have not ended. Each lasts for an hour at most.
   * @default 500
   */
  portalSessionsPerTenant: wholeNumber(1, 10_000, 'portal sessions'),
};
