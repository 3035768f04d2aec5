import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import {
  type Admission,
  admit,
  type EndpointState,
  endsEarly,
  isFast,
  type PostResult,
  settle,
  slotsAfter,
} from '../../engine/delivery/endpoint-state.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import type { CallbackOutcome } from '../../ports/delivery/callback-client.ts';
import type { Delivery, DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import { type Subscription, type SubscriptionStore, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader, EventRow } from '../../ports/events/event-store.ts';
import type { DeliveryQueue, DrainQueue } from '../../ports/events/queues.ts';
import { type ByteBudget, createByteBudget } from '../concurrency/byte-budget.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { isForGood, tryToEvent } from '../feed/read-event.ts';
import { type ReportPorts, reportDelivery, reportEndpoint } from '../publish/publish-operational-events.ts';
import { askForDrain } from './ask-for-drain.ts';
import {
  type Attempted,
  type AttemptPorts,
  hopsOf,
  isMine,
  jobOf,
  judge,
  newDelivery,
  type PreparedSubscription,
  parked,
  parkNew,
  post,
  postResult,
  recordAttempt,
} from './attempt-delivery.ts';
import { changeEndpoint, type EndpointPorts } from './change-endpoint.ts';
import { bothOf, createRecordWrite, type RecordWrite } from './record-writes.ts';

export interface DeliverPorts extends AttemptPorts, EndpointPorts, ReportPorts {
  readonly events: Pick<EventReader, 'getMany'> & ReportPorts['events'];
  readonly payloads: ClaimStore;
  readonly subscriptions: SubscriptionStore & ReportPorts['subscriptions'];
  readonly deliveries: DeliveryStore;
  readonly deliveryQueue: DeliveryQueue;
  readonly drainQueue: DrainQueue;
  readonly prepare: (subscription: Subscription) => PreparedSubscription;
}

/** One message of the delivery queue. */
export interface JobDelivery {
  readonly messageId: string;
  readonly job: DeliveryJob;
  /**
   * Whether the message was received before: an earlier run of it has failed or died, and has counted nothing.
   *
   * @default false
   */
  readonly isRepeated?: boolean;
}

/** How one job ended. */
export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly status: number }
  | { readonly kind: 'retried'; readonly delayMs: number; readonly status: number | undefined }
  /** Put into its endpoint's backlog, to be sent when its turn comes. */
  | { readonly kind: 'parked' }
  /** Tried as often as it may be; kept with its attempts, and replayable. */
  | { readonly kind: 'dead-lettered'; readonly reason: string }
  /** Another job, or another run of the same, does it or has done it. */
  | { readonly kind: 'duplicate' }
  /** Nobody wants it: the subscription's filter says so, or it, or the event itself, is gone. */
  | { readonly kind: 'filtered'; readonly reason: string }
  /** Not done, and nothing lost: the message must come again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** A lease ends when its function does: its posts have ended by then, and what follows them. */
const leaseMs = limits.deliverTimeoutSeconds * 1000;
/** Time that a subscription's filter may take in a run: the rest is judged by its drain, which serves it alone. */
const judgeMs = 2_000;
/**
 * Data that the posts of a run hold at a time, over all its endpoints. An event is in memory several times while it is
 * sent: as bytes, text, value and body.
 */
export const maxHeldBytes = 16 * 1024 * 1024;
/** Data that is read ahead for a filter, which is asked about one event after the other. */
const readAheadBytes = 2 * 1024 * 1024;
/** Data of judged events that a run keeps until they are posted; what is beyond is read again. */
const keptBytes = 4 * 1024 * 1024;
/** How often, and after which pause, an endpoint that is busy is asked again before its events are parked. */
const busyRetries = 20;
const busyPauseMs = 40;

/**
 * Make one attempt for each job whose endpoint is known to answer soon, and park the others in their
 * endpoints' backlogs, which are drained apart: no endpoint waits here for another that is slow. What throws over
 * one event, or one subscription, fails its own jobs alone (invariant 12).
 *
 * Whatever is read or written for the whole batch is read or written once. The order of the writes is what
 * makes a crash harmless: the attempt is recorded (or the delivery parked), then its successor queued (or
 * its drain asked for), then the message is acknowledged. A job that comes again after its attempt was
 * recorded is not posted again; it only does once more what comes after.
 */
export async function deliverEvents(
  ports: DeliverPorts,
  jobs: readonly JobDelivery[],
): Promise<readonly DeliveryOutcome[]> {
  const startedAtMs = ports.clock.nowMs();
  const [subscriptions, rows, stored, endpoints] = await Promise.all([
    ports.subscriptions.getMany(distinct(jobs, ({ scope, subscription: id }) => ({ scope, id }))),
    // A job is queued after its event is written.
    ports.events.getMany(
      jobs.map(({ job }) => job),
      true,
    ),
    ports.deliveries.getMany(jobs.map(({ job }) => job)),
    ports.endpoints.getMany(distinct(jobs, ({ scope, subscription: endpoint }) => ({ scope, endpoint }))),
  ]);
  const prepared = new Map(subscriptions.map((one) => [`${scopeOf(one)} ${one.id}`, tryToPrepare(ports, one)]));
  const rowById = new Map(rows.map((row) => [row.id, row]));
  const deliveryByKey = new Map(stored.map((delivery) => [deliveryKey(delivery), delivery]));
  const endpointByKey = new Map(endpoints.map((state) => [`${state.scope} ${state.endpoint}`, state]));

  const outcomes = Array.from<DeliveryOutcome>({ length: jobs.length });
  const seen = new Set<string>();
  const ready: ReadyJob[] = [];
  for (const [index, { job, isRepeated = false }] of jobs.entries()) {
    const key = deliveryKey(job);
    // The queue may hand over one job twice, even in one batch.
    if (seen.has(key)) {
      outcomes[index] = { kind: 'duplicate' };
      continue;
    }
    seen.add(key);
    const subscription = prepared.get(`${job.scope} ${job.subscription}`);
    if (subscription?.kind === 'failed') {
      outcomes[index] = subscription;
      continue;
    }
    const decided = decide(job, subscription?.prepared, rowById.get(job.event), deliveryByKey.get(key), isRepeated);
    if (decided.kind === 'ready') ready.push({ index, ...decided });
    else outcomes[index] = decided;
  }
  const run: DeliverRun = { ports, startedAtMs, memory: createByteBudget(maxHeldBytes), kept: { bytes: 0 } };
  await Promise.all(
    Map.groupBy(ready, ({ prepared: { subscription } }) => subscription.id)
      .values()
      .map(async (group) => {
        const { subscription } = (group[0] as ReadyJob).prepared;
        const endpoint = endpointByKey.get(`${scopeOf(subscription)} ${subscription.id}`) as EndpointState;
        const results = await deliverToEndpoint(run, endpoint, group).catch((error: unknown) =>
          group.map(() => ({ kind: 'failed' as const, error })),
        );
        for (const [place, { index }] of group.entries()) outcomes[index] = results[place] as DeliveryOutcome;
      }),
  );
  return outcomes;
}

type TriedPreparation =
  | { readonly kind: 'prepared'; readonly prepared: PreparedSubscription }
  | Extract<DeliveryOutcome, { kind: 'failed' }>;

/** A subscription that was stored as what this version cannot prepare fails its own jobs. */
function tryToPrepare(ports: DeliverPorts, subscription: Subscription): TriedPreparation {
  try {
    return { kind: 'prepared', prepared: ports.prepare(subscription) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** What the endpoints of a run share. */
interface DeliverRun {
  readonly ports: DeliverPorts;
  readonly startedAtMs: number;
  readonly memory: ByteBudget;
  /** Judged events that are kept until they are posted. */
  readonly kept: { bytes: number };
}

interface Ready {
  readonly kind: 'ready';
  readonly prepared: PreparedSubscription;
  readonly row: EventRow;
  readonly delivery: Delivery;
  /** Whether somebody has stored the delivery, and may change it meanwhile. */
  readonly isStored: boolean;
  /** What an earlier run of the job left to do. */
  readonly left: 'all' | 'successor' | 'wake' | 'report';
}

interface ReadyJob extends Ready {
  readonly index: number;
}

function decide(
  job: DeliveryJob,
  prepared: PreparedSubscription | undefined,
  row: EventRow | undefined,
  stored: Delivery | undefined,
  isRepeated: boolean,
): Ready | DeliveryOutcome {
  if (prepared === undefined) return { kind: 'filtered', reason: 'subscription-gone' };
  if (row === undefined) return { kind: 'filtered', reason: 'event-expired' };
  // The row is what the queue's message points to; a subscription of another tenant may never see it.
  if (!isMine(prepared, row)) return { kind: 'filtered', reason: 'other-tenant' };
  const delivery = stored ?? newDelivery(job);
  const ready = { kind: 'ready', prepared, row, delivery, isStored: stored !== undefined } as const;
  if (delivery.waitsIn === 'backlog') return { ...ready, left: 'wake' };
  if (delivery.attemptCount < job.attempt) return isOver(delivery) ? { kind: 'duplicate' } : { ...ready, left: 'all' };
  const isLastAttempt = delivery.attemptCount === job.attempt;
  if (isLastAttempt && delivery.state === 'retrying' && delivery.waitsIn === 'queue')
    return { ...ready, left: 'successor' };
  // Made by an earlier run of this very message, which did not live to say so.
  if (isLastAttempt && isRepeated && delivery.state === 'delivered')
    return { kind: 'delivered', status: delivery.attempts.at(-1)?.status ?? 0 };
  if (isLastAttempt && delivery.state === 'exhausted') return { ...ready, left: 'report' };
  return { kind: 'duplicate' };
}

function isOver({ state }: Delivery): boolean {
  return state === 'delivered' || state === 'exhausted' || state === 'cancelled';
}

async function deliverToEndpoint(
  run: DeliverRun,
  known: EndpointState,
  group: readonly ReadyJob[],
): Promise<readonly DeliveryOutcome[]> {
  const { ports, startedAtMs } = run;
  const [{ prepared }] = group as readonly [ReadyJob];
  const outcomes = new Map<ReadyJob, DeliveryOutcome>();
  const { ordering, shaping, status } = prepared.subscription;
  // What was queued before it was disabled waits until it is enabled again: what comes then is in the feed.
  const isEnabled = status === 'enabled';
  const isDrained = ordering !== 'none' || shaping.batch !== undefined || !isEnabled;
  const mayPost = !isDrained && isFast(known, ports.endpointPolicy, startedAtMs);
  const attempts = new Map<ReadyJob, CallbackOutcome>();
  const { wanted, unjudged, posting } = await sortJobs(run, prepared, known, group, mayPost, { outcomes, attempts });
  // Half of what the endpoint may have: another run need not wait for this one.
  const maxSlots = Math.max(1, Math.ceil(prepared.limits.concurrency / 2));
  const lease = { id: leaseId(ports), durationMs: leaseMs, maxSlots };
  const admitted = mayPost ? await askForLease(ports, known, prepared, posting.length, lease) : undefined;
  const results: PostResult[] = [];
  let postsNotMade = admitted?.posts ?? 0;
  let hasDied = false;
  const slotsNow = () => (admitted === undefined ? 1 : slotsAfter(admitted, results, prepared.limits));
  if (admitted !== undefined)
    await forEachAtMost(slotsNow, posting.slice(0, admitted.posts), ({ job, judged }) =>
      run.memory.hold(job.row.dataBytes, async () => {
        if (hasDied || ports.clock.nowMs() - startedAtMs > limits.deliverBeginPostsMs || endsEarly(results)) return;
        try {
          const event = judged ?? (await tryToEvent(ports, job.row, isForGood));
          if ('kind' in event) {
            attempts.set(job, event);
            return;
          }
          const outcome = await post(ports, prepared, job.row.id, [event], {
            isReplay: job.delivery.replay !== undefined,
            hops: hopsOf([job]),
          });
          if (outcome.kind === 'failed' && outcome.hasDied) {
            // No attempt yet: the drain, which serves this endpoint alone, gives the transform more time.
            hasDied = true;
            return;
          }
          postsNotMade -= 1;
          attempts.set(job, outcome);
          const result = postResult(outcome, ports.clock.nowMs());
          if (result !== undefined) results.push(result);
        } catch (error) {
          // What may be had another time, or what no attempt can be made of: its message comes again, alone.
          outcomes.set(job, { kind: 'failed', error });
        }
      }),
    );

  const parking = wanted.filter((job) => !attempts.has(job) && !outcomes.has(job));
  const record = createRecordWrite(ports, startedAtMs + limits.deliverTimeoutSeconds * 1000);
  const recorded = await recordAll(ports, record, prepared, { parking, unjudged, attempts });
  for (const [job, outcome] of recorded) outcomes.set(job, outcome);

  const repeated = group.filter(({ left }) => left === 'successor');
  if (repeated.length > 0) {
    await ports.deliveryQueue.sendAll(repeated.map(({ delivery, row }) => successorOf(ports, delivery, row)));
    for (const job of repeated) outcomes.set(job, { kind: 'duplicate' });
  }
  const woken = group.filter(({ left }) => left === 'wake');
  if (woken.length > 0) await ports.deliveries.remind(woken.map(({ delivery }) => delivery));
  for (const job of woken) outcomes.set(job, { kind: 'parked' });
  // The run that made the attempt may not have lived to tell of it.
  const untold = group.filter(({ left }) => left === 'report');
  for (const job of untold)
    outcomes.set(job, { kind: 'dead-lettered', reason: job.delivery.exhaustedBy ?? 'attempts-exhausted' });

  if (admitted !== undefined) {
    const { result: effects } = await changeEndpoint(ports, admitted.state, (current) => {
      const settled = settle(
        current,
        // Only a circuit that is open is probed, and an endpoint whose circuit is open is not fast.
        { id: lease.id, isProbe: false, postsNotMade },
        results,
        prepared.limits,
        policyOf(ports, prepared),
        ports.clock.nowMs(),
      );
      return { state: settled.state, result: settled.effects };
    });
    await reportEndpoint(ports, prepared.subscription, effects);
  }
  const isParked = parking.length + woken.length > 0;
  // Whoever has enabled it meanwhile may have had its backlog drained before this was in it.
  if (isParked && (isEnabled || (await isEnabledNow(ports, prepared.subscription))))
    await askForDrain(ports, prepared.subscription, await isBatchFull(ports, prepared));
  await reportDelivery(ports, prepared.subscription, [
    ...untold.map(({ delivery, row }) => ({ delivery, hops: row.hops })),
    ...recorded.flatMap(([{ row }, outcome, delivery]) =>
      outcome.kind === 'dead-lettered' ? { delivery, hops: row.hops } : [],
    ),
  ]);
  return group.map((job) => outcomes.get(job) as DeliveryOutcome);
}

/** Jobs of one endpoint that are to be made, by what is known of them. */
interface SortedJobs {
  readonly wanted: readonly ReadyJob[];
  /** Of those: the filter has not decided. */
  readonly unjudged: ReadonlySet<ReadyJob>;
  /** Of those: may be posted here and now. */
  readonly posting: readonly PostingJob[];
}

interface PostingJob {
  readonly job: ReadyJob;
  /** Its event, where the filter has seen it and there is room to keep it. */
  readonly judged: CanonicalEvent | undefined;
}

/**
 * Ask the filter about the events, one after the other. A filter that is stopped, or that takes all the time there is,
 * is asked no more: what is left is parked, and its drain goes on. One whose circuit is open is not asked at all. Where
 * there is no filter, events are read when they are posted.
 */
async function sortJobs(
  run: DeliverRun,
  prepared: PreparedSubscription,
  known: EndpointState,
  group: readonly ReadyJob[],
  mayPost: boolean,
  found: { readonly outcomes: Map<ReadyJob, DeliveryOutcome>; readonly attempts: Map<ReadyJob, CallbackOutcome> },
): Promise<SortedJobs> {
  const { ports, memory, kept } = run;
  const jobs = group.filter(({ left }) => left === 'all');
  const { filter } = prepared.subscription.shaping;
  if (filter === undefined) {
    const posting = mayPost ? jobs.map((job) => ({ job, judged: undefined })) : [];
    return { wanted: jobs, unjudged: new Set(), posting };
  }
  const untilMs = ports.clock.nowMs() + judgeMs;
  const wanted: ReadyJob[] = [];
  const unjudged = new Set<ReadyJob>();
  const posting: PostingJob[] = [];
  let isAsked = known.circuit === 'closed';

  async function judgeJob(job: ReadyJob, event: CanonicalEvent): Promise<void> {
    const judgement = await judge(ports, prepared, event);
    if (judgement.kind === 'unwanted') found.outcomes.set(job, { kind: 'filtered', reason: 'filter' });
    if (judgement.kind === 'failed') found.attempts.set(job, judgement.failure);
    if (judgement.kind === 'died') unjudged.add(job);
    if (judgement.kind === 'died' || ports.clock.nowMs() >= untilMs) isAsked = false;
    if (judgement.kind !== 'wanted' || !mayPost) return;
    const isKept = kept.bytes + job.row.dataBytes <= keptBytes;
    if (isKept) kept.bytes += job.row.dataBytes;
    posting.push({ job, judged: isKept ? event : undefined });
  }

  for (const some of chunksOf(jobs, readAheadBytes)) {
    const bytes = some.reduce((sum, { row }) => sum + row.dataBytes, 0);
    await memory.hold(bytes, async () => {
      const events = isAsked ? await Promise.allSettled(some.map(({ row }) => tryToEvent(ports, row, isForGood))) : [];
      for (const [index, job] of some.entries()) {
        const read = events[index];
        // Nothing is posted yet: what may be had another time comes again with its message, alone.
        const event = read?.status === 'fulfilled' ? read.value : undefined;
        if (read?.status === 'rejected') found.outcomes.set(job, { kind: 'failed', error: read.reason });
        else if (event !== undefined && 'kind' in event) found.attempts.set(job, event);
        else if (event === undefined || !isAsked) unjudged.add(job);
        else
          await judgeJob(job, event).catch((error: unknown) => {
            found.outcomes.set(job, { kind: 'failed', error });
          });
        if (!found.outcomes.has(job) && !found.attempts.has(job)) wanted.push(job);
      }
    });
  }
  return { wanted, unjudged, posting };
}

/** Jobs in their order, as many together as hold so many bytes of data; one that holds more is alone. */
function chunksOf(jobs: readonly ReadyJob[], maxBytes: number): readonly (readonly ReadyJob[])[] {
  const chunks: ReadyJob[][] = [];
  let leftBytes = 0;
  for (const job of jobs) {
    leftBytes -= job.row.dataBytes;
    const last = chunks.at(-1);
    if (last !== undefined && leftBytes >= 0) last.push(job);
    else {
      chunks.push([job]);
      leftBytes = maxBytes - job.row.dataBytes;
    }
  }
  return chunks;
}

/** Whether the backlog holds a batch: its drain was asked for when the oldest has waited long enough, and may come now. */
async function isBatchFull({ deliveries }: DeliverPorts, { subscription }: PreparedSubscription): Promise<boolean> {
  const { batch } = subscription.shaping;
  if (batch === undefined) return false;
  return (await deliveries.listBacklog(subscription.id, batch.max_events, undefined)).length === batch.max_events;
}

async function isEnabledNow({ subscriptions }: DeliverPorts, subscription: Subscription): Promise<boolean> {
  const [stored] = await subscriptions.getMany([{ scope: scopeOf(subscription), id: subscription.id }]);
  return stored?.status === 'enabled';
}

type Admitted = Extract<Admission, { kind: 'admitted' }>;

interface Lease {
  readonly id: string;
  readonly durationMs: number;
  readonly maxSlots: number;
}

/** Ask to post here and now. An endpoint that is fast but busy is asked again, for a moment. @returns Its state as it is stored. */
async function askForLease(
  ports: DeliverPorts,
  known: EndpointState,
  prepared: PreparedSubscription,
  wanted: number,
  lease: Lease,
): Promise<Admitted | undefined> {
  if (wanted === 0) return undefined;
  let state = known;
  for (let tries = 0; ; tries += 1) {
    const { state: after, result } = await changeEndpoint<Admission | { kind: 'slow' }>(ports, state, (current) => {
      const nowMs = ports.clock.nowMs();
      if (!isFast(current, ports.endpointPolicy, nowMs)) return { result: { kind: 'slow' } };
      const admission = admit(current, prepared.limits, wanted, lease, nowMs);
      return admission.kind === 'admitted' ? { state: admission.state, result: admission } : { result: admission };
    });
    if (result.kind === 'admitted') return { ...result, state: after };
    if (result.kind !== 'blocked' || result.by !== 'concurrency' || tries === busyRetries) return undefined;
    await ports.pause(busyPauseMs);
    const [stored] = await ports.endpoints.getMany([known]);
    state = stored ?? known;
  }
}

/** What came of the jobs of an endpoint. */
interface Made {
  readonly attempts: ReadonlyMap<ReadyJob, CallbackOutcome>;
  /** Not tried: they wait for the drain. */
  readonly parking: readonly ReadyJob[];
  /** Of those: the filter has not decided. */
  readonly unjudged: ReadonlySet<ReadyJob>;
}

/** Make attempts durable, and what follows them. The attempts come first: a post that is not recorded is made again. */
async function recordAll(
  ports: DeliverPorts,
  record: RecordWrite,
  prepared: PreparedSubscription,
  { attempts, parking, unjudged }: Made,
): Promise<readonly (readonly [ReadyJob, DeliveryOutcome, Delivery])[]> {
  const attempted = [...attempts].map(([job, outcome]) => ({
    job,
    outcome,
    ...recordAttempt(ports, prepared, job.delivery, outcome, false),
  }));
  const delivered = attempted.filter(({ decision }) => decision.kind === 'delivered');
  const setAside = parking.map((job) => ({
    job,
    delivery: { ...parked(job.delivery), isUnjudged: unjudged.has(job) || undefined },
  }));
  const failed = attempted.filter(({ decision }) => decision.kind !== 'delivered');
  // Both at once: neither is to wait while the other is tried again.
  const [, kept] = await bothOf(
    record(() => ports.deliveries.putMany(delivered.map(({ delivery }) => delivery))),
    keepAttempts(ports, record, failed),
  );
  const successors = [...kept].flatMap(({ delivery, job }) =>
    delivery.waitsIn === 'queue' ? [successorOf(ports, delivery, job.row)] : [],
  );
  if (successors.length > 0) await ports.deliveryQueue.sendAll(successors);
  const added = await parkNew(
    ports,
    setAside.flatMap(({ job, delivery }) => (job.isStored ? [] : delivery)),
  );
  const keptAside = await keepAttempts(
    ports,
    (write) => write(),
    setAside.filter(({ job }) => job.isStored),
  );
  // Who drains may have seen an entry before its delivery said that it waits there, and have removed it.
  if (keptAside.size > 0) await ports.deliveries.remind([...keptAside].map(({ delivery }) => delivery));
  const overtaken = new Set(failed.filter((one) => !kept.has(one)));
  return [
    ...setAside.map((one) => {
      const kind = keptAside.has(one) || added.has(one.delivery) ? 'parked' : 'duplicate';
      return [one.job, { kind }, one.job.delivery] as const;
    }),
    ...attempted.map((one) => {
      const { job, outcome, decision, delivery } = one;
      const status = outcome.kind === 'answered' ? outcome.status : undefined;
      // Somebody cancelled it, or asked for an attempt of his own, in the meantime: his word stands.
      if (overtaken.has(one)) return [job, { kind: 'duplicate' }, delivery] as const;
      if (decision.kind === 'delivered') return [job, { kind: 'delivered', status: status ?? 0 }, delivery] as const;
      if (decision.kind === 'exhausted')
        return [job, { kind: 'dead-lettered', reason: decision.reason }, delivery] as const;
      return [job, { kind: 'retried', delayMs: decision.delayMs, status }, delivery] as const;
    }),
  ];
}

/** Store what follows attempts that failed, or had to wait. @returns Those that nobody else has overtaken. */
export async function keepAttempts<T extends Pick<Attempted, 'delivery'>>(
  { deliveries }: Pick<DeliverPorts, 'deliveries'>,
  record: RecordWrite,
  changed: readonly T[],
  onKept: (one: T) => void = () => {},
): Promise<ReadonlySet<T>> {
  const kept = new Set<T>();
  const settled = await Promise.allSettled(
    changed.map(async (one) => {
      if (!(await record(() => isKept(one)))) return;
      kept.add(one);
      onKept(one);
    }),
  );
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return kept;

  async function isKept({ delivery }: T): Promise<boolean> {
    const replaced = await deliveries.replace(delivery).catch((error: unknown) => ({ error }));
    if (replaced === true) return true;
    // A write whose answer was lost may have failed, or is made again by the client and then refused: what is stored
    // may be it.
    const [stored] = await deliveries.getMany([delivery]);
    const isOwnAttempt = stored?.attempts.at(-1)?.at === delivery.attempts.at(-1)?.at;
    const waitsAsOwn = stored?.nextAttemptAt === delivery.nextAttemptAt && stored?.waitsIn === delivery.waitsIn;
    if (isOwnAttempt && waitsAsOwn && stored?.revision === delivery.revision + 1) return true;
    if (replaced !== false) throw replaced.error;
    return false;
  }
}

/** The job of a delivery's next attempt, delayed until its time. */
export function successorOf({ clock }: Pick<DeliverPorts, 'clock'>, delivery: Delivery, row: EventRow) {
  const delayMs = Math.max(0, Date.parse(delivery.nextAttemptAt ?? '') - clock.nowMs());
  return { job: jobOf(delivery), group: row.account, delayMs };
}

/** The policy with what the subscription has of its own. */
export function policyOf({ endpointPolicy }: EndpointPorts, { subscription }: PreparedSubscription) {
  const { disableAfterMs } = subscription;
  return disableAfterMs === undefined ? endpointPolicy : { ...endpointPolicy, disableAfterMs };
}

export function leaseId({ randomness }: Pick<DeliverPorts, 'randomness'>): string {
  return randomness.bytes(9).toString('base64url');
}

function distinct<T>(jobs: readonly JobDelivery[], keyOf: (job: DeliveryJob) => T): readonly T[] {
  return [...new Map(jobs.map(({ job }) => [`${job.scope} ${job.subscription}`, keyOf(job)])).values()];
}

function deliveryKey(delivery: { readonly subscription: string; readonly event: string }): string {
  return `${delivery.subscription} ${delivery.event}`;
}
