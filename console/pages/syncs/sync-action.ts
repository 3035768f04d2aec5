import type { OneSync } from './sync-words.tsx';

/** What each action on a sync needs. */
export interface SyncActionProps {
  readonly account: string;
  readonly sync: OneSync;
  /** Says what has been done. */
  readonly onDone: (said: string) => void;
}
