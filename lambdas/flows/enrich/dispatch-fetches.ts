import { dueShards } from '../../contracts/shards.ts';
import type { EnrichQueue } from '../../ports/events/queues.ts';
import type { FetchStore } from '../../ports/provider/fetch-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { messageLifeMs } from './ask-for-fetch.ts';

export interface DispatchFetchesPorts {
  readonly fetches: Pick<FetchStore, 'listDueRuns' | 'replaceRun'>;
  readonly enrichQueue: EnrichQueue;
  readonly clock: Clock;
}

/** Queues of one shard in one run; the next minute's run continues. */
const maxRuns = 200;
/** How long a run may take to start before dispatch asks for another. */
const startMs = 2 * messageLifeMs;

/**
 * Start the runs of queues whose time has come: those that wait longer than SQS can delay a message, and those whose
 * message or run was lost.
 *
 * @returns How many were started, and the errors of shards; the others were looked at all the same.
 */
export async function dispatchFetches({
  fetches,
  enrichQueue,
  clock,
}: DispatchFetchesPorts): Promise<{ readonly started: number; readonly failures: readonly unknown[] }> {
  const failures: unknown[] = [];
  const counts = await Promise.all(
    Array.from({ length: dueShards }, async (_, shard) => {
      let started = 0;
      try {
        const nowMs = clock.nowMs();
        for (const run of await fetches.listDueRuns(shard, nowMs, maxRuns)) {
          await enrichQueue.send({ kind: 'enrich', account: run.account, resource: run.resource }, 0);
          started += 1;
          // A run that began meanwhile has set its own time.
          await fetches.replaceRun({ ...run, dueAtMs: nowMs + startMs });
        }
      } catch (error) {
        failures.push(error);
      }
      return started;
    }),
  );
  return { started: counts.reduce((sum, count) => sum + count, 0), failures };
}
