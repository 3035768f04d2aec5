import { shardOf } from '../../../../lambdas/contracts/shards.ts';
import type { RecordState } from '../../../../lambdas/engine/records/record-state.ts';
import type { StoredCursor } from '../../../../lambdas/engine/sync/cursor.ts';
import type { ClaimStore } from '../../../../lambdas/ports/events/claim-store.ts';
import type { EventClaim, EventReader, EventRow, EventWriter } from '../../../../lambdas/ports/events/event-store.ts';
import type { RecordDirectory, RecordKey, RecordStates } from '../../../../lambdas/ports/events/record-states.ts';
import type { RunRow, SyncKey, SyncRow, SyncStore } from '../../../../lambdas/ports/sync/sync-store.ts';

/*
 * What a history writes, in memory. One caller uses it, so no two writers meet, and a history is over before anything
 * expires.
 */

/** Syncs with their cursors and runs. */
export function createSyncs(): SyncStore {
  const rows = new Map<string, SyncRow>();
  const cursors = new Map<string, StoredCursor>();
  const runs: RunRow[] = [];
  const all = () => [...rows.values()];
  return {
    get: async ({ sync }) => rows.get(sync),
    list: async () => all(),
    async replace(row) {
      const next = { ...row, revision: row.revision + 1 };
      rows.set(row.sync, next);
      return next;
    },
    remove: async ({ sync }) => rows.delete(sync) || true,
    listDue: async (shard, untilMs, limit) =>
      all()
        .filter((row) => shardOf(`${row.account}#${row.sync}`) === shard && isDue(row, untilMs))
        .slice(0, limit),
    getCursor: async (key) => cursors.get(nameOf(key, key.place)),
    putCursor: async (key, cursor) => void cursors.set(nameOf(key, key.place), cursor),
    removeCursors: async () => cursors.clear(),
    putRun: async (run) => void runs.push(run),
    async addRun(one) {
      if (!runs.some(({ run }) => run.id === one.run.id)) runs.push(one);
    },
    getRun: async (_, id) => runs.findLast(({ run }) => run.id === id),
    listRuns: async (_, limit) => ({ items: runs.toReversed().slice(0, limit), next: undefined }),
  };
}

const nameOf = ({ sync }: SyncKey, place: string) => `${sync} ${place}`;
const isDue = ({ dueAtMs = Number.POSITIVE_INFINITY }: SyncRow, untilMs: number) => dueAtMs <= untilMs;

/** The states of records. */
export function createRecords(): RecordStates & RecordDirectory {
  const states = new Map<string, { readonly key: RecordKey; readonly state: RecordState }>();
  const nameOfRecord = ({ resource, recordId }: RecordKey) => `${resource} ${recordId}`;
  return {
    getMany: async (keys) =>
      keys.map((key) => {
        const state = states.get(nameOfRecord(key))?.state;
        return { state, lastN: state?.n ?? 0 };
      }),
    async write(key, { lastN }, state) {
      if ((states.get(nameOfRecord(key))?.state.n ?? 0) !== lastN) return false;
      states.set(nameOfRecord(key), { key, state });
      return true;
    },
    async list(_, limit, after = '', resource) {
      const behind = [...states]
        .filter(([name, { key }]) => name > after && (resource ?? key.resource) === key.resource)
        .sort(([one], [other]) => (one < other ? -1 : 1));
      const items = behind
        .slice(0, limit)
        .map(([next, { key, state }]) => ({ resource: key.resource, recordId: key.recordId, state, next }));
      return { items, next: behind.length > limit ? items.at(-1)?.next : undefined };
    },
  };
}

export interface PublishedEvents extends EventWriter, Pick<EventReader, 'getMany'> {
  /** Every event, in the order of the feed. */
  all(): readonly EventRow[];
}

/** The events that are published. */
export function createEvents(): PublishedEvents {
  const claims = new Map<string, EventClaim>();
  const rows = new Map<number, EventRow>();
  let last = 0;
  return {
    all: () => [...rows.values()].sort((one, other) => one.sequence - other.sequence),
    async takeSequences(_, count) {
      last += count;
      return last - count + 1;
    },
    async claim(claim) {
      const first = claims.get(claim.id) ?? claim;
      claims.set(claim.id, first);
      return first;
    },
    findClaim: async (id) => claims.get(id),
    async moveClaim(from, to) {
      const isOwn = claims.get(from.id)?.owner === from.owner;
      if (isOwn) claims.set(to.id, to);
      return isOwn;
    },
    // Pointers come with the rows.
    point: async () => new Set(),
    async writeRows(written, _, pointers = []) {
      for (const pointer of pointers) claims.set(pointer.id, pointer);
      for (const row of written) if (!('sealed' in row)) rows.set(row.sequence, row);
    },
    getMany: async (keys) => keys.flatMap(({ sequence }) => rows.get(sequence) ?? []),
  };
}

/** Pages of runs. */
export function createPages(): ClaimStore {
  const pages = new Map<string, Buffer>();
  return {
    put: async (key, content) => void pages.set(key, Buffer.from(content)),
    async get(key) {
      const page = pages.get(key);
      if (page === undefined) throw new TypeError('a page is read that was not written');
      return page;
    },
  };
}
