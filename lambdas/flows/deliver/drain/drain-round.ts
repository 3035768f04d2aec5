import { limits } from '../../../contracts/limits.ts';
import { finishDrain } from '../../../engine/delivery/drainer.ts';
import { blockedUntilMs } from '../../../engine/delivery/endpoint-state.ts';
import { isReplayed } from '../../../ports/delivery/delivery-store.ts';
import { changeEndpoint } from '../change-endpoint.ts';
import { readItems, removeEntries, type Work, type WorkItem } from './backlog-work.ts';
import { ended, filtered, hasEndpoint, noteDone, type Run, reportEnded, type Step, waitUntil } from './drain-run.ts';
import { followOrderedFeed } from './follow-ordered-feed.ts';
import { postAll } from './post-round.ts';

/** Backlog entries read together. */
const pageSize = 100;

export async function drainRound(run: Run): Promise<Step> {
  const { ports } = run;
  const nowMs = ports.clock.nowMs();
  const blocked = blockedUntilMs(run.state);
  if (blocked > nowMs) return waitUntil(run, blocked);

  const seenWakeups = run.state.wakeups;
  const found = await findWork(run);
  noteDone(run, [...found.expired.map(filtered), ...found.untold.map(ended)]);
  // Report first: once the entries are removed, or the feed position moves, nothing leads to these deliveries.
  await reportEnded(run, [...found.expired, ...found.untold, ...found.passed]);
  await removeEntries(ports, found.stale);
  if (found.posts.length === 0) {
    if (!(await moveOn(run, found.position))) return { kind: 'taken' };
    noteDone(run, [...found.unwanted.map(filtered), ...found.passed.map(ended)]);
    if (found.again) return { kind: 'more' };
    if (found.nextAtMs !== undefined) {
      const step = await waitUntil(run, found.nextAtMs);
      return step.kind === 'wait' ? { ...step, seenWakeups } : step;
    }
    const finish = await changeEndpoint(ports, run.state, (current) => {
      const finished = finishDrain(current, seenWakeups);
      return finished === undefined ? { result: false } : { state: finished, result: true };
    });
    run.state = finish.state;
    return finish.result ? { kind: 'empty' } : { kind: 'more' };
  }
  return postAll(run, found);
}

/** Store the position to which the feed was read. @returns False when this run has lost the endpoint. */
async function moveOn(run: Run, position: number | undefined): Promise<boolean> {
  if (position === undefined) return true;
  const moved = await changeEndpoint(run.ports, run.state, (current) =>
    hasEndpoint(run, current) ? { state: { ...current, position }, result: true } : { result: false },
  );
  run.state = moved.state;
  return moved.result;
}

async function findWork({ ports, prepared, ordered, state }: Run): Promise<Work> {
  const { shaping } = prepared.subscription;
  if (ordered !== undefined) {
    await ordered.read(state.wakeups);
    const work = await followOrderedFeed(ports, prepared, state.position ?? 0, ordered);
    return { ...work, ...ordered.takeFindings() };
  }
  const entries = await ports.deliveries.listBacklog(prepared.subscription.id, pageSize, undefined);
  const { items, expired, untold, stale } = await readItems(ports, prepared, entries);
  const work = (requests: readonly (readonly WorkItem[])[]): Work => ({
    posts: requests.map((request) => ({ requests: [request] })),
    nextAtMs: undefined,
    again: requests.length === 0 && entries.length > 0,
    position: undefined,
    unwanted: [],
    passed: [],
    expired,
    untold,
    stale,
  });
  const { batch } = shaping;
  if (batch === undefined || items.length === 0) return work(items.map((item) => [item]));
  const { batches, nextAtMs } = toBatches(items, batch, ports.clock.nowMs());
  if (batches.length > 0) return work(batches);
  // Entries without a delivery, now removed, may have displaced events that fill the batch: read again.
  return { ...work([]), nextAtMs, again: entries.length === pageSize && items.length < pageSize };
}

/** Approximate size of an event without its data. */
const metadataBytes = 500;

/**
 * Group waiting items into batches, in order. Items that do not fill a batch wait for more, at most `max_wait_seconds`
 * after the event. Events of a failed batch are sent one by one, so that a rejected event does not fail the others
 * again. A batch never mixes replayed and new events.
 *
 * @returns The batches that are due, and when the next incomplete one is due.
 */
function toBatches(
  items: readonly WorkItem[],
  batch: { readonly max_events: number; readonly max_wait_seconds: number },
  nowMs: number,
): { readonly batches: readonly (readonly WorkItem[])[]; readonly nextAtMs: number | undefined } {
  const batches: (readonly WorkItem[])[] = [];
  const open = new Map<boolean, { items: WorkItem[]; bytes: number }>();
  for (const item of items) {
    const { delivery, row } = item;
    if (delivery.scheduledCount > 0) {
      batches.push([item]);
      continue;
    }
    const key = isReplayed(delivery);
    const bytes = row.dataBytes + metadataBytes;
    let current = open.get(key) ?? { items: [], bytes: 0 };
    if (current.items.length > 0 && current.bytes + bytes > limits.batchMaxBytes) {
      batches.push(current.items);
      current = { items: [], bytes: 0 };
    }
    current.items.push(item);
    current.bytes += bytes;
    open.set(key, current);
    if (current.items.length < batch.max_events) continue;
    batches.push(current.items);
    open.delete(key);
  }
  let nextAtMs: number | undefined;
  for (const { items: some } of open.values()) {
    const waitsUntilMs = Date.parse(some[0]?.row.timestamp ?? '') + batch.max_wait_seconds * 1000;
    if (waitsUntilMs <= nowMs) batches.push(some);
    else nextAtMs = Math.min(nextAtMs ?? waitsUntilMs, waitsUntilMs);
  }
  return { batches, nextAtMs };
}
