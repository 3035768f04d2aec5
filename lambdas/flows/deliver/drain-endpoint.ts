import { createHash } from 'node:crypto';
import { limits } from '../../contracts/limits.ts';
import type { DrainMessage } from '../../contracts/messages.ts';
import {
  type Admission,
  admit,
  blockedUntilMs,
  claimDrain,
  delayedMessageMs,
  type EndpointState,
  endsEarly,
  finishDrain,
  forgetFailures,
  leaveDrain,
  letRest,
  messageFor,
  notice,
  type PostResult,
  settle,
  slotsAfter,
} from '../../engine/delivery/endpoint-state.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import type { CallbackOutcome } from '../../ports/delivery/callback-client.ts';
import { type BacklogEntry, type Delivery, type DeliveryLog, isReplayed } from '../../ports/delivery/delivery-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import { createByteBudget } from '../concurrency/byte-budget.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { isForGood, tryToEvent } from '../feed/read-event.ts';
import { reportDelivery, reportEndpoint } from '../publish/publish-operational-events.ts';
import { attemptNow } from '../subscriptions/manage-delivery.ts';
import {
  faultOf,
  filteredOut,
  hopsOf,
  judge,
  type PreparedCallback,
  type PreparedSubscription,
  parked,
  parkNew,
  postCallback,
  postResult,
  prepareCallback,
  recordAttempt,
} from './attempt-delivery.ts';
import { readItems, removeEntries, type Work, type WorkItem } from './backlog-work.ts';
import { changeEndpoint } from './change-endpoint.ts';
import { type DeliverPorts, keepAttempts, leaseId, maxHeldBytes, policyOf, successorOf } from './deliver-events.ts';
import { followOrderedFeed } from './follow-ordered-feed.ts';
import { createOrderedBacklog, type OrderedBacklog } from './ordered-backlog.ts';
import { bothOf, createRecordWrite, type RecordWrite } from './record-writes.ts';

export interface DrainPorts extends DeliverPorts {
  readonly events: DeliverPorts['events'] & EventReader;
  readonly deliveries: DeliverPorts['deliveries'] & Pick<DeliveryLog, 'list'>;
}

/** How a drain ended. */
export type DrainOutcome =
  | { readonly kind: 'drained'; readonly deliveries: readonly DrainedDelivery[] }
  /** Something is left, which waits for its time; somebody will be asked again. */
  | { readonly kind: 'left'; readonly deliveries: readonly DrainedDelivery[] }
  /** Another drainer is at it, or nobody wants the backlog. */
  | { readonly kind: 'not-mine' };

export interface DrainedDelivery {
  /** `filtered`: nobody wants it any more; its filter says so, or its event is gone. */
  readonly kind: 'delivered' | 'retried' | 'dead-lettered' | 'filtered';
  readonly delivery: Delivery;
}

/** A drainer is believed to live for this long after its last sign: a round, with all that follows it. */
const drainerMs = 120_000;
/** Backlog entries that are looked at together. */
const pageSize = 100;
/** A wait up to this is sat out; a longer one is left to a delayed message, or to dispatch. */
const maxPauseMs = 1_000;
/** How long a run stays away whose expressions are refused at present. */
const suspensionPauseMs = 5_000;
const leaseMs = limits.drainRoundMs + limits.maxCallbackTimeoutMs + 30_000;

/**
 * Send what waits in an endpoint's backlog, in its order, as fast as the endpoint takes it.
 *
 * One drainer at a time has an endpoint. It stops when the circuit opens, when the endpoint asks for a
 * pause, or when its time is over, and then leaves word when it has to go on: nothing waits in memory.
 *
 * @param onDone - Told of what is done as soon as it is: a run that fails later has done it all the same.
 */
export async function drainEndpoint(
  ports: DrainPorts,
  message: DrainMessage,
  onDone: (deliveries: readonly DrainedDelivery[]) => void = () => {},
): Promise<DrainOutcome> {
  const startedAtMs = ports.clock.nowMs();
  const key = { endpoint: message.subscription, scope: message.scope };
  const [[subscription], [known]] = await Promise.all([
    ports.subscriptions.getMany([{ scope: message.scope, id: message.subscription }]),
    ports.endpoints.getMany([key]),
  ]);
  if (known === undefined) return { kind: 'not-mine' };
  // Nothing is known, and nobody is there: to note that it rests would leave a row that nobody asked for.
  if (subscription === undefined && known.revision === 0 && known.wakeups === 0) return { kind: 'not-mine' };
  if (subscription === undefined || subscription.status === 'disabled') {
    await changeEndpoint(ports, known, (current) => ({ state: letRest(current), result: undefined }));
    return { kind: 'not-mine' };
  }
  const prepared = ports.prepare(subscription);
  const drainer = { id: leaseId(ports), durationMs: drainerMs };
  const claim = await changeEndpoint(ports, known, (current) => {
    const claimed = claimDrain(current, drainer, ports.clock.nowMs());
    if (claimed === undefined) return { result: undefined };
    const messageAtMs = delayedMessageMs(current, ports.clock.nowMs());
    return { state: { ...claimed, hasBacklog: true }, result: { messageAtMs } };
  });
  if (claim.result === undefined) {
    // The one who is at it looks again before it ends.
    await ports.endpoints.wake(key);
    return { kind: 'not-mine' };
  }

  const { messageAtMs } = claim.result;
  const ordered = subscription.ordering === 'none' ? undefined : createOrderedBacklog(ports, prepared);
  const { state } = claim;
  const run: Run = { ports, prepared, ordered, drainer, startedAtMs, messageAtMs, deliveries: [], onDone, state };
  try {
    return await drainUntilEmpty(run);
  } catch (error) {
    // The message comes again in seconds, and must not find this run, which sends nothing more, at work. Where even that
    // cannot be written, dispatch has the endpoint drained when this run would have ended.
    await release(run).catch(() => undefined);
    throw error;
  }
}

/** Let another drainer begin at once; where none does, dispatch asks for one a little later. */
async function release(run: Run): Promise<void> {
  await changeEndpoint(run.ports, run.state, (current) =>
    hasEndpoint(run, current)
      ? { state: leaveDrain(current, run.ports.clock.nowMs()), result: undefined }
      : { result: undefined },
  );
}

async function drainUntilEmpty(run: Run): Promise<DrainOutcome> {
  const { ports } = run;
  await tellOwner(run);
  const untilMs = ports.clock.nowMs() + limits.drainRunMs;
  while (ports.clock.nowMs() < untilMs) {
    const step = await drainRound(run);
    if (step.kind === 'empty') return { kind: 'drained', deliveries: run.deliveries };
    if (step.kind === 'wait' && (await leave(run, step.untilMs, step.seenWakeups))) return leftBy(run);
    if (step.kind === 'taken') return leftBy(run);
    if (step.kind === 'disabled') return rest(run);
  }
  await leave(run, ports.clock.nowMs());
  return leftBy(run);
}

const leftBy = ({ deliveries }: Run): DrainOutcome => ({ kind: 'left', deliveries });

/** End the run, nothing more being wanted; or leave, where the owner has had his own word on that meanwhile. */
async function rest(run: Run): Promise<DrainOutcome> {
  const { ports, prepared } = run;
  const { id, tenant } = prepared.subscription;
  // Whoever enables a subscription wakes its endpoint afterwards.
  const { wakeups, scope } = run.state;
  const [stored] = await ports.subscriptions.getMany([{ scope, id }]);
  const isEnabled = stored !== undefined && stored.tenant === tenant && stored.status === 'enabled';
  const rested = isEnabled
    ? { result: false }
    : await changeEndpoint(ports, run.state, (current) =>
        current.wakeups === wakeups ? { state: letRest(current), result: true } : { result: false },
      );
  if (!rested.result) await leave(run, ports.clock.nowMs());
  return leftBy(run);
}

interface Run {
  readonly ports: DrainPorts;
  readonly prepared: PreparedSubscription;
  /** What is known of the backlog, where the subscription is ordered. */
  readonly ordered: OrderedBacklog | undefined;
  readonly drainer: { readonly id: string; readonly durationMs: number };
  readonly startedAtMs: number;
  /** When a drain message is shown that had been sent for later, when this run began. */
  readonly messageAtMs: number | undefined;
  readonly deliveries: DrainedDelivery[];
  readonly onDone: (deliveries: readonly DrainedDelivery[]) => void;
  state: EndpointState;
}

function hasEndpoint({ drainer }: Run, state: EndpointState): boolean {
  return state.drainer?.id === drainer.id;
}

function noteDone(run: Run, deliveries: readonly DrainedDelivery[]): void {
  if (deliveries.length === 0) return;
  run.deliveries.push(...deliveries);
  run.onDone(deliveries);
}

const filtered = (delivery: Delivery): DrainedDelivery => ({ kind: 'filtered', delivery });

function ended(delivery: Delivery): DrainedDelivery {
  if (delivery.exhaustedBy === 'event-expired') return filtered(delivery);
  const { state } = delivery;
  return { kind: state === 'delivered' ? 'delivered' : state === 'exhausted' ? 'dead-lettered' : 'retried', delivery };
}

type Step =
  | { readonly kind: 'more' }
  /** Somebody else has the endpoint now, or nobody is to have it. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'empty' }
  /** `seenWakeups`: whatever was put into the backlog since may be a reason not to wait so long. */
  | { readonly kind: 'wait'; readonly untilMs: number; readonly seenWakeups?: number }
  /** Nothing more is sent: its owner, or what it answered, has said so. */
  | { readonly kind: 'disabled' };

async function drainRound(run: Run): Promise<Step> {
  const { ports } = run;
  const nowMs = ports.clock.nowMs();
  const blocked = blockedUntilMs(run.state);
  if (blocked > nowMs) return waitUntil(run, blocked);

  const seenWakeups = run.state.wakeups;
  const found = await findWork(run);
  noteDone(run, [...found.expired.map(filtered), ...found.untold.map(ended)]);
  // What leads to a delivery goes when its end is told, and not before.
  await reportEnded(run, [...found.untold, ...found.passed]);
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

/** Remember up to where the feed was taken. @returns False where the endpoint was taken from this run. */
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
  // Entries without a delivery, which are removed now, took the place of events that may fill the batch.
  return { ...work([]), nextAtMs, again: entries.length === pageSize && items.length < pageSize };
}

/** Members of an event beside its data, about. */
const metadataBytes = 500;

/**
 * Batches of what waits, in its order; what does not fill one waits for more, each event as long as it may. What was in
 * a batch that failed is sent singly, so that what one event is refused for befalls no other again. What is replayed is
 * not mixed with what is new.
 *
 * @returns When the next batch is due, where none is now.
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

async function postAll(run: Run, { posts, position, unwanted, passed }: Work): Promise<Step> {
  const { ports, prepared } = run;
  const requests = posts.reduce((sum, one) => sum + one.requests.length, 0);
  const lease = { id: leaseId(ports), durationMs: leaseMs };
  const asked = await changeEndpoint<Admission | { kind: 'taken' }>(ports, run.state, (current) => {
    // The endpoint was taken from this run: its owner has disabled or removed the subscription meanwhile.
    if (!hasEndpoint(run, current)) return { result: { kind: 'taken' } };
    const admission = admit(current, prepared.limits, requests, lease, ports.clock.nowMs());
    return admission.kind === 'admitted' ? { state: admission.state, result: admission } : { result: admission };
  });
  run.state = asked.state;
  const admission = asked.result;
  if (admission.kind === 'taken') return admission;
  if (admission.kind === 'blocked') {
    // A lease is given back long before it ends.
    const againMs = admission.by === 'concurrency' ? ports.clock.nowMs() + maxPauseMs / 4 : admission.untilMs;
    return waitUntil(run, againMs);
  }

  const startedAtMs = ports.clock.nowMs();
  const attempts: Attempted[] = [];
  const results: PostResult[] = [];
  const leftOut: WorkItem[] = [];
  const memory = createByteBudget(maxHeldBytes);
  let left = admission.posts;
  let isSuspended = false;
  let unavailable: { readonly error: unknown } | undefined;
  const slotsNow = () => slotsAfter(admission, results, prepared.limits);
  await forEachAtMost(slotsNow, posts, async (one) => {
    for (const request of one.requests) {
      const bytes = request.reduce((sum, { row }) => sum + row.dataBytes, 0);
      const goesOn = await memory.hold(bytes, async () => {
        const isOver = ports.clock.nowMs() - startedAtMs > limits.drainRoundMs || endsEarly(results);
        if (left === 0 || isOver || unavailable !== undefined) return false;
        left -= 1;
        const sent = await sendRequest(run, request);
        leftOut.push(...sent.unwanted);
        attempts.push(...sent.attempts);
        const ofPosts = sent.attempts.flatMap(({ outcome }) => postResult(outcome, ports.clock.nowMs()) ?? []);
        results.push(...ofPosts);
        if (sent.attempts.length === 0) left += 1;
        isSuspended ||= sent.isSuspended;
        unavailable ??= sent.unavailable;
        const isFiltered = sent.unwanted.length === request.length;
        return isFiltered || (ofPosts.length > 0 && ofPosts.every(({ ok }) => ok));
      });
      if (!goesOn) return;
    }
  });

  const recorded = attempts.flatMap(({ items, outcome }) =>
    items.map((item) => ({ item, ...recordAttempt(ports, prepared, item.delivery, outcome, admission.isProbe) })),
  );
  const attempted = new Set([...recorded.map(({ item }) => item), ...leftOut]);
  const items = posts.flatMap((one) => one.requests.flat());
  // What the feed gave and was not sent has to stand somewhere before the feed is left behind.
  const parking = items.filter((item) => item.entry === undefined && !attempted.has(item));
  const record = createRecordWrite(ports, run.startedAtMs + limits.drainTimeoutSeconds * 1000);
  const { done, moved } = await recordRound(run, record, recorded, parking);
  await recordLeftOut(run, leftOut);
  const exhausted = done.flatMap(({ item, delivery, decision }) =>
    decision.kind === 'exhausted' ? { delivery, hops: item.row.hops } : [],
  );
  await reportDelivery(ports, prepared.subscription, exhausted);
  // Last: until the next attempt waits somewhere else, or the end is told, the entry is what is left of the delivery.
  // A caller that asked for an attempt in the meantime relies on it, too.
  await removeEntries(ports, moved);
  const nowMs = ports.clock.nowMs();
  const settled = await changeEndpoint(ports, run.state, (current) => {
    const { state, effects } = settle(
      current,
      { id: lease.id, isProbe: admission.isProbe, postsNotMade: left },
      results,
      prepared.limits,
      policyOf(ports, prepared),
      nowMs,
    );
    // The endpoint was taken from this run: what it has sent is recorded, and no more is its to say.
    if (!hasEndpoint(run, state)) return { state, result: effects };
    // A sign of life, and the place in the feed, in the same write.
    const drainer = { id: run.drainer.id, untilMs: nowMs + drainerMs };
    return { state: { ...state, drainer, ...(position === undefined ? {} : { position }) }, result: effects };
  });
  run.state = settled.state;
  noteDone(run, [...unwanted.map(filtered), ...passed.map(ended)]);
  await reportEndpoint(ports, prepared.subscription, settled.result);
  const isDisabled =
    settled.result.some(({ kind }) => kind === 'disabled') ||
    exhausted.some(({ delivery }) => delivery.exhaustedBy === 'gone');
  if (isDisabled) return { kind: 'disabled' };
  // What was sent is recorded: the message comes again for the rest.
  if (unavailable !== undefined) throw unavailable.error;
  return isSuspended && attempts.length === 0 ? waitUntil(run, nowMs + suspensionPauseMs) : { kind: 'more' };
}

/** What came of one request. What is in none of its lists was not tried, and waits on. */
interface SentRequest {
  /** At most one of them was posted; an event that cannot be sent has its own. */
  readonly attempts: readonly Attempted[];
  /** What the filter leaves out, asked only now. */
  readonly unwanted: readonly WorkItem[];
  /** Whether it comes again when what was stopped is no longer held against its owner. */
  readonly isSuspended: boolean;
  /** Why something could not be tried now, although it can be another time. */
  readonly unavailable: { readonly error: unknown } | undefined;
}

/**
 * Make one request of events. One that cannot be read, judged or shaped fails alone: the others are sent without it.
 *
 * Where an expression is stopped nothing is sent, and nothing else is tried.
 */
async function sendRequest(run: Run, request: readonly WorkItem[]): Promise<SentRequest> {
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
    // Ends: each round leaves at least one out, or sends what is left.
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

/** Read the events of a request, and ask the filter about those that it was stopped at before. */
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

/** What the code cannot deal with is an attempt that failed, by the events that are sent: it would hold up all others. */
async function prepareAs({ ports, prepared }: Run, sendable: readonly Sendable[]): Promise<PreparedCallback> {
  const items = sendable.map(({ item }) => item);
  const isReplay = items.some(({ delivery }) => delivery.replay !== undefined);
  const events = sendable.map(({ event }) => event);
  try {
    return await prepareCallback(ports, prepared, requestId(items), events, { isReplay, hops: hopsOf(items) });
  } catch (error) {
    if (!isForGood(error)) throw error;
    return faultOf('callback', error);
  }
}

/** End what the filter leaves out although it waited. */
async function recordLeftOut(run: Run, items: readonly WorkItem[]): Promise<void> {
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

interface Attempted {
  readonly items: readonly WorkItem[];
  readonly outcome: CallbackOutcome;
}

/** The event's id; a batch has one of its own, the same whenever the same events are sent together. */
function requestId(items: readonly WorkItem[]): string {
  const [only, ...others] = items as readonly [WorkItem];
  if (others.length === 0) return only.row.id;
  const hash = createHash('sha256');
  for (const { row } of items) hash.update(`${row.id} `);
  return `bat_${hash.digest('hex').slice(0, 32)}`;
}

type Recorded = { readonly item: WorkItem } & ReturnType<typeof recordAttempt>;

/**
 * Make the attempts of a round durable, and what follows them.
 *
 * @returns Those that no other run has overtaken, and the entries that are to be removed when they are told of.
 */
async function recordRound(
  run: Run,
  record: RecordWrite,
  recorded: readonly Recorded[],
  parking: readonly WorkItem[],
): Promise<{ readonly done: readonly Recorded[]; readonly moved: readonly BacklogEntry[] }> {
  const { ports } = run;
  const delivered = recorded.filter(({ decision }) => decision.kind === 'delivered');
  const entriesOf = (some: readonly Recorded[]) => some.flatMap(({ item }) => item.entry ?? []);
  const failed = recorded.filter(({ decision }) => decision.kind !== 'delivered');
  const successors = failed.flatMap(({ delivery, item }) =>
    delivery.waitsIn === 'queue' ? [successorOf(ports, delivery, item.row)] : [],
  );
  const keepDelivered = async () => {
    await record(() => ports.deliveries.putMany(delivered.map(({ delivery }) => delivery)));
    // As soon as it is so, and before the entry is gone: of what a run has not lived to tell the next one tells.
    noteDone(
      run,
      delivered.map(({ delivery }) => ended(delivery)),
    );
    await record(() => removeEntries(ports, entriesOf(delivered)));
  };
  const keepFailed = async () => {
    // Before the delivery says that it waits in the queue: a job too many finds out that it is one.
    if (successors.length > 0) await record(() => ports.deliveryQueue.sendAll(successors));
    // Each as soon as it is kept: one that the feed gave has no entry by which the next run would find it, and its
    // subscription may be disabled by then.
    return keepAttempts(ports, record, failed, ({ delivery }) => noteDone(run, [ended(delivery)]));
  };
  // Both at once: neither is to wait while the other is tried again.
  const [, kept] = await bothOf(keepDelivered(), keepFailed());
  // After those that failed: what waits for one of them must not be found without it.
  await parkNew(
    ports,
    parking.map(({ delivery }) => parked(delivery)),
  );
  const moved = entriesOf([...kept].filter(({ delivery }) => delivery.waitsIn !== 'backlog'));
  const done = new Set([...delivered, ...kept]);
  for (const one of recorded) run.ordered?.settle(one.item, done.has(one) ? one.delivery : undefined);
  for (const item of parking) run.ordered?.settle(item, parked(item.delivery));
  return { done: [...done], moved };
}

/** Tell of what a run before this one has ended, and may have died before it told of it. Told twice, it is one event. */
async function reportEnded({ ports, prepared }: Run, deliveries: readonly Delivery[]): Promise<void> {
  const exhausted = deliveries.filter(({ state }) => state === 'exhausted');
  if (exhausted.length === 0) return;
  const rows = new Map((await ports.events.getMany(exhausted)).map((row) => [row.id, row]));
  await reportDelivery(
    ports,
    prepared.subscription,
    exhausted.map((delivery) => ({ delivery, hops: rows.get(delivery.event)?.hops })),
  );
}

/** Wait for a moment here, or leave. */
async function waitUntil(run: Run, untilMs: number): Promise<Step> {
  const { ports } = run;
  const leftMs = untilMs - ports.clock.nowMs();
  if (leftMs > maxPauseMs) return { kind: 'wait', untilMs };
  await ports.pause(Math.max(1, leftMs));
  // What was waited for is what others do: the state as it was would say the same for ever.
  const [stored] = await ports.endpoints.getMany([run.state]);
  run.state = stored ?? run.state;
  return { kind: 'more' };
}

/**
 * End the run, although something is left, and see to it that another goes on in time.
 *
 * @param seenWakeups - Wakeups that were counted before this run looked, where it may not leave if there are more: those
 *   who woke it have seen it at work, and have sent no message.
 * @returns False where there are more.
 */
async function leave(run: Run, wantedUntilMs: number, seenWakeups?: number): Promise<boolean> {
  const { ports, prepared } = run;
  const nowMs = ports.clock.nowMs();
  const goesOnAtMs = Math.max(wantedUntilMs, nowMs);
  const { messageAtMs } = run;
  // The message of one that is still to come goes on: with each run's own there would be more and more of them.
  const hasMessage = messageAtMs !== undefined && messageAtMs > nowMs && messageAtMs <= goesOnAtMs;
  const left = await changeEndpoint<'left' | 'woken' | 'taken'>(ports, run.state, (current) => {
    if (!hasEndpoint(run, current)) return { result: 'taken' };
    if (seenWakeups !== undefined && current.wakeups !== seenWakeups) return { result: 'woken' };
    const state = hasMessage
      ? leaveDrain(current, messageAtMs, messageAtMs)
      : leaveDrain(current, goesOnAtMs, messageFor(goesOnAtMs, nowMs));
    return { state, result: 'left', isUnwoken: seenWakeups !== undefined };
  });
  run.state = left.state;
  if (left.result === 'woken') return false;
  const delayMs = goesOnAtMs - nowMs;
  // What is further away than SQS can delay is dispatch's: the state says when it is due.
  if (left.result === 'left' && !hasMessage && delayMs <= limits.queueMaxDelayMs) {
    const { id: subscription } = prepared.subscription;
    await ports.drainQueue.send({ kind: 'drain', subscription, scope: run.state.scope }, delayMs);
  }
  return true;
}

/** Tell the owner of an endpoint that only fails how far it is, although nothing is sent just now. */
async function tellOwner(run: Run): Promise<void> {
  const { ports, prepared } = run;
  const told = await changeEndpoint(ports, run.state, (current) => {
    const { state, effects } = notice(current, policyOf(ports, prepared), ports.clock.nowMs());
    return effects.length === 0 ? { result: effects } : { state, result: effects };
  });
  run.state = told.state;
  if (told.result.some(({ kind }) => kind === 'last-probe')) await prepareLastProbe(run);
  await reportEndpoint(ports, prepared.subscription, told.result);
}

/** Deliveries among which one is looked for that an endpoint has not taken. */
const probeCandidates = 100;

/**
 * See to it that something is posted to an endpoint before its subscription is disabled: what waits, or else the newest
 * of what it has not taken.
 */
async function prepareLastProbe(run: Run): Promise<void> {
  const { ports, prepared } = run;
  const { subscription } = prepared;
  if ((await ports.deliveries.listBacklog(subscription.id, 1, undefined)).length > 0) return;
  const { items } = await ports.deliveries.list(subscription.id, probeCandidates, undefined);
  const untaken = items.find(
    ({ state, exhaustedBy }) => state === 'retrying' || (state === 'exhausted' && exhaustedBy !== 'event-expired'),
  );
  if (untaken !== undefined) await attemptNow(ports, subscription, untaken);
  else
    run.state = (
      await changeEndpoint(ports, run.state, (state) => ({ state: forgetFailures(state), result: 0 }))
    ).state;
}
