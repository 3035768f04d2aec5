import { faultsOfTiming } from '../../engine/definition/check-syncs.ts';
import type { MeaningFault } from '../../engine/definition/meaning-fault.ts';
import type { Definition } from '../../engine/definition/schema.ts';
import { changeTiming, type TimingChange, usualTiming } from '../../engine/sync/change-timing.ts';
import { ended } from '../../engine/sync/end-run.ts';
import { intervalOf, nextReconcileMs, nextRunMs } from '../../engine/sync/schedule.ts';
import { declaredJob, jobOfSync, type SyncJob } from '../../engine/sync/sync-job.ts';
import { noCounts, type SyncRun, type SyncState } from '../../engine/sync/sync-state.ts';
import type { SyncRow } from '../../ports/sync/sync-store.ts';
import {
  changeSync,
  type ManageSyncPorts,
  removeRow,
  type SyncChange,
  type SyncOwner,
  startIfDue,
  withoutOwnStop,
  withState,
} from './change-sync.ts';
import { faultsOfJob } from './create-sync.ts';

export type SyncUpdate =
  | { readonly kind: 'changed'; readonly row: SyncRow }
  | { readonly kind: 'faults'; readonly faults: readonly MeaningFault[] }
  /** The definition no longer has the sync. */
  | { readonly kind: 'undeclared' };

/**
 * Change when a sync runs. What a caller sets for a declared sync stands in the place of what the definition says, and
 * goes on to do so when a newer definition says something else.
 *
 * @returns Undefined where the sync is gone, here and below.
 */
export async function updateSync(
  ports: ManageSyncPorts,
  { definition }: SyncOwner,
  row: SyncRow,
  change: TimingChange,
): Promise<SyncUpdate | undefined> {
  const updated = await changeSync(ports, row, (stored): SyncChange<SettingsOutcome> => {
    const before = definition === undefined ? undefined : jobOfSync(stored.state, definition, stored.sync);
    if (definition === undefined || before === undefined) return { outcome: { kind: 'undeclared' } };
    const state = withTimingChange(stored.state, change);
    const job = jobOfSync(state, definition, stored.sync) ?? before;
    const faults = faultsOfChange(definition, stored.state, job, change);
    if (faults.length > 0) return { outcome: { kind: 'faults', faults } };
    const nowMs = ports.clock.nowMs();
    const row = withState(stored, rescheduled(stored, state, before, job, nowMs), nowMs);
    return { row, outcome: { kind: 'changed' } };
  });
  if (updated === undefined) return undefined;
  return updated.outcome.kind === 'changed' ? { kind: 'changed', row: updated.row } : updated.outcome;
}

type SettingsOutcome = Exclude<SyncUpdate, { kind: 'changed' }> | { readonly kind: 'changed' };

function withTimingChange(state: SyncState, change: TimingChange): SyncState {
  const { job, timing: former, ...rest } = state;
  if (job !== undefined) {
    const { resources, ...own } = job;
    return { ...rest, job: { ...usualTiming, ...changeTiming(own, change), resources } };
  }
  const timing = changeTiming(former ?? {}, change);
  return Object.keys(timing).length === 0 ? rest : { ...rest, timing };
}

function faultsOfChange(
  definition: Definition,
  { job: posted }: SyncState,
  job: SyncJob,
  change: TimingChange,
): readonly MeaningFault[] {
  if (posted === undefined && change.emit !== undefined)
    return [
      {
        path: ['emit'],
        message: 'got `emit` for a sync that the integration declares, expected none: post a sync of your own',
      },
    ];
  // A reconciliation calls listings that other runs may not call.
  return change.reconcile === undefined ? faultsOfTiming(definition, job, job.resources) : faultsOfJob(definition, job);
}

/** The state with the times of its new schedule. A run that is due stays so, and a first run still comes. */
function rescheduled(
  { account, sync }: SyncRow,
  state: SyncState,
  before: SyncJob,
  job: SyncJob,
  nowMs: number,
): SyncState {
  const key = `${account}#${sync}`;
  const isSame = (...names: readonly (keyof SyncJob)[]) =>
    names.every((name) => JSON.stringify(before[name]) === JSON.stringify(job[name]));
  const { intervalMs, reconcileAtMs, ...rest } = state;
  const isRescheduled = !isSame('every', 'between', 'cron', 'time_zone');
  const reconcile =
    isSame('reconcile', 'time_zone') || state.lastRun === undefined ? reconcileAtMs : nextReconcileMs(job, key, nowMs);
  return {
    ...rest,
    ...(isRescheduled || intervalMs === undefined ? {} : { intervalMs }),
    ...(reconcile === undefined ? {} : { reconcileAtMs: reconcile }),
    nextAtMs: isRescheduled && state.nextAtMs > nowMs ? nextRunMs(job, key, intervalOf(job), nowMs) : state.nextAtMs,
  };
}

/** Begin no run until the sync is resumed. A run that is under way stops at its next page, and goes on then. */
export async function pauseSync(ports: ManageSyncPorts, row: SyncRow): Promise<SyncRow | undefined> {
  const paused = await changeSync(ports, row, (stored) => ({
    row: stored.state.isPaused
      ? undefined
      : withState(stored, { ...stored.state, isPaused: true }, ports.clock.nowMs()),
    outcome: undefined,
  }));
  return paused?.row;
}

/** Go on with a paused sync, at once. */
export async function resumeSync(ports: ManageSyncPorts, row: SyncRow): Promise<SyncRow | undefined> {
  const resumed = await changeSync(ports, row, (stored) => {
    if (!stored.state.isPaused) return { outcome: undefined };
    const nowMs = ports.clock.nowMs();
    const state = {
      ...withoutOwnStop(stored.state),
      isPaused: false,
      nextAtMs: Math.min(nowMs, stored.state.nextAtMs),
    };
    return { row: withState(stored, state, nowMs), outcome: undefined };
  });
  if (resumed !== undefined) await startIfDue(ports, resumed.row);
  return resumed?.row;
}

/**
 * Forget where a sync is: its next run reads everything again, and publishes what differs from what is known of the
 * records. Runs that are under way or wait end as cancelled; the function that works on one notices at its next write.
 */
export async function resetSync(ports: ManageSyncPorts, row: SyncRow): Promise<SyncRow | undefined> {
  const { account, sync, tenant } = row;
  const cancelAll = (stored: SyncRow): SyncChange<readonly SyncRun[]> => {
    const nowMs = ports.clock.nowMs();
    const { current, suspended, wanted, stop: _, freshAtMs: __, reconcileFault: ___, ...state } = stored.state;
    const cancel = (run: Parameters<typeof ended>[0]) => ended(run, 'cancelled', nowMs, 'the sync was reset');
    const cancelled = [current, suspended].filter((run) => run !== undefined).map(cancel);
    // A function that has just taken one of them has not written that yet.
    const waiting = wanted.map((run) => cancel({ ...run, startedAtMs: nowMs, counts: noCounts }));
    const next: SyncState = {
      ...state,
      resets: (state.resets ?? 0) + 1,
      wanted: [],
      nextAtMs: nowMs,
      ...(cancelled[0] === undefined ? {} : { lastRun: cancelled[0] }),
    };
    const { lease: ____, ...unleased } = stored;
    return { row: withState(unleased, next, nowMs), outcome: [...cancelled, ...waiting] };
  };
  // The ends go first: once the state has forgotten its runs, a caller that repeats the reset cannot end them any more.
  // A run that goes on, because the state was not written, replaces its end.
  const reset = await changeSync(ports, row, cancelAll, async (ends) => {
    for (const run of ends) await ports.syncs.addRun({ account, sync, tenant, run });
  });
  if (reset === undefined) return undefined;
  // Cursors of before count for nothing already: their names have the number of the reset.
  await ports.syncs.removeCursors({ account, sync });
  await startIfDue(ports, reset.row);
  return reset.row;
}

export type SyncRemoval =
  | { readonly kind: 'removed' }
  /** It would come again at once. */
  | { readonly kind: 'declared' };

/** Remove a sync that a caller has posted, or that the definition no longer declares. Its runs stay until they expire. */
export async function removeSync(
  ports: ManageSyncPorts,
  { account, definition }: SyncOwner,
  row: SyncRow,
): Promise<SyncRemoval> {
  const isWanted = account.credentialKind !== undefined && account.syncs !== 'off';
  const isDeclared = row.state.job === undefined && declaredJob(definition ?? {}, row.sync) !== undefined;
  if (isDeclared && isWanted) return { kind: 'declared' };
  await removeRow(ports, row, () => true);
  return { kind: 'removed' };
}
