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
  /** Attempts put on the delivery queue. */
  readonly attempts: number;
  /** Endpoints for which a drain message was sent. */
  readonly endpoints: number;
  /** Errors of shards or of single endpoints; the others were dispatched all the same. */
  readonly failures: readonly unknown[];
}

/** Attempts due before the next dispatch are queued now, with the remaining time as delay. */
const lookAheadMs = 60_000;
const pageSize = 100;
/**
 * Time for one run; the next minute's run continues with the rest, the earliest first. Limits one run to some ten
 * thousand messages.
 */
const runMs = 45_000;
/** Endpoints of one shard dispatched concurrently; all shards run in parallel. */
const endpointsAtATime = 10;
/**
 * How long the drain of a dispatched endpoint has to start before dispatch sends another message. SQS redelivers a
 * message that its function drops, so this covers messages that are lost, or wait behind many others.
 */
const drainSlackMs = 180_000;

/**
 * Dispatch what is due: attempts that were further away than SQS can delay a message, and endpoints to drain.
 *
 * A crash after the queue took a job leaves its entry, so the job is queued again a minute later; the run that gets the
 * second job finds the attempt made.
 */
export async function dispatchDue(ports: DispatchPorts): Promise<Dispatched> {
  const startedAtMs = ports.clock.nowMs();
  const shards = Array.from({ length: dueShards }, (_, shard) => shard);
  const failures: unknown[] = [];
  // Wait for all shards: one that fails must not end the function while the others are working.
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
 * Send one drain message for each due endpoint, and postpone its due time until the drain has had time to start. The
 * postponed time is only a mark in the index; it holds until the next write of the endpoint's state sets the due time.
 *
 * ```
 *   dispatch   reads due D --- sends the message --- D -> now + slack, if it is still D
 *   drain                            starts: D -> its own time, or removed from the index
 * ```
 *
 * The message is sent first: a run that dies between the two steps causes one message too many, never one too few. A
 * writer that sets or removes the due time before the mark has changed D, so the mark fails; a writer after the mark
 * overwrites it.
 *
 * @param failures - Collects the errors of single endpoints, one for each page.
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
    // The next minute's run retries an endpoint that failed. After ten failures on a page, the rest of the page waits
    // for the next minute, too.
    await forEachAtMost(endpointsAtATime, page, async (due) => {
      if (isOver()) return;
      await drainQueue.send({ kind: 'drain', subscription: due.endpoint, scope: due.scope }, 0);
      requested += 1;
      await endpoints.postpone(due, clock.nowMs() + drainSlackMs);
    }).catch((error: unknown) => failures.push(error));
    // Stop when the queue took nothing of a page, instead of trying page after page.
    if (requested === before) break;
  } while (page.length === pageSize && !isOver());
  return requested;
}
