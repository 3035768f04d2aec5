import type { ContextRecord } from '../../engine/account/context-claims.ts';
import type { Page } from './account-store.ts';

/** Whose a value is that requests of an integration carry: a company id, a portal, a workspace. */
export interface AccountContexts {
  /**
   * What is stored of a value now; of one that was never claimed, a record without claims. An account that it names may
   * not exist, or may not hold the value: the account itself tells.
   */
  find(integration: string, value: string): Promise<ContextRecord>;
}

/** What is stored of a value, as it was found. */
export interface FoundContext extends ContextValue {
  readonly record: ContextRecord;
}

/** Reads what is stored of values, and remembers it: a reader of many requests asks for the same few. */
export interface RememberedContexts {
  /** As {@link AccountContexts.find}, or as it was at most `maxAgeMs` ago; 0 reads what is stored now. */
  recall(integration: string, value: string, maxAgeMs: number): Promise<ContextRecord>;
  /**
   * Whether the claims of values are stored still as they were found, all in one request. What is not is remembered no
   * more.
   *
   * @returns In the order of the values.
   */
  confirm(found: readonly FoundContext[]): Promise<readonly boolean[]>;
}

export interface AccountContextRegistry extends AccountContexts {
  /**
   * Put what was read and changed in the place of what was read. What has no claim left expires once no queue can hold
   * a request of before. `registered` is not written: see {@link forget}.
   *
   * @param record - With the revision that was read.
   * @returns False when another call wrote in between; nothing is changed then.
   */
  replace(integration: string, value: string, record: ContextRecord): Promise<boolean>;
  /** Remove an account from those that registered a value. */
  forget(integration: string, value: string, account: string): Promise<void>;
}

export interface ContextValue {
  readonly integration: string;
  readonly value: string;
}

export interface SharedContexts {
  /**
   * A page of the values that may have accounts of several tenants: {@link AccountContexts.find} tells. It looks at
   * `limit` entries of the store, so a page may be empty and yet not be the last. In no order; each value once.
   */
  listShared(limit: number, after: string | undefined): Promise<Page<ContextValue>>;
}
