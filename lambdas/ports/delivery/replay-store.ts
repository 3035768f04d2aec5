import type { Page } from '../accounts/account-store.ts';

/** The events of a window that a replay sends. */
export type ReplayMode =
  /** All events that the subscription wants. */
  | 'all'
  /** Events whose attempts all failed. */
  | 'failed'
  /** Events that were never delivered, tried or not. */
  | 'missing';

/** Past events of a subscription, sent again. */
export interface Replay {
  readonly id: string;
  readonly subscription: string;
  readonly scope: string;
  /** The tenant of the events: a replay has one tenant. */
  readonly tenant: string;
  readonly mode: ReplayMode;
  /** The window of sequences: `afterSequence` excluded, `upToSequence` included. */
  readonly afterSequence: number;
  readonly upToSequence: number;
  /**
   * Epoch milliseconds until which it follows the feed beyond its window, so that it misses no event that is being
   * published now; undefined when it ends with its window.
   */
  readonly followsUntilMs?: number | undefined;
  /** Of the events up to this sequence it sends those alone that were never tried. @default 0 */
  readonly triedAfterSequence?: number | undefined;
  /** The last sequence that it has scanned. */
  readonly position: number;
  /** Most events put into the endpoint's backlog in one second. */
  readonly ratePerSecond: number;
  readonly state: 'running' | 'done' | 'cancelled';
  /** Why the engine itself cancelled it; undefined where a caller did, and for one that is not cancelled. */
  readonly cancelledBy?: 'delivery-pull' | undefined;
  /** How often dispatch has restarted a silent replay; undefined for never. Messages of an earlier start end. */
  readonly restarts?: number | undefined;
  /** Events scanned, and how many of them were sent. */
  readonly scanned: number;
  readonly replayed: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly endedAt: string | undefined;
  /** Counts the writes, from 1. */
  readonly revision: number;
}

export interface ReplayStore {
  find(subscription: string, id: string): Promise<Replay | undefined>;
  create(replay: Replay): Promise<void>;
  /** @returns False when another caller wrote in between. */
  replace(replay: Replay): Promise<boolean>;
  /** Newest first. */
  list(subscription: string, limit: number, after: string | undefined): Promise<Page<Replay>>;
}
