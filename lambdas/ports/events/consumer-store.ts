import type { FeedFilter } from '../../engine/feed/feed-filter.ts';
import type { Page } from '../accounts/account-store.ts';

/** A reader of a tenant's feed whose position the engine stores. */
export interface FeedConsumer {
  readonly tenant: string;
  /** Unique within the tenant. */
  readonly name: string;
  readonly filter: FeedFilter;
  /** The committed sequence number: events up to it are done. */
  readonly position: number;
  /** Undefined when no reader holds a lease. Any reader may take over an expired one. */
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
  /** The highest position handed out under this lease: no higher position can be committed. */
  readonly handedOut: number;
}

export interface ConsumerStore {
  /** Strongly consistent. */
  find(tenant: string, name: string): Promise<FeedConsumer | undefined>;
  /** @returns `exists` when the tenant has a consumer of this name; then nothing is changed. */
  create(consumer: FeedConsumer): Promise<'created' | 'exists'>;
  /**
   * Replace a consumer by optimistic locking.
   *
   * @param consumer - With the revision that was read.
   * @returns False when another caller wrote in between, or the consumer is gone; then nothing is changed.
   */
  replace(consumer: FeedConsumer): Promise<boolean>;
  /** @returns Whether the consumer existed. */
  remove(tenant: string, name: string): Promise<boolean>;
  /**
   * Count the consumers of a tenant.
   *
   * @param most - Counting stops here: any larger number is returned as this one.
   */
  count(tenant: string, most: number): Promise<number>;
  /** The consumers of a tenant, sorted by name. */
  list(tenant: string, limit: number, after: string | undefined): Promise<Page<FeedConsumer>>;
}
