import { failurePauseMs, intervalOf, nextInterval, nextReconcileMs, nextRunMs } from './schedule.ts';
import type { SyncJob } from './sync-job.ts';
import {
  type CurrentRun,
  failuresToTell,
  type SyncNews,
  type SyncRun,
  type SyncState,
  type SyncStop,
} from './sync-state.ts';

/** What the end of a run depends on. */
export interface EndOptions {
  readonly job: SyncJob;
  /** Names the sync, for its place in the schedule. */
  readonly key: string;
  readonly nowMs: number;
  /** From 0 to 1, for jitter. */
  readonly fraction: number;
  /** Whether the provider's quota is nearly used up. */
  readonly isShort: boolean;
}

/** The state after a run that is done. */
export function succeeded(state: SyncState, run: CurrentRun, { job, key, nowMs, isShort }: EndOptions): SyncState {
  const { created, updated, deleted } = run.counts;
  const isIncremental = run.mode === 'incremental' && run.resource === undefined;
  const intervalMs = isIncremental
    ? nextInterval(job, state.intervalMs, { changed: created + updated + deleted, isShort })
    : (state.intervalMs ?? intervalOf(job));
  const {
    current: _,
    stop: __,
    failingSinceMs: ___,
    stoppedAtPages: ____,
    isToldFailing,
    reconcileFault,
    news,
    ...rest
  } = state;
  const reconcileAtMs =
    run.mode === 'reconcile' || state.reconcileAtMs === undefined
      ? nextReconcileMs(job, key, nowMs)
      : state.reconcileAtMs;
  const fault = run.mode === 'reconcile' ? undefined : reconcileFault;
  const isRecovered = isToldFailing === true && fault === undefined;
  const seesAll = run.mode !== 'backfill' && run.resource === undefined;
  return {
    ...rest,
    failures: 0,
    intervalMs,
    nextAtMs: isIncremental ? nextRunMs(job, key, intervalMs, nowMs) : state.nextAtMs,
    ...(reconcileAtMs === undefined ? {} : { reconcileAtMs }),
    ...(fault === undefined ? {} : { reconcileFault: fault }),
    ...(isToldFailing === true && !isRecovered ? { isToldFailing } : {}),
    lastRun: ended(run, 'succeeded', nowMs, run.skipped.length === 0 ? undefined : run.skipped.join('; ')),
    ...(seesAll ? { freshAtMs: Math.max(run.startedAtMs, state.freshAtMs ?? 0) } : {}),
    ...withNews(news, [
      ...(isRecovered ? [{ kind: 'recovered' as const, id: run.id, reason: '' }] : []),
      ...driftOf(run),
    ]),
  };
}

function driftOf({ id, counts }: CurrentRun): readonly SyncNews[] {
  const sum = Object.values(counts.drift ?? {}).reduce((all, count) => all + count, 0);
  return sum === 0 ? [] : [{ kind: 'drift', id, reason: JSON.stringify(counts.drift) }];
}

function withNews(before: readonly SyncNews[] | undefined, more: readonly SyncNews[]): Pick<SyncState, 'news'> {
  const news = [...(before ?? []), ...more];
  return news.length === 0 ? {} : { news };
}

/** The state after a run that cannot go on: the next one begins anew, later and later. */
export function failed(state: SyncState, run: CurrentRun, reason: string, options: EndOptions): SyncState {
  const { job, key, nowMs, fraction } = options;
  const { current: _, stoppedAtPages: __, ...rest } = state;
  const lastRun = ended(run, 'failed', nowMs, reason);
  // Changes are read on: what the comparison of all records says of itself waits for the next one.
  if (run.mode === 'reconcile') {
    const reconcileAtMs = nextReconcileMs(job, key, nowMs);
    const fault = { reason, sinceMs: state.reconcileFault?.sinceMs ?? nowMs };
    return {
      ...rest,
      ...(reconcileAtMs === undefined ? {} : { reconcileAtMs }),
      reconcileFault: fault,
      lastRun,
      ...tellFailing(state, run.id, reason),
    };
  }
  const failures = state.failures + 1;
  const untilMs = nowMs + failurePauseMs(failures, fraction);
  const isRegular = run.mode === 'incremental' && !run.isAsked;
  const nextAtMs = Math.max(untilMs, nextRunMs(job, key, state.intervalMs ?? intervalOf(job), nowMs));
  return {
    ...rest,
    failures,
    failingSinceMs: state.failingSinceMs ?? nowMs,
    nextAtMs: isRegular ? nextAtMs : state.nextAtMs,
    stop: { kind: 'backing-off', reason, untilMs },
    lastRun,
    ...(failures < failuresToTell ? {} : tellFailing(state, run.id, reason)),
  };
}

/** The state of a run that must wait; it goes on where it stopped. */
export function stopped(state: SyncState, run: CurrentRun, stop: SyncStop, { nowMs, fraction }: EndOptions): SyncState {
  if (stop.kind === 'rate-limited') return { ...state, stop };
  const { pages } = run.counts;
  const getsOn = pages > (state.stoppedAtPages ?? 0);
  const failures = getsOn ? 1 : state.failures + 1;
  const untilMs = Math.max(stop.untilMs, nowMs + failurePauseMs(failures, fraction));
  return {
    ...state,
    failures,
    stoppedAtPages: pages,
    failingSinceMs: getsOn ? nowMs : (state.failingSinceMs ?? nowMs),
    stop: { ...stop, untilMs },
    ...(failures < failuresToTell ? {} : tellFailing(state, run.id, stop.reason)),
  };
}

function tellFailing(
  { isToldFailing, news }: SyncState,
  id: string,
  reason: string,
): Pick<SyncState, 'isToldFailing' | 'news'> {
  return isToldFailing === true ? {} : { isToldFailing: true, ...withNews(news, [{ kind: 'failing', id, reason }]) };
}

/** A run as it is kept. */
export function ended(
  run: Pick<CurrentRun, 'id' | 'mode' | 'startedAtMs' | 'counts'>,
  outcome: SyncRun['outcome'],
  nowMs: number,
  reason: string | undefined,
): SyncRun {
  return {
    id: run.id,
    mode: run.mode,
    startedAt: new Date(run.startedAtMs).toISOString(),
    endedAt: new Date(nowMs).toISOString(),
    outcome,
    ...(reason === undefined ? {} : { reason: reason.slice(0, 500) }),
    ...run.counts,
  };
}
