import type { SyncJob } from '../../engine/sync/sync-job.ts';
import type { CurrentRun, RunCounts, SyncRun, WantedRun } from '../../engine/sync/sync-state.ts';

/** What is read, published or compared; `suspended`: the run gives way to live changes. */
type RunPhase = 'read' | 'publish' | 'compare' | 'suspended';

/** A run that has ended. */
export function describeEnded({ id, mode, outcome, reason, startedAt, endedAt, ...counts }: SyncRun) {
  return {
    id,
    mode,
    outcome,
    reason: reason ?? null,
    phase: null,
    reading: null,
    started_at: startedAt,
    ended_at: endedAt,
    ...countsOf(counts),
  };
}

/** A run that goes on. */
export function describeCurrent(run: CurrentRun, job: SyncJob | undefined, isSuspended = false) {
  const phase: RunPhase = isSuspended
    ? 'suspended'
    : run.absence !== undefined
      ? 'compare'
      : (run.place?.phase ?? 'read');
  return {
    id: run.id,
    mode: run.mode,
    outcome: 'running' as const,
    reason: null,
    phase,
    reading: job?.resources[run.step]?.resource ?? null,
    started_at: new Date(run.startedAtMs).toISOString(),
    ended_at: null,
    ...countsOf(run.counts),
  };
}

/** A run that a caller has asked for, and that has not begun. */
export function describeWanted({ id, mode }: WantedRun) {
  return {
    id,
    mode,
    outcome: 'waiting' as const,
    reason: null,
    phase: null,
    reading: null,
    started_at: null,
    ended_at: null,
    ...countsOf({ calls: 0, pages: 0, records: 0, created: 0, updated: 0, deleted: 0, unchanged: 0 }),
  };
}

function countsOf({
  calls,
  pages,
  records,
  created,
  updated,
  deleted,
  unchanged,
  unreadable = 0,
  drift = {},
}: RunCounts) {
  return { calls, pages, records, created, updated, deleted, unchanged, unreadable, drift: { ...drift } };
}
