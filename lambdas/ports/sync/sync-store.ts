import type { StoredCursor } from '../../engine/sync/cursor.ts';
import type { SyncRun, SyncState } from '../../engine/sync/sync-state.ts';
import type { Page } from '../accounts/account-store.ts';

/** Names a sync of an account. */
export interface SyncKey {
  readonly account: string;
  readonly sync: string;
}

/** A sync as it is stored. */
export interface SyncRow extends SyncKey {
  readonly tenant: string;
  readonly integration: string;
  /** `createdAt` of the account: a later account with the same id has syncs of its own. */
  readonly incarnation: string;
  readonly state: SyncState;
  /** The function that works on it; it has ended by `untilMs`. */
  readonly lease?: { readonly owner: string; readonly untilMs: number } | undefined;
  /** When dispatch looks at it; undefined where it waits for a person. Epoch milliseconds. */
  readonly dueAtMs?: number | undefined;
  /** Counts the writes of the row; 0 before the first. */
  readonly revision: number;
}

/** A part of a sync that has a cursor of its own: a resource, or one of a list of its parts. */
export interface CursorKey extends SyncKey {
  readonly place: string;
}

/** A run that has ended, as it is kept for 30 days. Ids of later runs sort behind those of earlier ones. */
export interface RunRow extends SyncKey {
  readonly tenant: string;
  readonly run: SyncRun;
}

export interface SyncStore {
  /** Reads what is stored now. */
  get(key: SyncKey): Promise<SyncRow | undefined>;
  /** The syncs of an account, by id. */
  list(account: string): Promise<readonly SyncRow[]>;
  /**
   * Write a sync, if it is still as it was read. A new one begins without cursors of a former one of its name.
   *
   * @returns As it is written; undefined where another came first.
   * @throws {corrupt-state} when its state is larger than a row may be; likewise for cursors and runs.
   */
  replace(row: SyncRow): Promise<SyncRow | undefined>;
  /**
   * Remove a sync with its cursors, if it is still as it was read. Its runs stay until they expire.
   *
   * @returns Whether it is gone: true also for one that is removed already.
   */
  remove(row: SyncRow): Promise<boolean>;
  /** Syncs that dispatch must look at, the earliest first. */
  listDue(shard: number, untilMs: number, limit: number): Promise<readonly SyncRow[]>;

  getCursor(key: CursorKey): Promise<StoredCursor | undefined>;
  putCursor(key: CursorKey, cursor: StoredCursor, tenant: string): Promise<void>;
  /** Forget all cursors of a sync. */
  removeCursors(key: SyncKey): Promise<void>;

  /** Keep a run for 30 days. A run with the same id is replaced. */
  putRun(row: RunRow): Promise<void>;
  /** Keep a run as `putRun` does, unless one with its id is kept already. */
  addRun(row: RunRow): Promise<void>;
  getRun(key: SyncKey, id: string): Promise<RunRow | undefined>;
  /** Runs of a sync, the latest first. @param after - `next` of a page. */
  listRuns(key: SyncKey, limit: number, after: string | undefined): Promise<Page<RunRow>>;
}
