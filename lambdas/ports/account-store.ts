/** One tenant's connection to one integration. */
export interface Account {
  readonly id: string;
  readonly tenant: string;
  readonly integration: string;
  /** By secret name; a list while a secret rotates. Never leaves the engine. */
  readonly secrets: Readonly<Record<string, string | readonly string[]>>;
  readonly context: Readonly<Record<string, unknown>>;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** A page of a list; `next` is opaque and absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

export interface AccountStore {
  /**
   * @param maxAgeMs - How old a remembered answer may be; 0 reads what is stored now. That an
   *   account does not exist is never remembered.
   */
  get(id: string, maxAgeMs: number): Promise<Account | undefined>;
}

export interface AccountDirectory {
  find(id: string): Promise<Account | undefined>;
  /** @returns `exists` when the id is taken; nothing is changed then. */
  create(account: Account): Promise<'created' | 'exists'>;
  /** @param tenant - Undefined lists all tenants. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<Account>>;
}
