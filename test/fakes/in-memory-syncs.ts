import { shardOf } from '../../lambdas/contracts/shards.ts';
import type { StoredCursor } from '../../lambdas/engine/sync/cursor.ts';
import { noCounts, type SyncRun } from '../../lambdas/engine/sync/sync-state.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { CursorKey, RunRow, SyncKey, SyncRow, SyncStore } from '../../lambdas/ports/sync/sync-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export interface InMemorySyncs extends SyncStore, Dumpable {
  /** Every sync. */
  all(): readonly SyncRow[];
  /** Every cursor, with its sync and place. */
  cursors(): readonly InMemoryCursor[];
  /** Every run, expired ones included. */
  runs(): readonly RunRow[];
  readonly eraser: Eraser;
}

export interface InMemoryCursor extends CursorKey {
  readonly tenant: string;
  readonly cursor: StoredCursor;
}

interface ExpiringRun extends RunRow {
  readonly expiresAtMs: number;
}

/** How long runs are kept. */
const keptMs = 30 * 86_400_000;

const syncOf = ({ account, sync }: SyncKey) => `${account} ${sync}`;
const placeOf = ({ place, ...key }: CursorKey) => `${syncOf(key)} ${place}`;
const runOf = (key: SyncKey, id: string) => `${syncOf(key)} ${id}`;
/** As the store keeps it: JSON. */
const kept = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function aSyncRow(change: Partial<SyncRow> = {}): SyncRow {
  return {
    account: 'acc_acme',
    sync: 'contacts',
    tenant: 'acme',
    integration: 'staff',
    incarnation: '2026-11-01T00:00:00.000Z',
    state: { isPaused: false, wanted: [], nextAtMs: 0, failures: 0 },
    revision: 0,
    ...change,
  };
}

export function aSyncRun(id: string, change: Partial<RunRow> = {}): RunRow {
  const { account, sync, tenant } = aSyncRow();
  const times = { startedAt: '2026-11-21T12:00:00.000Z', endedAt: '2026-11-21T12:00:01.000Z' };
  const run: SyncRun = { ...noCounts, id, mode: 'incremental', ...times, outcome: 'succeeded' };
  return { account, sync, tenant, run, ...change };
}

/** Syncs, their cursors and their runs, in memory. Runs expire by the clock. */
export function createInMemorySyncs(clock: Clock): InMemorySyncs {
  const syncs = new Map<string, SyncRow>();
  const cursors = new Map<string, InMemoryCursor>();
  const runs = new Map<string, ExpiringRun>();
  const isOf =
    (key: SyncKey) =>
    (row: SyncKey): boolean =>
      syncOf(row) === syncOf(key);
  const revisionOf = (key: SyncKey) => syncs.get(syncOf(key))?.revision ?? 0;
  const liveRuns = (key: SyncKey) =>
    [...runs.values()].filter((run) => isOf(key)(run) && run.expiresAtMs > clock.nowMs()).map(withoutExpiry);
  const removeCursors = (key: SyncKey) => {
    for (const [place, row] of cursors) if (isOf(key)(row)) cursors.delete(place);
  };

  const keepRun = ({ account, sync, tenant, run }: RunRow) => {
    const expiresAtMs = Math.ceil(clock.nowMs() / 1000) * 1000 + keptMs;
    runs.set(runOf({ account, sync }, run.id), { account, sync, tenant, run: kept(run), expiresAtMs });
  };
  return {
    dump: () => dumpOf(syncs, cursors, runs),
    all: () => [...syncs.values()],
    cursors: () => [...cursors.values()],
    runs: () => [...runs.values()].map(withoutExpiry),
    get: async (key) => syncs.get(syncOf(key)),
    list: async (account) =>
      [...syncs.values()].filter((row) => row.account === account).sort((a, b) => (a.sync < b.sync ? -1 : 1)),
    async replace(row) {
      if (revisionOf(row) !== row.revision) return undefined;
      if (row.revision === 0) removeCursors(row);
      const next = kept({ ...row, revision: row.revision + 1 });
      syncs.set(syncOf(row), next);
      return next;
    },
    async remove(row) {
      const stored = syncs.get(syncOf(row));
      if (stored !== undefined && stored.revision !== row.revision) return false;
      syncs.delete(syncOf(row));
      removeCursors(row);
      return true;
    },
    listDue: async (shard, untilMs, limit) =>
      [...syncs.values()]
        .filter((row) => row.dueAtMs !== undefined && row.dueAtMs <= untilMs)
        .filter(({ account, sync }) => shardOf(`${account}#${sync}`) === shard)
        .sort((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0))
        .slice(0, limit),

    getCursor: async (key) => cursors.get(placeOf(key))?.cursor,
    async putCursor({ account, sync, place }, cursor, tenant) {
      const row = { account, sync, place, tenant, cursor: kept(cursor) };
      cursors.set(placeOf(row), row);
    },
    removeCursors: async (key) => removeCursors(key),

    putRun: async (row) => keepRun(row),
    async addRun(row) {
      if (!runs.has(runOf(row, row.run.id))) keepRun(row);
    },
    getRun: async (key, id) => liveRuns(key).find(({ run }) => run.id === id),
    listRuns: async (key, limit, after) => pageOf(liveRuns(key), ({ run }) => run.id, limit, after, 'falling'),
    eraser: {
      async find(tenant, after) {
        const of = (rows: ReadonlyMap<string, { readonly tenant: string }>, kind: string) =>
          [...rows].filter(([, row]) => row.tenant === tenant).map(([key]) => ({ kind, key }));
        const own = [...of(syncs, 'syncs'), ...of(cursors, 'sync_cursors'), ...of(runs, 'sync_runs')];
        return pageOf(own, ({ kind, key }) => `${kind} ${key}`, 2, after);
      },
      async remove(_, items) {
        for (const { kind, key } of items) ({ syncs, sync_cursors: cursors, sync_runs: runs })[kind]?.delete(key);
      },
    },
  };
}

function withoutExpiry({ account, sync, tenant, run }: ExpiringRun): RunRow {
  return { account, sync, tenant, run };
}
