import { createHash } from 'node:crypto';
import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import { filteredOut } from '../../../engine/delivery/record-attempt.ts';
import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import { isForGood, tryToEvent } from '../../feed/read-event.ts';
import { hopsOf, type PreparedCallback, postCallback, prepareCallback } from '../attempt/attempt-delivery.ts';
import { faultOf, judge } from '../attempt/judge-events.ts';
import { readPrevious } from '../attempt/read-previous.ts';
import { removeEntries, type WorkItem } from './backlog-work.ts';
import { filtered, noteDone, type Run } from './drain-run.ts';

/** The result of one request. Items in none of its lists were not tried, and keep waiting. */
interface SentRequest {
  /** At most one of them was posted; each event that cannot be sent has a failed attempt of its own. */
  readonly attempts: readonly Attempted[];
  /** Items that the filter, run only now, rejects. */
  readonly unwanted: readonly WorkItem[];
  /** Whether the request must be repeated once the owner's expressions are no longer suspended. */
  readonly isSuspended: boolean;
  /** An error that stopped the request now and may not recur. */
  readonly unavailable: { readonly error: unknown } | undefined;
}

/**
 * Send events in one request. An event that cannot be read, judged or shaped fails alone: the others are sent without
 * it.
 *
 * When an expression is stopped, nothing is sent and nothing else is tried.
 */
export async function sendRequest(run: Run, request: readonly WorkItem[]): Promise<SentRequest> {
  const attempts: Attempted[] = [];
  const unwanted: WorkItem[] = [];
  const done = (change: Partial<SentRequest> = {}): SentRequest => ({
    attempts,
    unwanted,
    isSuspended: false,
    unavailable: undefined,
    ...change,
  });
  try {
    const stopped = await readRequest(run, request, attempts, unwanted);
    if (stopped.kind === 'stopped') return done({ isSuspended: stopped.isSuspended });
    let { sendable } = stopped;
    // Ends: each iteration leaves at least one event out, or sends the rest.
    while (sendable.length > 0) {
      const items = sendable.map(({ item }) => item);
      const callback = await prepareAs(run, sendable);
      const failures = callback.kind === 'failed' ? callback.failures : undefined;
      if (failures === undefined) {
        attempts.push({ items, outcome: await postCallback(run.ports, run.prepared, callback) });
        return done();
      }
      if (callback.kind === 'failed' && callback.isSuspended === true) return done({ isSuspended: true });
      for (const item of items) {
        const outcome = failures.get(item.row.id);
        if (outcome !== undefined) attempts.push({ items: [item], outcome });
      }
      if (callback.kind === 'failed' && callback.hasDied === true) return done();
      sendable = sendable.filter(({ item }) => !failures.has(item.row.id));
    }
    return done();
  } catch (error) {
    return done({ unavailable: { error } });
  }
}

interface Sendable {
  readonly item: WorkItem;
  readonly event: CanonicalEvent;
}

/** Read the events of a request, and judge those that the filter has not judged yet. */
async function readRequest(
  { ports, prepared }: Run,
  request: readonly WorkItem[],
  attempts: Attempted[],
  unwanted: WorkItem[],
): Promise<
  | { readonly kind: 'read'; readonly sendable: readonly Sendable[] }
  | { readonly kind: 'stopped'; readonly isSuspended: boolean }
> {
  const read = await Promise.all(request.map(({ row }) => tryToEvent(ports, row)));
  const sendable: Sendable[] = [];
  for (const [index, item] of request.entries()) {
    const event = read[index] as (typeof read)[number];
    if ('kind' in event) {
      attempts.push({ items: [item], outcome: event });
      continue;
    }
    const judgement = item.delivery.isUnjudged === true ? await judge(ports, prepared, event) : undefined;
    if (judgement?.kind === 'unwanted') unwanted.push(item);
    else if (judgement?.kind === 'died') {
      const isSuspended = judgement.failure.isSuspended === true;
      if (!isSuspended) attempts.push({ items: [item], outcome: judgement.failure });
      return { kind: 'stopped', isSuspended };
    } else if (judgement?.kind === 'failed') attempts.push({ items: [item], outcome: judgement.failure });
    else sendable.push({ item, event });
  }
  return { kind: 'read', sendable };
}

/** Prepare a callback. A permanent error becomes a failed attempt of its events: thrown, it would block all others. */
async function prepareAs({ ports, prepared }: Run, sendable: readonly Sendable[]): Promise<PreparedCallback> {
  const items = sendable.map(({ item }) => item);
  const isReplay = items.some(({ delivery }) => delivery.replay !== undefined);
  const events = sendable.map(({ event }) => event);
  try {
    const previous = await readPrevious(
      ports,
      prepared.subscription,
      items.map(({ row }) => row),
    );
    const attempt = Math.max(...items.map(({ delivery }) => delivery.attemptCount + 1));
    const options = { isReplay, hops: hopsOf(items), attempt, previous };
    return await prepareCallback(ports, prepared, requestId(items), events, options);
  } catch (error) {
    if (!isForGood(error)) throw error;
    return faultOf('callback', error);
  }
}

/** End items that the filter rejects, including those that waited in the backlog. */
export async function recordLeftOut(run: Run, items: readonly WorkItem[]): Promise<void> {
  if (items.length === 0) return;
  const waited = items.filter(({ entry }) => entry !== undefined);
  await Promise.all(waited.map(({ delivery }) => run.ports.deliveries.replace(filteredOut(delivery))));
  noteDone(
    run,
    items.map(({ delivery }) => filtered(delivery)),
  );
  for (const item of items) run.ordered?.settle(item, filteredOut(item.delivery));
  await removeEntries(
    run.ports,
    waited.flatMap(({ entry }) => entry ?? []),
  );
}

export interface Attempted {
  readonly items: readonly WorkItem[];
  readonly outcome: CallbackOutcome;
}

/** The event's id. A batch has an id derived from its events, so the same batch always has the same id. */
function requestId(items: readonly WorkItem[]): string {
  const [only, ...others] = items as readonly [WorkItem];
  if (others.length === 0) return only.row.id;
  const hash = createHash('sha256');
  for (const { row } of items) hash.update(`${row.id} `);
  return `bat_${hash.digest('hex').slice(0, 32)}`;
}
