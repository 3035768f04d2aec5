import { jobOfSync } from '../../engine/sync/sync-job.ts';
import type { SyncRow, SyncStore } from '../../ports/sync/sync-store.ts';
import type { SyncOwner } from './change-sync.ts';
import { describeCurrent, describeEnded, describeWanted } from './describe-run.ts';

interface RunPorts {
  readonly syncs: Pick<SyncStore, 'getRun' | 'listRuns'>;
}

/** A page of the runs of a sync that have ended, the latest first. */
export async function listRuns({ syncs }: RunPorts, row: SyncRow, limit: number, after: string | undefined) {
  const { items, next } = await syncs.listRuns(row, limit, after);
  return { items: items.filter(isOwn(row)).map(({ run }) => describeEnded(run)), next };
}

/** One run of a sync: one that waits, one that goes on, or one that has ended. */
export async function findRun({ syncs }: RunPorts, { definition }: SyncOwner, row: SyncRow, id: string) {
  const { current, suspended, wanted } = row.state;
  const job = jobOfSync(row.state, definition ?? {}, row.sync);
  if (current?.id === id) return describeCurrent(current, job);
  if (suspended?.id === id) return describeCurrent(suspended, job, true);
  const ended = await syncs.getRun(row, id);
  if (ended !== undefined && isOwn(row)(ended)) return describeEnded(ended.run);
  const waiting = wanted.find((one) => one.id === id);
  return waiting === undefined ? undefined : describeWanted(waiting);
}

/** The runs of a former account with the same id may be another tenant's. */
function isOwn({ tenant }: SyncRow): (run: { readonly tenant: string }) => boolean {
  return (run) => run.tenant === tenant;
}
