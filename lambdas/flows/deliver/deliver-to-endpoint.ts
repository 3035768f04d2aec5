import { limits } from '../../contracts/limits.ts';
import { endsEarly, isFast, slotsAfter } from '../../engine/delivery/admission.ts';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import { addUncounted, countSuccesses, isAsUsual } from '../../engine/delivery/kept-lease.ts';
import type { PostResult } from '../../engine/delivery/pace.ts';
import { filteredOut, jobOf, postResult } from '../../engine/delivery/record-attempt.ts';
import { settle } from '../../engine/delivery/settlement.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { traceOfEvent } from '../../engine/trace/trace-ids.ts';
import type { LateAnswer } from '../../ports/delivery/callback-client.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { isForGood, tryToEvent } from '../feed/read-event.ts';
import { reportDelivery, reportEndpoint } from '../publish/publish-operational-events.ts';
import { askForDrain } from './ask-for-drain.ts';
import { hopsOf, postCallback, prepareCallback } from './attempt/attempt-delivery.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { readPrevious } from './attempt/read-previous.ts';
import { createRecordWrite } from './attempt/record-writes.ts';
import { type AbandonedPost, recordAll, successorOf } from './attempt/store-attempts.ts';
import { createPatience, leaseMarginMs } from './await-late-answer.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { DeliveryOutcome, ReadyJob } from './decide-job.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import { leaseForPosts, type PostLease, policyOf } from './lease-endpoint.ts';
import { type DeliverRun, type PostingJob, type SortedJobs, sortJobs } from './sort-jobs.ts';

/** Delay of jobs that wait for slots of their endpoint. */
const postponedMs = 1_000;
/** Times that a job is queued again before it waits in the backlog. */
const maxPostponed = 10;

/** The progress of a run for one endpoint. */
interface EndpointRun {
  readonly run: DeliverRun;
  readonly prepared: PreparedSubscription;
  readonly group: readonly ReadyJob[];
  readonly outcomes: Map<ReadyJob, DeliveryOutcome>;
  /** How each post ended, or why none was made. */
  readonly attempts: Map<ReadyJob, CallbackOutcome>;
  /** Posts that were ended before their answers came. */
  readonly abandoned: Map<ReadyJob, AbandonedPost>;
}

/** The posts made under a lease. */
interface Sent {
  readonly lease: PostLease;
  readonly results: readonly PostResult[];
  readonly postsNotMade: number;
  /** Whether a post was late. */
  readonly wasLate: boolean;
  /** Whether posts were not made because a kept lease was about to end. */
  readonly hasRunOut: boolean;
  /** Whether another lease may be asked for, since this one was short. */
  readonly mayGoOn: boolean;
}

/** What became of the posts; `crowded` when others held all slots. */
type Sending = Sent | 'crowded' | undefined;

/** Make one attempt for each job of an endpoint that is known to be fast, and park the others in its backlog. */
export async function deliverToEndpoint(
  run: DeliverRun,
  known: EndpointState,
  group: readonly ReadyJob[],
): Promise<readonly DeliveryOutcome[]> {
  const [{ prepared }] = group as readonly [ReadyJob];
  const one: EndpointRun = {
    run,
    prepared,
    group,
    outcomes: new Map(),
    attempts: new Map(),
    abandoned: new Map(),
  };
  const { ordering, shaping, status } = prepared.subscription;
  // Jobs queued before the subscription was disabled wait in the backlog until it is enabled again.
  const isDrained = ordering !== 'none' || shaping.batch !== undefined || status !== 'enabled';
  const mayPost = !isDrained && isFast(known, run.ports.endpointPolicy, run.startedAtMs);
  const sorted = await sortJobs(run, prepared, known, group, mayPost, one);
  const sent = mayPost ? await send(one, known, sorted.posting) : undefined;
  await settleJobs(one, sorted, sent);
  return group.map((job) => one.outcomes.get(job) as DeliveryOutcome);
}

/** Post under one lease after the other. @returns Undefined when the endpoint admits none for the rest. */
async function send(one: EndpointRun, known: EndpointState, posting: readonly PostingJob[]): Promise<Sending> {
  let state = known;
  for (let rest = posting; rest.length > 0; ) {
    const sent = await sendUnderLease(one, state, rest);
    if (sent === undefined || sent === 'crowded') return sent;
    rest = rest.slice(sent.lease.most);
    if (rest.length === 0 || !sent.mayGoOn) return sent;
    state = await endLease(one, sent);
  }
  return undefined;
}

/** Post under a lease. @returns Undefined when the endpoint admits no lease. */
async function sendUnderLease(
  one: EndpointRun,
  known: EndpointState,
  posting: readonly PostingJob[],
): Promise<Sending> {
  const { run, prepared } = one;
  const { ports, startedAtMs, memory } = run;
  const leasing = await leaseForPosts(ports, known, prepared, posting.length);
  if (leasing.kind !== 'leased') return leasing.kind === 'crowded' ? 'crowded' : undefined;
  const { lease } = leasing;
  const patience = createPatience(ports, prepared, lease);
  const endsAtMs = Math.min(startedAtMs + limits.deliverBeginPostsMs, lease.untilMs - patience.afterMs - leaseMarginMs);
  const results: PostResult[] = [];
  let postsNotMade = lease.posts;
  let hasDied = false;
  let hasRunOut = false;
  await forEachAtMost(
    () => slotsAfter(lease, results, prepared.limits),
    posting.slice(0, lease.most),
    ({ job, judged }) =>
      memory.hold(job.row.dataBytes, async () => {
        const nowMs = ports.clock.nowMs();
        if (nowMs > endsAtMs) hasRunOut = lease.kept !== undefined;
        if (hasDied || patience.isOver() || nowMs > endsAtMs || endsEarly(results)) return;
        const outcome = await postJob(one, job, judged, patience.late, endsAtMs);
        if (outcome === undefined) return;
        // Not an attempt: the drain, which serves this endpoint alone, gives the transform more time.
        if (outcome.kind === 'failed' && outcome.hasDied) {
          hasDied = true;
          return;
        }
        postsNotMade -= 1;
        if (outcome.kind === 'failed' && outcome.isAbandoned) {
          one.abandoned.set(job, { startedAtMs: nowMs, error: outcome.error, durationMs: outcome.durationMs });
          return;
        }
        one.attempts.set(job, outcome);
        const result = postResult(outcome, ports.clock.nowMs());
        if (result !== undefined) results.push(result);
      }),
  );
  await patience.settled();
  const wasLate = patience.isOver();
  const isOver = hasDied || wasLate || endsEarly(results) || ports.clock.nowMs() > endsAtMs;
  return { lease, results, postsNotMade, wasLate, hasRunOut, mayGoOn: lease.most < lease.posts && !isOver };
}

/** @returns Undefined when nothing was posted; then `outcomes` or `attempts` says why. */
async function postJob(
  { run: { ports }, prepared, outcomes, attempts }: EndpointRun,
  job: ReadyJob,
  judged: CanonicalEvent | undefined,
  late: LateAnswer,
  endsAtMs: number,
): Promise<CallbackOutcome | undefined> {
  try {
    const event = judged ?? (await tryToEvent(ports, job.row, isForGood));
    if (!('kind' in event)) {
      const previous = await readPrevious(ports, prepared.subscription, [job.row]);
      const { replay, attemptCount } = job.delivery;
      const options = {
        isReplay: replay !== undefined,
        hops: hopsOf([job]),
        attempt: attemptCount + 1,
        previous,
        late,
      };
      const callback = await prepareCallback(ports, prepared, job.row.id, [event], options);
      // A token or a transform may have taken longer than the lease: another run may hold its slots by now.
      if (callback.kind === 'ready' && ports.clock.nowMs() > endsAtMs) return undefined;
      return await postCallback(ports, prepared, callback);
    }
    attempts.set(job, event);
  } catch (error) {
    // A later read may succeed, or no attempt can be made of the event: only this message is redelivered.
    outcomes.set(job, { kind: 'failed', error });
  }
  return undefined;
}

/** Record the attempts, give the lease back, and ask for a drain of the rest. */
async function settleJobs(one: EndpointRun, sorted: SortedJobs, sent: Sending): Promise<void> {
  const { run, prepared, group, outcomes, attempts, abandoned } = one;
  const { ports } = run;
  const { wanted, unjudged } = sorted;
  const rest = wanted.filter((job) => !attempts.has(job) && !outcomes.has(job));
  const maySoonBeSent = sent === 'crowded' || (sent?.hasRunOut === true && !sent.wasLate && isAsUsual(sent.results));
  const postponing = maySoonBeSent ? rest.filter((job) => !unjudged.has(job) && job.postponed < maxPostponed) : [];
  await postpone(ports, postponing);
  for (const job of postponing) outcomes.set(job, { kind: 'postponed' });
  const parking = rest.filter((job) => !outcomes.has(job));
  const endLast = async () => {
    if (sent !== undefined && sent !== 'crowded') await endLease(one, sent);
  };
  const record = createRecordWrite(ports, run.startedAtMs + limits.deliverTimeoutSeconds * 1000);
  const recorded = await recordAll(ports, record, prepared, { parking, unjudged, attempts, abandoned }).catch(
    async (error: unknown) => {
      // The posts are made: their slots need not wait until the lease expires.
      await endLast().catch(() => undefined);
      throw error;
    },
  );
  for (const [job, outcome] of recorded) outcomes.set(job, outcome);
  await cancelUnwanted(ports, group, outcomes);
  const { woken, untold } = await finishEarlierRuns(ports, group, outcomes);
  await endLast();
  if (parking.length + woken.length > 0) await drainParked(ports, prepared);
  await reportDelivery(ports, prepared.subscription, [
    ...untold.map(({ delivery, row }) => ({ delivery, hops: row.hops, traceId: traceOfEvent(row) })),
    ...recorded.flatMap(([{ row }, outcome, delivery]) =>
      outcome.kind === 'dead-lettered' ? { delivery, hops: row.hops, traceId: traceOfEvent(row) } : [],
    ),
  ]);
}

/** Queue jobs again: a slot is free within seconds, and a place in the backlog costs more than the post. */
async function postpone(ports: DeliverPorts, jobs: readonly ReadyJob[]): Promise<void> {
  if (jobs.length === 0) return;
  await ports.deliveryQueue.sendAll(
    jobs.map(({ delivery, row, postponed }) => ({
      job: { ...jobOf(delivery), postponed: postponed + 1 },
      group: row.account,
      delayMs: postponedMs,
    })),
  );
}

/** End the stored deliveries that the filter no longer wants: no message is left of them. */
async function cancelUnwanted(
  { deliveries }: Pick<DeliverPorts, 'deliveries'>,
  group: readonly ReadyJob[],
  outcomes: ReadonlyMap<ReadyJob, DeliveryOutcome>,
): Promise<void> {
  const unwanted = group.filter((job) => job.isStored && outcomes.get(job)?.kind === 'filtered');
  await Promise.all(unwanted.map(async ({ delivery }) => deliveries.replace(filteredOut(delivery))));
}

/** Repeat the steps that an earlier run of a job may have died before. */
async function finishEarlierRuns(
  ports: DeliverPorts,
  group: readonly ReadyJob[],
  outcomes: Map<ReadyJob, DeliveryOutcome>,
): Promise<{ readonly woken: readonly ReadyJob[]; readonly untold: readonly ReadyJob[] }> {
  const repeated = group.filter(({ left }) => left === 'successor');
  if (repeated.length > 0)
    await ports.deliveryQueue.sendAll(repeated.map(({ delivery, row }) => successorOf(ports, delivery, row)));
  for (const job of repeated) outcomes.set(job, { kind: 'duplicate' });
  const woken = group.filter(({ left }) => left === 'wake');
  if (woken.length > 0) await ports.deliveries.remind(woken.map(({ delivery }) => delivery));
  for (const job of woken) outcomes.set(job, { kind: 'parked' });
  const untold = group.filter(({ left }) => left === 'report');
  for (const job of untold)
    outcomes.set(job, { kind: 'dead-lettered', reason: job.delivery.exhaustedBy ?? 'attempts-exhausted' });
  return { woken, untold };
}

/** Keep the lease where nothing changed that others must know; else give it back with its results. */
async function endLease({ run: { ports }, prepared }: EndpointRun, sent: Sent): Promise<EndpointState> {
  const { lease, results, postsNotMade, wasLate } = sent;
  const { kept } = lease;
  if (kept !== undefined && !wasLate && isAsUsual(results)) {
    ports.keptLeases.keep(lease.state, { ...kept, uncounted: addUncounted(kept.uncounted, results) });
    return lease.state;
  }
  const { result: effects, state: after } = await changeEndpoint(ports, lease.state, (current) => {
    const policy = policyOf(ports, prepared);
    const nowMs = ports.clock.nowMs();
    const counted = kept === undefined ? current : countSuccesses(current, kept.uncounted, policy, nowMs);
    // Never a probe: only an open circuit is probed, and an endpoint with an open circuit is not fast.
    const ended = { id: lease.id, isProbe: false, postsNotMade };
    const settled = settle(counted, ended, results, prepared.limits, policy, nowMs);
    return { state: settled.state, result: settled.effects };
  });
  await reportEndpoint(ports, prepared.subscription, effects);
  return after;
}

async function drainParked(ports: DeliverPorts, prepared: PreparedSubscription): Promise<void> {
  const { subscription } = prepared;
  // Read the status again: a call that enabled it may have drained the backlog before these deliveries were in it.
  if (subscription.status !== 'enabled' && !(await isEnabledNow(ports, subscription))) return;
  await askForDrain(ports, subscription, await isBatchFull(ports, prepared));
}

/** Whether the backlog holds a full batch: its drain, scheduled for the oldest event's maximum wait, may start now. */
async function isBatchFull({ deliveries }: DeliverPorts, { subscription }: PreparedSubscription): Promise<boolean> {
  const { batch } = subscription.shaping;
  if (batch === undefined) return false;
  return (await deliveries.listBacklog(subscription.id, batch.max_events, undefined)).length === batch.max_events;
}

async function isEnabledNow({ subscriptions }: DeliverPorts, subscription: Subscription): Promise<boolean> {
  const [stored] = await subscriptions.getMany([{ scope: scopeOf(subscription), id: subscription.id }]);
  return stored?.status === 'enabled';
}
