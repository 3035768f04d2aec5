import type { CurrentRun, SyncState, WantedRun } from './sync-state.ts';
import { noCounts } from './sync-state.ts';

/** What a sync does next: go on with a run, begin one, or wait. */
export type NextRun =
  | { readonly kind: 'run'; readonly state: SyncState }
  | { readonly kind: 'wait'; readonly untilMs: number | undefined };

/**
 * Choose what a sync works on. Live changes come first: a run that lists everything gives way to the next incremental
 * one, and goes on after it.
 *
 * @param newId - Of a run that the schedule begins.
 */
export function chooseRun(state: SyncState, nowMs: number, newId: string): NextRun {
  const { current, suspended, wanted, nextAtMs, reconcileAtMs } = state;
  if (state.isPaused) return { kind: 'wait', untilMs: undefined };
  const isDue = nextAtMs <= nowMs;
  if (current !== undefined) {
    const givesWay = current.mode !== 'incremental' && isDue && suspended === undefined;
    if (!givesWay) return { kind: 'run', state };
    return begin(
      { ...state, current: undefined, suspended: current },
      { id: newId, mode: 'incremental' },
      false,
      nowMs,
    );
  }
  const asked = wanted.find(({ mode }) => mode === 'incremental' || mode === 'full') ?? (isDue ? undefined : wanted[0]);
  const isCovered = asked?.mode === 'incremental' && asked.resource === undefined;
  if (asked !== undefined && !(isDue && !isCovered && asked.mode !== 'incremental'))
    return begin({ ...state, wanted: wanted.filter(({ id }) => id !== asked.id) }, asked, true, nowMs);
  if (isDue) return begin(state, { id: newId, mode: 'incremental' }, false, nowMs);
  if (suspended !== undefined) return { kind: 'run', state: { ...state, current: suspended, suspended: undefined } };
  if (reconcileAtMs !== undefined && reconcileAtMs <= nowMs)
    return begin(state, { id: newId, mode: 'reconcile' }, false, nowMs);
  return { kind: 'wait', untilMs: Math.min(nextAtMs, reconcileAtMs ?? nextAtMs) };
}

function begin(
  state: SyncState,
  { id, mode, since, until, resource }: WantedRun,
  isAsked: boolean,
  nowMs: number,
): NextRun {
  const { freshAtMs } = state;
  const current: CurrentRun = {
    id,
    mode,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(resource === undefined ? {} : { resource }),
    startedAtMs: nowMs,
    isAsked,
    previousRunDate: new Date(freshAtMs ?? 0).toISOString(),
    step: 0,
    part: 0,
    missed: [],
    spooled: {},
    partial: [],
    complete: [],
    skipped: [],
    counts: noCounts,
  };
  return { kind: 'run', state: { ...state, current } };
}
