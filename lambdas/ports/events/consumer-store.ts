import type { FeedFilter } from '../../engine/feed/feed-filter.ts';
import type { Page } from '../accounts/account-store.ts';

/** A reader of a tenant's feed whose place the engine keeps. */
export interface FeedConsumer {
  readonly tenant: string;
  /** Of its own within the tenant. */
  readonly name: string;
  readonly filter: FeedFilter;
  /** Sequence number up to which its events are done: it was committed. */
  readonly position: number;
  /** Undefined where no reader holds one. Any reader may take one that is over. */
  readonly lease: ConsumerLease | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Counts the writes of the row, from 1. */
  readonly revision: number;
}

/** The right to read for a consumer, and to commit. */
export interface ConsumerLease {
  readonly id: string;
  readonly expiresAtMs: number;
  /** The highest position that was handed out under it: no more can be done. */
  readonly handedOut: number;
}

export interface ConsumerStore {
  /** Reads what is stored now. */
  find(tenant: string, name: string): Promise<FeedConsumer | undefined>;
  /** @returns `exists` when the tenant has one of this name; nothing is changed then. */
  create(consumer: FeedConsumer): Promise<'created' | 'exists'>;
  /**
   * Put what was read and changed in the place of what was read.
   *
   * @param consumer - With the revision that was read.
   * @returns False when another caller wrote in between, or it is gone; nothing is changed then.
   */
  replace(consumer: FeedConsumer): Promise<boolean>;
  /** @returns Whether there was one. */
  remove(tenant: string, name: string): Promise<boolean>;
  /**
   * Count those of a tenant.
   *
   * @param most - Counting ends here: a larger number is not told from this one.
   */
  count(tenant: string, most: number): Promise<number>;
  /** Those of a tenant, by their names. */
  list(tenant: string, limit: number, after: string | undefined): Promise<Page<FeedConsumer>>;
}
