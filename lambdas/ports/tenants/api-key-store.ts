import type { ApiKeySecret } from '../../engine/access/api-key-secret.ts';
import type { Scope } from '../../engine/access/scopes.ts';
import type { Page } from '../accounts/account-store.ts';

/** An API key as it is stored: never the key itself. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** Null for a key that may act for every tenant. */
  readonly tenant: string | null;
  readonly scopes: readonly Scope[];
  /** Newest first. */
  readonly secrets: readonly ApiKeySecret[];
  /** Epoch milliseconds from which the key is refused; undefined for never. */
  readonly expiresAtMs: number | undefined;
  /** Calls a minute; undefined for what the deployment says. */
  readonly ratePerMinute: number | undefined;
  /** ISO 8601, to the minute; undefined before its first use. */
  readonly lastUsedAt: string | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Counts the writes of the row, from 1; 0 for one that was written by hand. */
  readonly revision: number;
}

export interface ApiKeyStore {
  /** Reads what is stored now. */
  find(id: string): Promise<ApiKey | undefined>;
  /** Note when it was used. A key that is gone stays gone. */
  touch(id: string, at: string): Promise<void>;
}

export interface ApiKeyDirectory extends ApiKeyStore {
  /** @returns `exists` when the id is taken; nothing is changed then. */
  create(key: ApiKey): Promise<'created' | 'exists'>;
  /**
   * @param key - With the revision that was read. When it was used is left as it is.
   * @returns False when another caller wrote in between, or it is gone; nothing is changed then.
   */
  replace(key: ApiKey): Promise<boolean>;
  remove(id: string): Promise<void>;
  /**
   * Count a tenant's keys. One that was created or removed a moment ago may be counted as before.
   *
   * @param most - Counting ends here: a larger number is not told from this one.
   */
  count(tenant: string, most: number): Promise<number>;
  /** @param tenant - Undefined lists those of all tenants together with every tenant's own. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<ApiKey>>;
}
