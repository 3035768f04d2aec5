import type { ContextRecord } from '../../engine/account/context-claims.ts';
import type { Page } from './account-store.ts';

/** Owners of context values, which requests of an integration carry: a company id, a portal, a workspace. */
export interface AccountContexts {
  /**
   * The stored record of a value; without claims if the value was never claimed. An account that the record names may
   * not exist, or may not hold the value: check the account itself.
   */
  find(integration: string, value: string): Promise<ContextRecord>;
}

/** The record of a value at the time of a read. */
export interface FoundContext extends ContextValue {
  readonly record: ContextRecord;
}

/** Reads records of values through a cache, since a reader of many requests needs the same few. */
export interface RememberedContexts {
  /** Like {@link AccountContexts.find}, but up to `maxAgeMs` old; 0 bypasses the cache. */
  recall(integration: string, value: string, maxAgeMs: number): Promise<ContextRecord>;
  /**
   * Check in one request whether the stored claims of values are unchanged. Changed records leave the cache.
   *
   * @returns True for each unchanged value, in the order of the values.
   */
  confirm(found: readonly FoundContext[]): Promise<readonly boolean[]>;
}

export interface AccountContextRegistry extends AccountContexts {
  /**
   * Replace the record that was read. A record without claims expires once no queue can hold an earlier request.
   * `registered` is not written: see {@link forget}.
   *
   * @param record - With the revision that was read.
   * @returns False if another call wrote in between; then nothing changes.
   */
  replace(integration: string, value: string, record: ContextRecord): Promise<boolean>;
  /** Remove an account from the accounts that registered a value. */
  forget(integration: string, value: string, account: string): Promise<void>;
}

export interface ContextValue {
  readonly integration: string;
  readonly value: string;
}

export interface SharedContexts {
  /**
   * A page of the values that may have accounts of several tenants; {@link AccountContexts.find} confirms it. It reads
   * `limit` entries of the store, so an empty page is not necessarily the last. In no order; each value once.
   */
  listShared(limit: number, after: string | undefined): Promise<Page<ContextValue>>;
}
