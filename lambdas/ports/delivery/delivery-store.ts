import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { Page } from '../accounts/account-store.ts';

/**
 * Whether a replay of many events sends it: new events go first. A person's replay of a single event does not count.
 */
export function isReplayed({ replay }: Pick<Delivery, 'replay'>): boolean {
  return replay !== undefined && replay !== manualReplay;
}

/** The replay id of a single event that a person replays. */
export const manualReplay = 'manual';

export type DeliveryKey = Pick<Delivery, 'subscription' | 'event' | 'timestamp'>;

/** A place in an endpoint's backlog. */
export interface BacklogEntry extends DeliveryKey {
  /** Entries are sent in this order. */
  readonly place: string;
  /** The attempt that it waits for, counted from 1; undefined when an older version wrote the entry. */
  readonly attempt: number | undefined;
}

export interface DeliveryStore {
  /** Strongly consistent. */
  getMany(keys: readonly DeliveryKey[]): Promise<readonly Delivery[]>;
  /**
   * Put deliveries and remove backlog entries, without a condition on the stored state: only for delivered ones. A
   * delivery that waits in the backlog gets its entry there. As every write, it raises the revision.
   */
  putMany(deliveries: readonly Delivery[], done?: readonly BacklogEntry[]): Promise<void>;
  /**
   * Put deliveries that are not stored yet, with their backlog entries.
   *
   * @returns The deliveries that were put. The others are unchanged.
   */
  addMany(deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>>;
  /**
   * Replace a delivery by optimistic locking, with its entry in the backlog or the due index.
   *
   * @param opensAgain - Whether it may replace a delivered one: the caller read it as delivered, and sends it again.
   *   @default false
   * @returns False when another caller wrote in between, or when it is delivered; then nothing is changed.
   */
  replace(delivery: Delivery, opensAgain?: boolean): Promise<boolean>;
  /** Put the backlog entries of deliveries again: a crash may have left them out. */
  remind(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * An endpoint's backlog in its order. Strongly consistent. Includes expired entries: the store deletes them days
   * late, when their deliveries are already gone. The run that reads an entry without a delivery removes it.
   *
   * @returns Fewer than `limit` only at the end of the backlog.
   */
  listBacklog(subscription: string, limit: number, after: string | undefined): Promise<readonly BacklogEntry[]>;
}

/** A delivery's next attempt, in the due index. */
export interface DueEntry extends DeliveryKey {
  /** Epoch milliseconds. */
  readonly dueAtMs: number;
  readonly shard: number;
}

export interface DueIndex {
  /**
   * Entries of a shard that are due, the earliest first, including expired ones.
   *
   * @param after - The last entry of the previous page.
   * @returns Fewer than `limit` only when no more are due.
   */
  listDue(shard: number, untilMs: number, limit: number, after?: DueEntry): Promise<readonly DueEntry[]>;
  removeDue(entries: readonly DueEntry[]): Promise<void>;
}

export interface DeliveryLog {
  find(key: DeliveryKey): Promise<Delivery | undefined>;
  /** Newest first. */
  list(subscription: string, limit: number, after: string | undefined): Promise<Page<Delivery>>;
  /**
   * The newest deliveries with events of a time range: at most `limit`, and only as many as a few reads find.
   *
   * @param range - ISO 8601; `since` included, `until` excluded.
   * @returns Newest first; not complete when there are more.
   */
  listNewest(
    subscription: string,
    range: { readonly since: string; readonly until: string },
    limit: number,
  ): Promise<{ readonly items: readonly Delivery[]; readonly isComplete: boolean }>;
  /**
   * Deliveries to several subscriptions, newest first.
   *
   * @param range - ISO 8601 times of events, both included. @default all
   * @param after - `next` of the page before, or the place of a delivery.
   */
  search(
    subscriptions: readonly string[],
    range: { readonly since?: string | undefined; readonly until?: string | undefined },
    limit: number,
    after: string | undefined,
  ): Promise<Page<Delivery>>;
  /** Where a delivery stands in a search: `after` it begins the next page. */
  placeOf(delivery: DeliveryKey): string;
  /** The number of entries in a backlog. Counts to `limit`; not complete when there are more. */
  countBacklog(subscription: string, limit: number): Promise<{ readonly count: number; readonly isComplete: boolean }>;
}
