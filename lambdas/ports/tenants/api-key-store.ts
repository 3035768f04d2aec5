import type { ApiKeySecret } from '../../engine/access/api-key-secret.ts';
import type { Portal } from '../../engine/access/portal-session.ts';
import type { Scope } from '../../engine/access/scopes.ts';
import type { Page } from '../accounts/account-store.ts';

/** A stored API key, with hashed secrets only. */
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
  /** Calls per minute; undefined for the deployment's default. */
  readonly ratePerMinute: number | undefined;
  /** ISO 8601, to the minute; undefined before its first use. */
  readonly lastUsedAt: string | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  /** What makes the key a portal session; undefined for an ordinary key. */
  readonly portal?: Portal | undefined;
  /** Counts the writes of the row, from 1; 0 for a row written by hand. */
  readonly revision: number;
}

export interface ApiKeyStore {
  /** Reads the stored row, without a cache. */
  find(id: string): Promise<ApiKey | undefined>;
  /** The same for several keys, at most 100, in one read. Those that do not exist are left out; in no order. */
  findMany(ids: readonly string[]): Promise<readonly ApiKey[]>;
  /** Store the time of use. Does not recreate a removed key. */
  touch(id: string, at: string): Promise<void>;
}

export interface ApiKeyDirectory extends ApiKeyStore {
  /** @returns `exists` if the id is taken; then nothing changes. */
  create(key: ApiKey): Promise<'created' | 'exists'>;
  /**
   * @param key - With the revision that was read. `lastUsedAt` is not written.
   * @returns False if another caller wrote in between, or the key is gone; then nothing changes.
   */
  replace(key: ApiKey): Promise<boolean>;
  remove(id: string): Promise<void>;
  /**
   * Count a tenant's keys. The count may miss changes of the last moments.
   *
   * @param most - Counting stops here, so the result is at most this number.
   */
  count(tenant: string, most: number): Promise<number>;
  /** The same of a tenant's portal sessions that last beyond a time. */
  countPortals(tenant: string, nowMs: number, most: number): Promise<number>;
  /** @param tenant - Undefined lists every tenant's keys, and the keys for all tenants. */
  list(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<ApiKey>>;
  /** The same as `list`, of portal sessions, which `list` and `count` leave out. Those that have ended may be among them. */
  listPortals(tenant: string | undefined, limit: number, after: string | undefined): Promise<Page<ApiKey>>;
}
