/** Environment keys of the rates and quotas of callers, providers and tenants. */
export const limitKeys = {
  /** API calls per minute of a key that has no rate of its own. */
  apiKeyRatePerMinute: 'TRIBUTARY_API_KEY_RATE_PER_MINUTE',
  /** API calls per minute of all keys of a tenant together. */
  apiTenantRatePerMinute: 'TRIBUTARY_API_TENANT_RATE_PER_MINUTE',
  /** Webhooks per minute of one account. */
  ingressAccountRatePerMinute: 'TRIBUTARY_INGRESS_ACCOUNT_RATE_PER_MINUTE',
  /** Webhooks per minute of all accounts of a tenant together. */
  ingressTenantRatePerMinute: 'TRIBUTARY_INGRESS_TENANT_RATE_PER_MINUTE',
  /** Subscriptions, accounts, keys and consumers that a tenant may have; subscriptions that may serve all tenants. */
  subscriptionsPerTenant: 'TRIBUTARY_SUBSCRIPTIONS_PER_TENANT',
  sharedSubscriptions: 'TRIBUTARY_SHARED_SUBSCRIPTIONS',
  accountsPerTenant: 'TRIBUTARY_ACCOUNTS_PER_TENANT',
  keysPerTenant: 'TRIBUTARY_KEYS_PER_TENANT',
  consumersPerTenant: 'TRIBUTARY_CONSUMERS_PER_TENANT',
  portalSessionsPerTenant: 'TRIBUTARY_PORTAL_SESSIONS_PER_TENANT',
  /** Calls of a key, and of a tenant, that may wait (long poll) at the same time. */
  apiWaitingCallsPerKey: 'TRIBUTARY_API_WAITING_CALLS_PER_KEY',
  apiWaitingCallsPerTenant: 'TRIBUTARY_API_WAITING_CALLS_PER_TENANT',
} as const;
