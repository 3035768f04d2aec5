export type CanaryMode = 'compare' | 'use';

/** One tenant's connection to one integration. */
export interface Account {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  /** Display name. */
  readonly name?: string | undefined;
  /** Free-form pairs, set by the owner. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly context: Readonly<Record<string, unknown>>;
  /** Where its provider's API is, in the place of the definition's `base_url`. */
  readonly baseUrl?: string | undefined;
  /** The part of its provider's limits that the engine may use, above 0 up to 1. @default 1 */
  readonly share?: number | undefined;
  /** The kind of its credentials; undefined where it has none, and so its provider cannot be called. */
  readonly credentialKind?: string | undefined;
  /** `off` where the syncs that its definition declares are not wanted. @default 'on' */
  readonly syncs?: 'on' | 'off' | undefined;
  /** Address ranges (CIDR) from which its webhooks may come; undefined for all. */
  readonly allowedRanges?: readonly string[] | undefined;
  /** Secrets that the account waits for; absent if it waits for none. */
  readonly capture?: Capture;
  /** Days that the raw archive keeps its requests; absent for the deployment's retention. */
  readonly rawRetentionDays?: number;
  /**
   * Key that decrypts its requests in the raw archive: 32 bytes as base64. Deleting the row makes them unreadable.
   * Absent until the first request is archived. Never leaves the engine.
   */
  readonly archiveKey?: string;
  /**
   * Whether the candidate of its integration is tried on it: `compare` publishes the current definition's events,
   * `use` the candidate's.
   */
  readonly canary?: CanaryMode | undefined;
  /**
   * Set while its tenant is being erased, and after. Nothing is accepted for the account, and queued requests are
   * dropped. It has neither secrets nor context; once the erasure is done, no tenant either.
   */
  readonly closed?: true;
  /** ISO 8601. Distinguishes an account from an earlier one with the same id. */
  readonly createdAt: string;
  /** Counts the writes of the row, from 1. */
  readonly revision: number;
}

/** Secrets that a provider chooses in its handshake; each is accepted once, before the capture expires. */
export interface Capture {
  readonly secrets: readonly string[];
  readonly expiresAtEpochSeconds: number;
}

/** A page of a list; `next` is opaque and absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

export interface AccountStore {
  /**
   * Find an account, also a closed one, which may have only its id left.
   *
   * @param maxAgeMs - How old a cached answer may be; 0 bypasses the cache. Missing and closed accounts are never
   *   cached.
   */
  get(id: string, maxAgeMs: number): Promise<Account | undefined>;
  /**
   * Check in one request whether accounts still exist, are open, and have the tenant and context that were read. Other
   * accounts leave the cache.
   *
   * @returns True for each unchanged account, in the order of the accounts.
   */
  confirm(accounts: readonly Account[]): Promise<readonly boolean[]>;
}

export interface ArchiveKeys {
  /**
   * The account's archive key. The first call creates the key, which writes the row.
   *
   * @returns Undefined if the account is closed, removed, or replaced by a later account with its id.
   */
  keyOf(account: Account): Promise<string | undefined>;
}

export interface AccountWriter {
  /**
   * Replace the account that was read.
   *
   * @param account - With the revision that was read.
   * @returns False if another caller wrote in between, or the account was removed; then nothing changes.
   */
  replace(account: Account): Promise<boolean>;
}

export interface AccountDirectory extends AccountWriter {
  /** Undefined once an account is removed, and once a closed account's tenant has been erased. */
  find(id: string): Promise<Account | undefined>;
  /**
   * Create an account. An id stays reserved for the tenant that used it first, even after its account is removed or
   * erased, since caches, queues and archives know accounts by id alone.
   *
   * @returns `exists` if the id is taken, or reserved for another tenant; then nothing changes.
   */
  create(account: Account): Promise<'created' | 'exists'>;
  /**
   * Count a tenant's open accounts. The count may miss changes of the last moments.
   *
   * @param most - Counting stops here, so the result is at most this number.
   */
  count(tenant: string, most: number): Promise<number>;
  /**
   * Remove an account. Its id stays reserved for its tenant.
   *
   * @returns False if the account no longer exists, or if an erasure has closed it and still needs its row.
   */
  remove(account: Account): Promise<boolean>;
  /** @param tenant - Undefined lists all tenants. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Account>>;
}
