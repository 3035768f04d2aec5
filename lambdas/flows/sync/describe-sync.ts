import { createHash } from 'node:crypto';
import type { Definition } from '../../engine/definition/schema.ts';
import { cursorPlace, type StoredCursor } from '../../engine/sync/cursor.ts';
import { jobOfSync, type SyncJob } from '../../engine/sync/sync-job.ts';
import { type SyncState, statusOf } from '../../engine/sync/sync-state.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { SyncRow, SyncStore } from '../../ports/sync/sync-store.ts';
import { toCaller } from '../provider/provider-ports.ts';
import type { SyncOwner } from './change-sync.ts';
import { chooseRead, partsOf } from './choose-read.ts';
import { describeCurrent, describeEnded, describeWanted } from './describe-run.ts';

interface DescribePorts {
  readonly syncs: Pick<SyncStore, 'getCursor'>;
  readonly clock: Clock;
}

/** Parts whose cursors are shown; an account may have thousands of repositories. */
const maxPlaces = 100;

/** What callers see of a sync. Tokens are not shown: who has one may read what changed. */
export async function describeSync(ports: DescribePorts, { account, definition }: SyncOwner, row: SyncRow) {
  const { state } = row;
  const nowMs = ports.clock.nowMs();
  const job = definition === undefined ? state.job : jobOfSync(state, definition, row.sync);
  return {
    id: row.sync,
    declared: state.job === undefined,
    resources: job?.resources.map(({ resource }) => resource) ?? [],
    ...describeTiming(job),
    status: statusOf(state, nowMs),
    reason: reasonOf(state, job),
    next_run_at: isoOf(job === undefined ? undefined : nextRunOf(state)),
    next_reconcile_at: isoOf(job === undefined || state.isPaused ? undefined : state.reconcileAtMs),
    retry_at: isoOf(retryOf(state, nowMs)),
    lag_seconds: state.freshAtMs === undefined ? null : Math.max(0, Math.floor((nowMs - state.freshAtMs) / 1000)),
    failures: state.failures,
    failing_since: isoOf(state.failingSinceMs ?? state.reconcileFault?.sinceMs),
    cursor:
      job === undefined || definition === undefined
        ? null
        : await describeCursors(ports, account, definition, row, job),
    current_run: state.current === undefined ? null : describeCurrent(state.current, job),
    waiting_runs: [
      ...state.wanted.map(describeWanted),
      ...(state.suspended === undefined ? [] : [describeCurrent(state.suspended, job, true)]),
    ],
    last_run: state.lastRun === undefined ? null : describeEnded(state.lastRun),
  };
}

/** What the owner of a sync has set or may set. */
export function describeTiming(job: SyncJob | undefined) {
  const { every, between, cron, time_zone: zone, emit, reconcile, snapshot, max_missing: most, confirm } = job ?? {};
  return {
    every: every ?? null,
    between: between ?? null,
    cron: cron ?? null,
    time_zone: zone ?? null,
    reconcile: reconcile ?? null,
    emit: emit ?? 'records',
    snapshot: snapshot ?? 'events',
    max_missing: most ?? null,
    confirm: confirm ?? null,
  };
}

function reasonOf({ stop, reconcileFault }: SyncState, job: SyncJob | undefined): string | null {
  if (job === undefined) return 'the definition of the integration no longer declares this sync';
  return stop?.reason ?? reconcileFault?.reason ?? null;
}

function nextRunOf({ isPaused, nextAtMs, stop }: SyncState): number | undefined {
  return isPaused ? undefined : Math.max(nextAtMs, stop?.untilMs ?? 0);
}

/** When a run that has stopped goes on. */
function retryOf({ isPaused, stop }: SyncState, nowMs: number): number | undefined {
  return isPaused || stop === undefined || stop.untilMs <= nowMs ? undefined : stop.untilMs;
}

async function describeCursors(
  { syncs }: DescribePorts,
  account: Account,
  definition: Definition,
  { sync, state }: SyncRow,
  job: SyncJob,
) {
  const caller = toCaller(account, definition);
  const parts = job.resources.flatMap((step) => partsOf(caller, step)).slice(0, maxPlaces);
  const found = await Promise.all(
    parts.map(async (part) => {
      const place = cursorPlace(part.name, state.resets);
      const cursor = await syncs.getCursor({ account: account.id, sync, place });
      if (cursor === undefined) return [];
      const read = chooseRead(caller, part, 'incremental', false);
      return [[part.name, describeCursor('fault' in read ? 'none' : read.plan.kind, cursor)] as const];
    }),
  );
  const cursors = found.flat();
  return cursors.length === 0 ? null : Object.fromEntries(cursors);
}

function describeCursor(kind: 'time' | 'id' | 'token' | 'none', { value, readAtMs }: StoredCursor) {
  const isShown = kind === 'time' || kind === 'id';
  return {
    kind,
    value: isShown ? (value ?? null) : null,
    digest: value === undefined || isShown ? null : createHash('sha256').update(value).digest('base64url').slice(0, 12),
    read_at: new Date(readAtMs).toISOString(),
  };
}

function isoOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
