import { dueShards } from '../../contracts/shards.ts';
import { jobOf } from '../../engine/delivery/record-attempt.ts';
import type { DeliveryStore, DueEntry, DueIndex } from '../../ports/delivery/delivery-store.ts';
import type { DueEndpoint, DueEndpoints } from '../../ports/delivery/endpoint-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { DeliveryQueue, DrainQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

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
  /** What went wrong, in whichever shards, or with single endpoints: the others were dispatched all the same. */
  readonly failures: readonly unknown[];
}

/** What is due before dispatch comes again is given to the queue now, delayed by the rest. */
const lookAheadMs = 60_000;
const pageSize = 100;
/**
 * Time for one run; what is left is the next minute's, the earliest first. Bounds what one run hands out, some ten
 * thousands in all.
 */
const runMs = 45_000;
/** Endpoints of a shard that are handed out at the same time: the shards are worked on beside each other. */
const endpointsAtATime = 10;
/**
 * How long the drain of an endpoint that was handed out has to begin, before it is asked for again. A message that its
 * function drops comes again by itself, so this is for one that is lost, or that waits behind many others.
 */
const drainSlackMs = 180_000;

/**
 * Wake what waits for its time: attempts further away than SQS can delay a message, and endpoints that
 * have to be looked at.
 *
 * A crash after the queue took a job leaves its entry, and the job is queued again in a minute: the run
 * that gets the second job finds the attempt made.
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
  const sumOf = async (counts: readonly Promise<number>[]) =>
    (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  const [attempts, endpoints] = await Promise.all([
    sumOf(shards.map((shard) => contain(dispatchAttempts(ports, shard, startedAtMs)))),
    sumOf(shards.map((shard) => contain(dispatchEndpoints(ports, shard, startedAtMs, failures)))),
  ]);
  return { attempts, endpoints, failures };
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

/**
 * Ask for the drains of endpoints that are due, each once: its due time is moved on until its drain has had time to
 * begin. That is only a mark in the index, and holds until the endpoint's state says again when it is due.
 *
 * ```
 *   dispatch   reads due D --- sends the message --- D -> now + slack, if it is still D
 *   drain                            takes it: D -> its own time, or out of the index
 * ```
 *
 * The message comes first: a run that dies between the two asks once too often, and never too seldom. Whatever else sets
 * a due time, or removes it, before the mark is made has changed D, so that the mark is not made; whatever does so
 * afterwards overwrites it.
 *
 * @param failures - Takes what goes wrong with single endpoints, one for each page.
 */
async function dispatchEndpoints(
  ports: DispatchPorts,
  shard: number,
  startedAtMs: number,
  failures: unknown[],
): Promise<number> {
  const { endpoints, drainQueue, clock } = ports;
  const isOver = () => clock.nowMs() - startedAtMs >= runMs;
  let requested = 0;
  let page: readonly DueEndpoint[] = [];
  do {
    const before = requested;
    page = await endpoints.listDue(shard, startedAtMs, pageSize, page.at(-1));
    // One that fails is the next minute's; ten of a page are a sign to leave the rest of it to the next minute, too.
    await forEachAtMost(endpointsAtATime, page, async (due) => {
      if (isOver()) return;
      await drainQueue.send({ kind: 'drain', subscription: due.endpoint, scope: due.scope }, 0);
      requested += 1;
      await endpoints.postpone(due, clock.nowMs() + drainSlackMs);
    }).catch((error: unknown) => failures.push(error));
    // A queue that takes nothing is not asked page after page.
    if (requested === before) break;
  } while (page.length === pageSize && !isOver());
  return requested;
}
