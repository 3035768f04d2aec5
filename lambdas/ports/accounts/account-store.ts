/** One tenant's connection to one integration. */
export interface Account {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  /** What people call it. */
  readonly name?: string | undefined;
  /** Its owner's own text by name. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly context: Readonly<Record<string, unknown>>;
  /** What the account waits for; absent where it waits for nothing. */
  readonly capture?: Capture;
  /** Days that the raw archive keeps what comes for it; absent for as long as the deployment keeps it. */
  readonly rawRetentionDays?: number;
  /**
   * What opens the requests that the raw archive has of it: 32 bytes as base64. Without the row nothing does. Absent
   * until the first request is archived. Never leaves the engine.
   */
  readonly archiveKey?: string;
  /**
   * Its tenant's data is being erased, or was: nothing is accepted for it, and what queues still hold of it
   * is dropped. It has neither secrets nor context then; once all is erased, no tenant either.
   */
  readonly closed?: true;
  /** ISO 8601. Tells an account from a former one of the same id. */
  readonly createdAt: string;
  /** Counts the writes of the row, from 1. */
  readonly revision: number;
}

/** Secrets that a provider chooses in its handshake: each is taken once, and only while it is waited for. */
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
   * Closed ones, too, of which no more than their ids may be left. That one is closed is never remembered.
   *
   * @param maxAgeMs - How old a remembered answer may be; 0 reads what is stored now. That an
   *   account does not exist is never remembered.
   */
  get(id: string, maxAgeMs: number): Promise<Account | undefined>;
  /**
   * Whether accounts are stored still, open, and of the same tenant and context as they were read, all in one request.
   * What is not is remembered no more.
   *
   * @returns In the order of the accounts.
   */
  confirm(accounts: readonly Account[]): Promise<readonly boolean[]>;
}

export interface ArchiveKeys {
  /**
   * The account's archive key; one that has none is given one, which is a write of its row.
   *
   * @returns Undefined where the account is closed, removed, or replaced by a later one of its id.
   */
  keyOf(account: Account): Promise<string | undefined>;
}

export interface AccountWriter {
  /**
   * Put what was read and changed in the place of what was read.
   *
   * @param account - With the revision that was read.
   * @returns False when another caller wrote in between, or the account was removed; nothing is changed then.
   */
  replace(account: Account): Promise<boolean>;
}

export interface AccountDirectory extends AccountWriter {
  /** Undefined once an account is removed, and once a closed account's tenant has been erased. */
  find(id: string): Promise<Account | undefined>;
  /**
   * An id stays with the tenant that used it first, also when its account is removed or erased: caches, queues and
   * archives know accounts by id alone.
   *
   * @returns `exists` when the id is taken, or held for another tenant; nothing is changed then.
   */
  create(account: Account): Promise<'created' | 'exists'>;
  /**
   * Count a tenant's open accounts. One that was created or removed a moment ago may be counted as before.
   *
   * @param most - Counting ends here: a larger number is not told from this one.
   */
  count(tenant: string, most: number): Promise<number>;
  /**
   * Remove an account. Its id is held for its tenant.
   *
   * @returns False when there is no such account any more, or when an erasure has closed it: the erasure still
   *   needs its row.
   */
  remove(account: Account): Promise<boolean>;
  /** @param tenant - Undefined lists all tenants. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Account>>;
}
