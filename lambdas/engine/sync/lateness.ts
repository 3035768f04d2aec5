import type { SyncState } from './sync-state.ts';

/** How far a sync was behind when its run ended, or had to wait. Milliseconds. */
export interface Lateness {
  /** Age of what was known: since the last run began that saw every change. Undefined before there is one. */
  readonly freshnessMs: number | undefined;
  /** Since the scheduled time of the run, or since the first of the failures that have moved that time. */
  readonly lagMs: number;
}

/** @param before - The state with which the run began. */
export function latenessOf({ freshAtMs, nextAtMs, failingSinceMs }: SyncState, nowMs: number): Lateness {
  return {
    freshnessMs: freshAtMs === undefined ? undefined : Math.max(0, nowMs - freshAtMs),
    lagMs: Math.max(0, nowMs - Math.min(nextAtMs, failingSinceMs ?? nextAtMs)),
  };
}
