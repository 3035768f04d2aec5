import { expect, test } from 'vitest';
import { chooseRun } from '../../../../lambdas/engine/sync/next-run.ts';
import type { CurrentRun, SyncState, WantedRun } from '../../../../lambdas/engine/sync/sync-state.ts';
import { noCounts, statusOf } from '../../../../lambdas/engine/sync/sync-state.ts';

const nowMs = 1_000_000;
const state = (change: Partial<SyncState> = {}): SyncState => ({
  isPaused: false,
  wanted: [],
  nextAtMs: nowMs + 60_000,
  failures: 0,
  ...change,
});
const aRun = (mode: CurrentRun['mode'], id = `run_${mode}`): CurrentRun => ({
  id,
  mode,
  startedAtMs: 0,
  isAsked: false,
  previousRunDate: '1970-01-01T00:00:00.000Z',
  step: 0,
  part: 0,
  missed: [],
  spooled: {},
  partial: [],
  complete: [],
  skipped: [],
  counts: noCounts,
});
const asked = (mode: WantedRun['mode']): WantedRun => ({ id: `asked_${mode}`, mode });

const chosen = (from: SyncState) => {
  const next = chooseRun(from, nowMs, 'run_new');
  return next.kind === 'wait' ? next.untilMs : [next.state.current?.id, next.state.current?.mode];
};

test.each<[string, Partial<SyncState>, unknown]>([
  ['waits until the next run', {}, nowMs + 60_000],
  ['waits until the next comparison, if that is sooner', { reconcileAtMs: nowMs + 5 }, nowMs + 5],
  ['begins what is due', { nextAtMs: nowMs }, ['run_new', 'incremental']],
  ['compares all records when that is due', { reconcileAtMs: nowMs }, ['run_new', 'reconcile']],
  ['polls before it compares', { nextAtMs: nowMs, reconcileAtMs: nowMs }, ['run_new', 'incremental']],
  ['does what it was asked for', { wanted: [asked('full')] }, ['asked_full', 'full']],
  [
    'polls before a backfill that was asked for',
    { nextAtMs: nowMs, wanted: [asked('backfill')] },
    ['run_new', 'incremental'],
  ],
  ['takes a backfill when no poll is due', { wanted: [asked('backfill')] }, ['asked_backfill', 'backfill']],
  [
    'uses the run that was asked for as the one that is due',
    { nextAtMs: nowMs, wanted: [asked('incremental')] },
    ['asked_incremental', 'incremental'],
  ],
  ['goes on with a run', { current: aRun('incremental'), nextAtMs: nowMs }, ['run_incremental', 'incremental']],
  ['lets a long run give way to a poll', { current: aRun('backfill'), nextAtMs: nowMs }, ['run_new', 'incremental']],
  ['goes on with a long run after it', { suspended: aRun('backfill') }, ['run_backfill', 'backfill']],
  ['does nothing while it is paused', { isPaused: true, nextAtMs: nowMs, wanted: [asked('full')] }, undefined],
])('a sync %s', (_, change, expected) => {
  expect(chosen(state(change))).toEqual(expected);
});

test('a run that gives way is kept', () => {
  const next = chooseRun(state({ current: aRun('reconcile'), nextAtMs: nowMs }), nowMs, 'run_new');
  expect(next).toMatchObject({ state: { suspended: { id: 'run_reconcile' }, current: { id: 'run_new' } } });
});

test.each<[Partial<SyncState>, string]>([
  [{}, 'idle'],
  [{ current: aRun('incremental') }, 'running'],
  [{ isPaused: true, failures: 9 }, 'paused'],
  [{ stop: { kind: 'rate-limited', reason: '', untilMs: nowMs + 1 } }, 'rate-limited'],
  [{ stop: { kind: 'backing-off', reason: '', untilMs: nowMs + 1 } }, 'backing-off'],
  [{ stop: { kind: 'backing-off', reason: '', untilMs: nowMs - 1 } }, 'idle'],
  [{ stop: { kind: 'auth-failed', reason: '', untilMs: nowMs - 1 } }, 'failing'],
  [{ failures: 5 }, 'failing'],
  [{ reconcileFault: { reason: '', sinceMs: 0 } }, 'failing'],
])('status of %j', (change, expected) => {
  expect(statusOf(state(change), nowMs)).toBe(expected);
});
