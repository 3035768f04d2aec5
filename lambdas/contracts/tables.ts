/** Names of attributes and indexes that the stack declares and the adapters use. */

/** Expiry of a row in epoch seconds. DynamoDB deletes expired rows late, so readers check it. */
export const ttlAttribute = 'expiresAtEpochSeconds';

/** Index of the accounts table: a tenant's accounts by id. */
export const accountsByTenantIndex = 'tenant-index';

/** Index of the limits table: endpoints that dispatch must look at, by shard and time. */
export const endpointsByDueIndex = 'due-index';

/** Index of the API keys table: a tenant's keys by id. */
export const apiKeysByOwnerIndex = 'owner-index';

/** Index of the audit table: a tenant's entries, by time. */
export const auditByScopeIndex = 'scope-index';

/** Index of the statistics table: the rows of all tenants, by day and shard. */
export const statisticsByDayIndex = 'day-index';

/** Index of the fetches table: queues that dispatch must look at, by shard and time. */
export const fetchesByDueIndex = 'due-index';

/** Index of the syncs table: keys of syncs that dispatch must look at, by shard and time. */
export const syncsByDueIndex = 'due-index';
