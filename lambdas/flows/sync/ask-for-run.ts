import { jobOfSync } from '../../engine/sync/sync-job.ts';
import type { RunMode, WantedRun } from '../../engine/sync/sync-state.ts';
import type { SyncRow } from '../../ports/sync/sync-store.ts';
import {
  changeSync,
  listSyncs,
  type ManageSyncPorts,
  type SyncChange,
  type SyncOwner,
  startIfDue,
  withoutOwnStop,
  withState,
} from './change-sync.ts';
import { newRunId } from './new-run-id.ts';

/** What a caller wants to be run. */
export interface RunRequest {
  readonly mode: RunMode;
  /** ISO 8601; of a backfill. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Only this resource, and what depends on it. */
  readonly resource?: string | undefined;
}

export type AskedRun =
  /** Its id; that of a run of the same kind that waits already. */
  | { readonly kind: 'waiting'; readonly run: string }
  | { readonly kind: 'paused' }
  | { readonly kind: 'too-many'; readonly most: number }
  | { readonly kind: 'undeclared' }
  | { readonly kind: 'no-resource'; readonly resources: readonly string[] };

/** Runs that wait for one sync. */
const maxWanted = 10;

/** Have a sync run at once, besides its schedule. @returns Undefined where the sync is gone. */
export async function askForRun(
  ports: ManageSyncPorts,
  { definition }: SyncOwner,
  row: SyncRow,
  request: RunRequest,
): Promise<AskedRun | undefined> {
  const job = jobOfSync(row.state, definition ?? {}, row.sync);
  if (job === undefined || definition === undefined) return { kind: 'undeclared' };
  const resources = job.resources.map(({ resource }) => resource);
  if (request.resource !== undefined && !resources.includes(request.resource))
    return { kind: 'no-resource', resources };
  const wanted: WantedRun = { id: newRunId(ports), ...request };
  const asked = await changeSync(ports, row, (stored): SyncChange<AskedRun> => {
    const { state } = stored;
    if (state.isPaused) return { outcome: { kind: 'paused' } };
    const same = state.wanted.find((one) => isSame(one, wanted));
    if (same === undefined && state.wanted.length >= maxWanted)
      return { outcome: { kind: 'too-many', most: maxWanted } };
    const nowMs = ports.clock.nowMs();
    const next = { ...withoutOwnStop(state), wanted: same === undefined ? [...state.wanted, wanted] : state.wanted };
    return { row: withState(stored, next, nowMs), outcome: { kind: 'waiting', run: (same ?? wanted).id } };
  });
  if (asked?.outcome.kind === 'waiting') await startIfDue(ports, asked.row);
  return asked?.outcome;
}

function isSame(one: WantedRun, other: WantedRun): boolean {
  return (['mode', 'since', 'until', 'resource'] as const).every((name) => one[name] === other[name]);
}

export interface AccountRuns {
  /** All that syncs of the account read. */
  readonly resources: readonly string[];
  readonly runs: readonly { readonly sync: string; readonly run: string }[];
  readonly skipped: readonly { readonly sync: string; readonly reason: 'paused' | 'too-many' }[];
}

/** Have all syncs of an account run that read a resource, or all of them. */
export async function askForRuns(ports: ManageSyncPorts, owner: SyncOwner, request: RunRequest): Promise<AccountRuns> {
  const rows = await listSyncs(ports, owner);
  const asked = await Promise.all(
    rows.map(async (row) => ({ sync: row.sync, outcome: await askForRun(ports, owner, row, request) })),
  );
  const runs: { sync: string; run: string }[] = [];
  const skipped: { sync: string; reason: 'paused' | 'too-many' }[] = [];
  for (const { sync, outcome } of asked)
    if (outcome?.kind === 'waiting') runs.push({ sync, run: outcome.run });
    else if (outcome?.kind === 'paused' || outcome?.kind === 'too-many') skipped.push({ sync, reason: outcome.kind });
  const resources = rows.flatMap(
    ({ state, sync }) =>
      jobOfSync(state, owner.definition ?? {}, sync)?.resources.map(({ resource }) => resource) ?? [],
  );
  return { resources: [...new Set(resources)].sort(), runs, skipped };
}
