/** Names within tables that the stack declares and the adapters use. */

/** Attribute after which DynamoDB may delete a row, in epoch seconds. It may do so late: readers check it. */
export const ttlAttribute = 'expiresAtEpochSeconds';

/** Index of the accounts table: a tenant's accounts by id. */
export const accountsByTenantIndex = 'tenant-index';

/** Index of the limits table: endpoints that have to be looked at, by shard and time. */
export const endpointsByDueIndex = 'due-index';

/** Index of the API keys table: a tenant's keys by id. */
export const apiKeysByOwnerIndex = 'owner-index';

/** Index of the audit table: what was done to a tenant's things, by time. */
export const auditByScopeIndex = 'scope-index';

/** Index of the statistics table: the counts of all tenants, by day and shard. */
export const statisticsByDayIndex = 'day-index';
