/** Quotas of each tenant, or of all tenants together, by setting name; a refusal quotes that name. */
export interface Quotas {
  readonly subscriptionsPerTenant: number;
  /** Subscriptions that serve all tenants; publishing checks each of them for every event. */
  readonly sharedSubscriptions: number;
  readonly accountsPerTenant: number;
  readonly keysPerTenant: number;
  readonly consumersPerTenant: number;
  /** Portal sessions that have not ended. */
  readonly portalSessionsPerTenant: number;
}

export type QuotaName = keyof Quotas;

export interface QuotaExceeded {
  readonly kind: 'quota-exceeded';
  readonly quota: QuotaName;
  readonly limit: number;
}

/** A quota, and how to count its current use. */
export interface QuotaUse {
  readonly quotas: Quotas;
  readonly quota: QuotaName;
  /** @param most - Counting may stop here. */
  readonly count: (most: number) => Promise<number>;
}

/**
 * Refuse a new item that would exceed the quota, before it is created.
 *
 * It counts the stored items and keeps no counter: a counter drifts whenever a crash falls between the two writes.
 */
export async function refuseBeyondQuota(use: QuotaUse): Promise<QuotaExceeded | undefined> {
  const limit = use.quotas[use.quota];
  return (await use.count(limit)) >= limit ? { kind: 'quota-exceeded', quota: use.quota, limit } : undefined;
}

/**
 * Remove a newly created item if concurrent calls pushed the count over the quota.
 *
 * Each call counts after its own write, so the last writer sees all the others. With consistent counting, no number of
 * concurrent calls can exceed the quota. Calls that race for the last place may all be refused. A call that crashes
 * between creating and counting leaves its item.
 */
export async function undoBeyondQuota(use: QuotaUse, undo: () => Promise<void>): Promise<QuotaExceeded | undefined> {
  const limit = use.quotas[use.quota];
  if ((await use.count(limit + 1)) <= limit) return undefined;
  await undo();
  return { kind: 'quota-exceeded', quota: use.quota, limit };
}
