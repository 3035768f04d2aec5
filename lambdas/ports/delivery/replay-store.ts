import type { Page } from '../accounts/account-store.ts';

/** Which events of a window are sent again. */
export type ReplayMode =
  /** All that the subscription wants. */
  | 'all'
  /** Those that were tried in vain. */
  | 'failed'
  /** Those that were never delivered, tried or not. */
  | 'missing';

/** A subscription's past, sent again. */
export interface Replay {
  readonly id: string;
  readonly subscription: string;
  readonly scope: string;
  /** Whose events: a replay is of one tenant. */
  readonly tenant: string;
  readonly mode: ReplayMode;
  /** Sequences of the window: after the first, up to the last. */
  readonly afterSequence: number;
  readonly upToSequence: number;
  /**
   * Epoch milliseconds until which it follows the feed beyond its window, so that it misses nothing of what
   * is being published now; undefined where it ends with its window.
   */
  readonly followsUntilMs?: number | undefined;
  /** Up to where it has looked. */
  readonly position: number;
  /** Events that are put into the endpoint's backlog in a second, at most. */
  readonly ratePerSecond: number;
  readonly state: 'running' | 'done' | 'cancelled';
  /** Times that dispatch has started it again after a silence; undefined for none. A message of an earlier start ends. */
  readonly restarts?: number | undefined;
  /** Events that it has looked at, and those of them that it has sent. */
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
