/** How many things a tenant, or all tenants together, may have: by the names of the settings, which refusals tell. */
export interface Quotas {
  readonly subscriptionsPerTenant: number;
  /** Subscriptions that serve all tenants: publishing looks at each of them for every event. */
  readonly sharedSubscriptions: number;
  readonly accountsPerTenant: number;
  readonly keysPerTenant: number;
  readonly consumersPerTenant: number;
}

export type QuotaName = keyof Quotas;

export interface QuotaExceeded {
  readonly kind: 'quota-exceeded';
  readonly quota: QuotaName;
  readonly limit: number;
}

/** A quota, and what counts against it now. */
export interface QuotaUse {
  readonly quotas: Quotas;
  readonly quota: QuotaName;
  /** @param most - Where counting may end. */
  readonly count: (most: number) => Promise<number>;
}

/**
 * Refuse what would be one too many, before it is made.
 *
 * What is there is counted, rather than a counter kept: a counter drifts with every crash between it and what it counts.
 */
export async function refuseBeyondQuota(use: QuotaUse): Promise<QuotaExceeded | undefined> {
  const limit = use.quotas[use.quota];
  return (await use.count(limit)) >= limit ? { kind: 'quota-exceeded', quota: use.quota, limit } : undefined;
}

/**
 * Take back what was just made where it is one too many after all: others were made at the same time.
 *
 * Each call counts after its own write, so the last one to write sees all the others: however many run at once, no more
 * are left than the quota allows, where counting is consistent. Calls that race for the last place may all be refused. A
 * call that dies in between leaves what it made.
 */
export async function undoBeyondQuota(use: QuotaUse, undo: () => Promise<void>): Promise<QuotaExceeded | undefined> {
  const limit = use.quotas[use.quota];
  if ((await use.count(limit + 1)) <= limit) return undefined;
  await undo();
  return { kind: 'quota-exceeded', quota: use.quota, limit };
}
