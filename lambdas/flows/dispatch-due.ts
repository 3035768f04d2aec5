import { dueShards } from '../contracts/shards.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryStore, DueEntry, DueIndex } from '../ports/delivery-store.ts';
import type { DueEndpoints } from '../ports/endpoint-store.ts';
import type { EventReader } from '../ports/event-store.ts';
import type { DeliveryQueue, DrainQueue } from '../ports/queues.ts';
import { jobOf } from './attempt-delivery.ts';

export interface DispatchPorts {
  readonly deliveries: Pick<DeliveryStore, 'getMany'> & DueIndex;
  readonly endpoints: DueEndpoints;
  readonly events: Pick<EventReader, 'getMany'>;
  readonly deliveryQueue: DeliveryQueue;
  readonly drainQueue: DrainQueue;
  readonly clock: Clock;
}

export interface Dispatched {
  /** Attempts that were put on the delivery queue. */
  readonly attempts: number;
  /** Endpoints whose drain was asked for. */
  readonly endpoints: number;
  /** What went wrong, in whichever shards: the others were dispatched all the same. */
  readonly failures: readonly unknown[];
}

/** What is due before dispatch comes again is given to the queue now, delayed by the rest. */
const lookAheadMs = 60_000;
const pageSize = 100;
/** Time for one run; what is left is the next minute's. */
const runMs = 45_000;

/**
 * Wake what waits for its time: attempts further away than SQS can delay a message, and endpoints that
 * have to be looked at.
 *
 * A crash after the queue took a job leaves its entry, and the job is queued again in a minute: whoever
 * gets the second one finds the attempt made.
 */
export async function dispatchDue(ports: DispatchPorts): Promise<Dispatched> {
  const startedAtMs = ports.clock.nowMs();
  const shards = Array.from({ length: dueShards }, (_, shard) => shard);
  const failures: unknown[] = [];
  // All are waited for: one that fails must not end the function while the others are at work.
  const contain = (dispatching: Promise<number>) =>
    dispatching.catch((error: unknown) => {
      failures.push(error);
      return 0;
    });
  const [attempts, endpoints] = await Promise.all(
    [dispatchAttempts, dispatchEndpoints].map(async (dispatch) => {
      const counts = await Promise.all(shards.map((shard) => contain(dispatch(ports, shard, startedAtMs))));
      return counts.reduce((sum, count) => sum + count, 0);
    }),
  );
  return { attempts: attempts ?? 0, endpoints: endpoints ?? 0, failures };
}

async function dispatchAttempts(ports: DispatchPorts, shard: number, startedAtMs: number): Promise<number> {
  let queued = 0;
  while (ports.clock.nowMs() - startedAtMs < runMs) {
    const entries = await ports.deliveries.listDue(shard, startedAtMs + lookAheadMs, pageSize);
    if (entries.length === 0) break;
    const deliveries = await ports.deliveries.getMany(entries);
    const waiting = deliveries.filter((delivery) =>
      entries.some((entry) => isOf(entry, delivery) && Date.parse(delivery.nextAttemptAt ?? '') === entry.dueAtMs),
    );
    const accounts = new Map((await ports.events.getMany(waiting)).map(({ id, account }) => [id, account]));
    await ports.deliveryQueue.sendAll(
      waiting.map((delivery) => ({
        job: jobOf(delivery),
        group: accounts.get(delivery.event) ?? delivery.tenant,
        delayMs: Math.max(0, Date.parse(delivery.nextAttemptAt ?? '') - ports.clock.nowMs()),
      })),
    );
    await ports.deliveries.removeDue(entries);
    queued += waiting.length;
    if (entries.length < pageSize) break;
  }
  return queued;
}

function isOf(
  entry: DueEntry,
  { subscription, event, waitsIn }: { subscription: string; event: string; waitsIn: unknown },
) {
  return entry.subscription === subscription && entry.event === event && waitsIn === 'due-index';
}

async function dispatchEndpoints(ports: DispatchPorts, shard: number, startedAtMs: number): Promise<number> {
  const due = await ports.endpoints.listDue(shard, startedAtMs, pageSize);
  await Promise.all(
    due.map(({ endpoint, scope }) => ports.drainQueue.send({ kind: 'drain', subscription: endpoint, scope }, 0)),
  );
  return due.length;
}
