import type { ErasureCertificate } from '../../engine/governance/erasure-certificate.ts';
import type { Page } from '../accounts/account-store.ts';

/** Days that a tenant's data is kept; undefined for as long as the deployment keeps it. */
export interface TenantRetention {
  /** Events, their payloads and their deliveries. */
  readonly eventsDays?: number | undefined;
  /** What providers sent, in the raw archive. */
  readonly rawDays?: number | undefined;
}

/** What is kept of a tenant beside its data. */
export interface Tenant {
  readonly tenant: string;
  readonly retention: TenantRetention;
  /** The newest erasure of its data; undefined where none was ever asked for. */
  readonly erasure?: Erasure | undefined;
  /** Of erasures that are done, newest first. */
  readonly certificates: readonly ErasureCertificate[];
  /** Counts the writes, from 1; 0 where nothing is stored yet. */
  readonly revision: number;
}

/** The removal of all that a tenant has. */
export interface Erasure {
  readonly id: string;
  readonly state: 'running' | 'done';
  /** Who asked for it: the id of a key. */
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; undefined while it runs. */
  readonly finishedAt?: string | undefined;
  /** How far it is; undefined once it is done. */
  readonly progress?: ErasureProgress | undefined;
}

export interface ErasureProgress {
  /** Times that all stores are gone through, the one under way included. */
  readonly pass: number;
  /** Name of the phase that is next, or under way. */
  readonly phase: string;
  /** Where in the phase; undefined at its beginning. */
  readonly position?: string | undefined;
  /**
   * What is being removed. It stands here before it is: a run that goes on after a crash removes it once more,
   * and counts it once.
   */
  readonly plan?: ErasurePlan | undefined;
  /** Things that this pass has found. */
  readonly found: number;
  /** Things that were removed, by what they are. */
  readonly removed: Readonly<Record<string, number>>;
  /** Epoch milliseconds before which the next pass does not begin. */
  readonly resumesAtMs?: number | undefined;
}

export interface ErasurePlan {
  readonly items: readonly Erasable[];
  /** Where the phase goes on; undefined where it ends. */
  readonly next?: string | undefined;
  /** Whether more was found at the same place than a plan may hold: the phase looks there again, not at `next`. */
  readonly isCut?: boolean | undefined;
}

/** One thing of a tenant, as its store names it. */
export interface Erasable {
  /** What it is counted as. */
  readonly kind: string;
  readonly key: string;
}

export interface TenantStore {
  /** Reads what is stored now. */
  find(tenant: string): Promise<Tenant | undefined>;
  /**
   * @param tenant - With the revision that was read; 0 where there was none.
   * @returns False when another caller wrote in between; nothing is changed then.
   */
  replace(tenant: Tenant): Promise<boolean>;
  /** Tenants that have settings, or had their data erased; in no order. */
  list(limit: number, after: string | undefined): Promise<Page<Tenant>>;
}

/** What the functions that write a tenant's events have to know of it. */
export interface TenantPolicy {
  /** Days that its events are kept; undefined for as long as the deployment keeps them. */
  readonly eventsDays: number | undefined;
  /** Whether its data is being erased: nothing is published then. */
  readonly isErasing: boolean;
}

export interface TenantPolicies {
  /** By tenant, each as it was at most `limits.tenantPolicyMaxAgeMs` ago: a call asks for what is not remembered. */
  getMany(tenants: readonly string[]): Promise<ReadonlyMap<string, TenantPolicy>>;
}
