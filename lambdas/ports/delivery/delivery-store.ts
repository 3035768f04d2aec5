import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { Page } from '../accounts/account-store.ts';

/** Whether a replay sends it: what is new goes first. A single event that a person sends again is not put back so. */
export function isReplayed({ replay }: Pick<Delivery, 'replay'>): boolean {
  return replay !== undefined && replay !== manualReplay;
}

/** Stands for the replay of a single event. */
export const manualReplay = 'manual';

export type DeliveryKey = Pick<Delivery, 'subscription' | 'event' | 'timestamp'>;

/** A place in an endpoint's backlog. */
export interface BacklogEntry extends DeliveryKey {
  /** Its place: entries are taken in this order. */
  readonly place: string;
  /** The attempt that it waits for, counted from 1; undefined where an older version put it. */
  readonly attempt: number | undefined;
}

export interface DeliveryStore {
  /** Reads what is stored now. */
  getMany(keys: readonly DeliveryKey[]): Promise<readonly Delivery[]>;
  /**
   * Put deliveries, and take entries out of backlogs, whatever is stored: only for what is delivered. A delivery that
   * waits in the backlog gets its entry there. As every write, it raises the revision.
   */
  putMany(deliveries: readonly Delivery[], done?: readonly BacklogEntry[]): Promise<void>;
  /**
   * Put deliveries that are not stored yet, with their entries in the backlog.
   *
   * @returns Those that were put. Of the others nothing is changed.
   */
  addMany(deliveries: readonly Delivery[]): Promise<ReadonlySet<Delivery>>;
  /**
   * Put a delivery in the place of what was read, with its entry in backlog or due index.
   *
   * @param opensAgain - Whether it may take the place of a delivered one: the caller read it as delivered, and it is
   *   to be sent once more. @default false
   * @returns False when another writer came in between, or when it is delivered; nothing is changed then.
   */
  replace(delivery: Delivery, opensAgain?: boolean): Promise<boolean>;
  /** Put the backlog entries of deliveries again, which a crash may have left out. */
  remind(deliveries: readonly Delivery[]): Promise<void>;
  /**
   * An endpoint's backlog in its order. Reads what is stored now, expired entries included: the store deletes them days
   * late, and their deliveries are gone by then. The run that reads an entry without a delivery removes it.
   *
   * @returns Fewer than `limit` only where the backlog ends.
   */
  listBacklog(subscription: string, limit: number, after: string | undefined): Promise<readonly BacklogEntry[]>;
}

/** What waits for its time: a delivery's next attempt. */
export interface DueEntry extends DeliveryKey {
  /** Epoch milliseconds. */
  readonly dueAtMs: number;
  readonly shard: number;
}

export interface DueIndex {
  /**
   * Entries of a shard that are due, the earliest first, expired ones included.
   *
   * @param after - The last entry of the page before.
   * @returns Fewer than `limit` only where no more are due.
   */
  listDue(shard: number, untilMs: number, limit: number, after?: DueEntry): Promise<readonly DueEntry[]>;
  removeDue(entries: readonly DueEntry[]): Promise<void>;
}

export interface DeliveryLog {
  find(key: DeliveryKey): Promise<Delivery | undefined>;
  /** Newest first. */
  list(subscription: string, limit: number, after: string | undefined): Promise<Page<Delivery>>;
  /**
   * The newest ones whose events are of a time: at most `limit`, and no more than a few reads find.
   *
   * @param range - ISO 8601; `since` included, `until` not.
   * @returns Newest first. Not complete where there are more.
   */
  listNewest(
    subscription: string,
    range: { readonly since: string; readonly until: string },
    limit: number,
  ): Promise<{ readonly items: readonly Delivery[]; readonly isComplete: boolean }>;
  /** How many entries a backlog has. Counts to `limit`, and is not complete where there are more. */
  countBacklog(subscription: string, limit: number): Promise<{ readonly count: number; readonly isComplete: boolean }>;
}
