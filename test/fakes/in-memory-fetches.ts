import { shardOf } from '../../lambdas/contracts/shards.ts';
import type {
  Fetch,
  FetchPlace,
  FetchQueueKey,
  FetchRun,
  FetchStore,
  WaitingFetch,
} from '../../lambdas/ports/provider/fetch-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

export interface InMemoryFetches extends FetchStore, Dumpable {
  /** Every fetch that waits. */
  all(): readonly WaitingFetch[];
  readonly eraser: Eraser;
}

interface Expiring<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

/** Fetches and runs that nothing is added to expire then. */
const keptMs = 30 * 86_400_000;

const queueOf = ({ account, resource }: FetchQueueKey) => `${account}#${resource}`;
const idOf = (fetch: FetchQueueKey & FetchPlace) => JSON.stringify([queueOf(fetch), fetch.recordId, fetch.fact]);

export function aFetch(change: Partial<Fetch> = {}): Fetch {
  return {
    account: 'acc_acme',
    resource: 'crm/contacts',
    tenant: 'acme',
    incarnation: '2026-11-01T00:00:00.000Z',
    integration: 'staff',
    recordId: '1',
    address: { id: '1' },
    change: 'updated',
    rawEventType: 'contact.changed',
    receivedAt: '2026-11-21T12:00:00.000Z',
    partialData: '{"id":"1"}',
    ...change,
  };
}

/** Fetches in memory. Rows expire by the clock. */
export function createInMemoryFetches(clock: Clock): InMemoryFetches {
  const fetches = new Map<string, Expiring<WaitingFetch>>();
  const runs = new Map<string, Expiring<FetchRun>>();

  function find<T>(rows: ReadonlyMap<string, Expiring<T>>, key: string): T | undefined {
    const row = rows.get(key);
    return row !== undefined && row.expiresAtMs > clock.nowMs() ? row.value : undefined;
  }
  const liveOf = <T>(rows: ReadonlyMap<string, Expiring<T>>): readonly T[] =>
    [...rows.keys()].flatMap((key) => find(rows, key) ?? []);
  const expiring = <T>(value: T): Expiring<T> => ({
    value: structuredClone(value),
    expiresAtMs: Math.ceil(clock.nowMs() / 1000) * 1000 + keptMs,
  });
  const ofQueue = (key: FetchQueueKey) => liveOf(fetches).filter((one) => queueOf(one) === queueOf(key));
  const isAsRead = (read: WaitingFetch) => {
    const stored = fetches.get(idOf(read))?.value;
    return stored?.count === read.count && stored.firstAtMs === read.firstAtMs;
  };

  return {
    dump: () => dumpOf(fetches, runs),
    all: () => liveOf(fetches),
    async add(added) {
      for (const fetch of added) {
        const before = find(fetches, idOf(fetch));
        const [count, firstAtMs] = [(before?.count ?? 0) + 1, before?.firstAtMs ?? clock.nowMs()];
        fetches.set(idOf(fetch), expiring({ ...fetch, count, firstAtMs, attempts: 0, dueAtMs: 0 }));
      }
    },
    async ask({ account, resource }) {
      const key = queueOf({ account, resource });
      const before = find(runs, key) ?? { account, resource, asked: 0, revision: 0 };
      const run = { ...before, asked: before.asked + 1, revision: before.revision + 1 };
      runs.set(key, expiring(run));
      return run;
    },
    listDue: async (key, nowMs, limit, after) => {
      const behind = after === undefined ? '' : idOf({ ...key, ...after });
      return ofQueue(key)
        .filter((fetch) => fetch.dueAtMs <= nowMs && idOf(fetch) > behind)
        .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
        .slice(0, limit);
    },
    async nextDueMs(key) {
      const times = ofQueue(key).map(({ dueAtMs }) => dueAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    async finish(done) {
      for (const fetch of done) {
        const row = fetches.get(idOf(fetch));
        if (isAsRead(fetch)) fetches.delete(idOf(fetch));
        else if (row?.value.firstAtMs === fetch.firstAtMs && row.value.count > fetch.count)
          fetches.set(idOf(fetch), {
            ...row,
            value: {
              ...row.value,
              count: row.value.count - fetch.count,
              firstAtMs: Math.max(clock.nowMs(), fetch.firstAtMs + 1),
            },
          });
      }
    },
    async postpone(left, dueAtMs) {
      for (const fetch of left) {
        const row = fetches.get(idOf(fetch));
        if (row === undefined || !isAsRead(fetch)) continue;
        const value = { ...row.value, dueAtMs, attempts: row.value.attempts + 1 };
        fetches.set(idOf(fetch), { ...row, value });
      }
    },
    getRun: async (key) => find(runs, queueOf(key)),
    async replaceRun(run) {
      if ((find(runs, queueOf(run))?.revision ?? 0) !== run.revision) return undefined;
      const next = { ...run, revision: run.revision + 1 };
      runs.set(queueOf(run), expiring(next));
      return next;
    },
    listDueRuns: async (shard, untilMs, limit) =>
      liveOf(runs)
        .filter((run) => run.dueAtMs !== undefined && run.dueAtMs <= untilMs && shardOf(queueOf(run)) === shard)
        .sort((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0))
        .slice(0, limit),
    eraser: {
      async find(tenant, after) {
        const own = [...fetches].filter(([, { value }]) => value.tenant === tenant);
        const page = pageOf(own, ([key]) => key, 2, after);
        return { items: page.items.map(([key]) => ({ kind: 'fetches', key })), next: page.next };
      },
      async remove(_, items) {
        for (const { key } of items) fetches.delete(key);
      },
    },
  };
}
