import type { PollMessage } from '../../contracts/messages.ts';
import { dueShards } from '../../contracts/shards.ts';
import type { PollQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { SyncKey, SyncRow, SyncStore } from '../../ports/sync/sync-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

export interface DispatchSyncsPorts {
  readonly syncs: Pick<SyncStore, 'listDue' | 'replace'>;
  readonly pollQueue: Pick<PollQueue, 'sendAll'>;
  readonly clock: Clock;
}

/*
 * Requests for N due syncs, which their ids spread over 16 shards:
 *
 *    16                 queries of the index
 *    N / 100            reads of the rows
 *    N / 10             sends of messages
 *    N                  marks, 25 at a time in each shard
 *
 * 10,000 syncs are 625 in a shard, give or take 24: 25 rounds of marks, of some 10 ms each. All of them fit into one
 * run, because three standard deviations more are less than 700. A mark takes 0.2 ms of CPU without the network: 2 s for
 * all, which are 7 s with the part of a core that dispatch has.
 */

/** Syncs of one shard in one run; the next minute's run continues. */
const maxSyncs = 700;
/** Syncs whose messages are sent, and which are then marked, together. */
const syncsTogether = 100;
/** Marks of one shard at the same time. */
const writesAtATime = 25;
/** How long a message may take to start a run; dispatch sends another after that. */
const startMs = 600_000;

/**
 * Start the runs of syncs whose time has come: by schedule, after a pause that is longer than SQS can delay a message,
 * and those whose message or run was lost.
 *
 * The message goes first: a run that dies between the two sends another message in the next minute, and a sync that is
 * at work takes no second one.
 *
 * @returns How many were started, and the errors of shards; the others were looked at all the same.
 */
export async function dispatchSyncs(
  ports: DispatchSyncsPorts,
): Promise<{ readonly started: number; readonly failures: readonly unknown[] }> {
  const failures: unknown[] = [];
  let started = 0;
  await Promise.all(
    Array.from({ length: dueShards }, async (_, shard) => {
      try {
        const nowMs = ports.clock.nowMs();
        const due = await ports.syncs.listDue(shard, nowMs, maxSyncs);
        for (let at = 0; at < due.length; at += syncsTogether) {
          const some = due.slice(at, at + syncsTogether);
          await ports.pollQueue.sendAll(some.map(toMessage));
          started += some.length;
          await mark(ports, some, nowMs + startMs);
        }
      } catch (error) {
        failures.push(error);
      }
    }),
  );
  return { started, failures };
}

function toMessage({ account, sync }: SyncKey): PollMessage {
  return { kind: 'poll', account, sync };
}

/** Dispatch looks at these syncs again then. A run that began meanwhile has set its own time. */
async function mark({ syncs }: DispatchSyncsPorts, due: readonly SyncRow[], dueAtMs: number): Promise<void> {
  await forEachAtMost(writesAtATime, due, async (row) => {
    await syncs.replace({ ...row, dueAtMs });
  });
}
