import type { ErasureCertificate } from '../../engine/governance/erasure-certificate.ts';
import type { Page } from '../accounts/account-store.ts';

/** Days that a tenant's data is kept; undefined for the deployment's retention. */
export interface TenantRetention {
  /** Events, their payloads and their deliveries. */
  readonly eventsDays?: number | undefined;
  /** Provider requests in the raw archive. */
  readonly rawDays?: number | undefined;
}

/**
 * How a tenant's new events reach it. `both`: by callbacks and by the feed. `push`: by callbacks; the tenant's keys may
 * not read the feed. `pull`: by the feed; nothing is delivered. `shadow`: as `both`, and each new delivery also goes to
 * a second endpoint, once, without counting.
 */
export type DeliveryMode = 'push' | 'pull' | 'both' | 'shadow';

export interface TenantDelivery {
  readonly mode: DeliveryMode;
  /** The second endpoint; it stays set in the other modes. */
  readonly shadowUrl?: string | undefined;
}

/** Settings and erasures of a tenant. */
export interface Tenant {
  readonly tenant: string;
  readonly retention: TenantRetention;
  /** @default - by callbacks and by the feed */
  readonly delivery?: TenantDelivery | undefined;
  /** The newest erasure; undefined if there was none. */
  readonly erasure?: Erasure | undefined;
  /** Certificates of finished erasures, newest first. */
  readonly certificates: readonly ErasureCertificate[];
  /** Counts the writes, from 1; 0 if nothing is stored yet. */
  readonly revision: number;
}

/** The removal of all data of a tenant. */
export interface Erasure {
  readonly id: string;
  readonly state: 'running' | 'done';
  /** Id of the API key that requested it. */
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; only once it is done. */
  readonly finishedAt?: string | undefined;
  /** Only while it runs. */
  readonly progress?: ErasureProgress | undefined;
}

export interface ErasureProgress {
  /** Passes over all stores so far, the running pass included. */
  readonly pass: number;
  /** Name of the current or next phase. */
  readonly phase: string;
  /** Position in the phase; undefined at its beginning. */
  readonly position?: string | undefined;
  /**
   * The items being removed. The plan is stored before the removal, so a run that continues after a crash removes the
   * items again and counts them once.
   */
  readonly plan?: ErasurePlan | undefined;
  /** Items that this pass has found. */
  readonly found: number;
  /** Removed items by kind. */
  readonly removed: Readonly<Record<string, number>>;
  /** Epoch milliseconds before which the next pass does not begin. */
  readonly resumesAtMs?: number | undefined;
}

export interface ErasurePlan {
  readonly items: readonly Erasable[];
  /** Where the phase continues; undefined at its end. */
  readonly next?: string | undefined;
  /** Whether the position had more items than a plan may hold; then the phase reads it again instead of `next`. */
  readonly isCut?: boolean | undefined;
}

/** One item of a tenant, as its store names it. */
export interface Erasable {
  /** Counter under which its removal is counted. */
  readonly kind: string;
  readonly key: string;
}

export interface TenantStore {
  /** Reads the stored row, without a cache. */
  find(tenant: string): Promise<Tenant | undefined>;
  /**
   * @param tenant - With the revision that was read; 0 if there was none.
   * @returns False if another caller wrote in between; then nothing changes.
   */
  replace(tenant: Tenant): Promise<boolean>;
  /** Tenants that have settings or an erasure, in no order. */
  list(limit: number, after: string | undefined): Promise<Page<Tenant>>;
}

/** The part of a tenant's settings that functions need to write and deliver its events. */
export interface TenantPolicy {
  /** Days that its events are kept; undefined for the deployment's retention. */
  readonly eventsDays: number | undefined;
  /** Whether its data is being erased; then nothing is published. */
  readonly isErasing: boolean;
  /** @default - by callbacks and by the feed */
  readonly delivery?: TenantDelivery | undefined;
}

export interface TenantPolicies {
  /** Policies by tenant, each at most `limits.tenantPolicyMaxAgeMs` old; reads those that are not cached. */
  getMany(tenants: readonly string[]): Promise<ReadonlyMap<string, TenantPolicy>>;
}
