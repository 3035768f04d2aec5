import { shardOf } from '../../lambdas/contracts/shards.ts';
import type {
  Fetch,
  FetchQueueKey,
  FetchRun,
  FetchStore,
  WaitingFetch,
} from '../../lambdas/ports/provider/fetch-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';

export interface InMemoryFetches extends FetchStore {
  /** Every fetch that waits. */
  all(): readonly WaitingFetch[];
}

/** Fetches in memory. */
export function createInMemoryFetches(clock: Clock): InMemoryFetches {
  const fetches = new Map<string, WaitingFetch>();
  const runs = new Map<string, FetchRun>();
  const queueOf = ({ account, resource }: FetchQueueKey) => `${account}#${resource}`;
  const idOf = (fetch: Fetch) => JSON.stringify([queueOf(fetch), fetch.recordId, fetch.fact]);
  const ofQueue = (key: FetchQueueKey) => [...fetches.values()].filter((one) => queueOf(one) === queueOf(key));
  const isSame = (one: WaitingFetch) => fetches.get(idOf(one))?.count === one.count;
  return {
    all: () => [...fetches.values()],
    async add(added) {
      for (const fetch of added) {
        const before = fetches.get(idOf(fetch));
        fetches.set(idOf(fetch), {
          ...fetch,
          count: (before?.count ?? 0) + 1,
          firstAtMs: before?.firstAtMs ?? clock.nowMs(),
          attempts: 0,
          dueAtMs: 0,
        });
      }
    },
    async ask(key) {
      const before = runs.get(queueOf(key)) ?? { ...key, asked: 0, revision: 0 };
      const run = { ...before, asked: before.asked + 1, revision: before.revision + 1 };
      runs.set(queueOf(key), run);
      return run;
    },
    listDue: async (key, nowMs, limit) =>
      ofQueue(key)
        .filter(({ dueAtMs }) => dueAtMs <= nowMs)
        .slice(0, limit),
    async nextDueMs(key) {
      const times = ofQueue(key).map(({ dueAtMs }) => dueAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    async finish(done) {
      for (const fetch of done) if (isSame(fetch)) fetches.delete(idOf(fetch));
    },
    async postpone(left, dueAtMs) {
      for (const fetch of left)
        if (isSame(fetch)) fetches.set(idOf(fetch), { ...fetch, dueAtMs, attempts: fetch.attempts + 1 });
    },
    getRun: async (key) => runs.get(queueOf(key)),
    async replaceRun(run) {
      if ((runs.get(queueOf(run))?.revision ?? 0) !== run.revision) return undefined;
      const next = { ...run, revision: run.revision + 1 };
      runs.set(queueOf(run), next);
      return next;
    },
    listDueRuns: async (shard, untilMs, limit) =>
      [...runs.values()]
        .filter((run) => run.dueAtMs !== undefined && run.dueAtMs <= untilMs && shardOf(queueOf(run)) === shard)
        .sort((a, b) => (a.dueAtMs ?? 0) - (b.dueAtMs ?? 0))
        .slice(0, limit),
  };
}
