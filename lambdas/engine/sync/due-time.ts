import type { SyncState } from './sync-state.ts';

/** When dispatch must look at a sync that no function works on; undefined where it waits for a person. */
export function dueTimeOf(
  { isPaused, stop, current, suspended, wanted, nextAtMs, reconcileAtMs }: SyncState,
  nowMs: number,
): number | undefined {
  if (isPaused) return undefined;
  if (stop !== undefined && stop.untilMs > nowMs) return stop.untilMs;
  if (current !== undefined || suspended !== undefined || wanted.length > 0) return nowMs;
  return Math.min(nextAtMs, reconcileAtMs ?? nextAtMs);
}
