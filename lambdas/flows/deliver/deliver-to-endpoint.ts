import { limits } from '../../contracts/limits.ts';
import { endsEarly, isFast, slotsAfter } from '../../engine/delivery/admission.ts';
import type { CallbackOutcome } from '../../engine/delivery/callback-outcome.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import type { PostResult } from '../../engine/delivery/pace.ts';
import { postResult } from '../../engine/delivery/record-attempt.ts';
import { settle } from '../../engine/delivery/settlement.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';
import { isForGood, tryToEvent } from '../feed/read-event.ts';
import { reportDelivery, reportEndpoint } from '../publish/publish-operational-events.ts';
import { askForDrain } from './ask-for-drain.ts';
import { hopsOf, post } from './attempt/attempt-delivery.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { readPrevious } from './attempt/read-previous.ts';
import { createRecordWrite } from './attempt/record-writes.ts';
import { recordAll, successorOf } from './attempt/store-attempts.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { DeliveryOutcome, ReadyJob } from './decide-job.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import { askForLease, leaseId, policyOf } from './lease-endpoint.ts';
import { type DeliverRun, type PostingJob, type SortedJobs, sortJobs } from './sort-jobs.ts';

/** A lease lasts as long as its function: by then the posts and the writes after them have ended. */
const leaseMs = limits.deliverTimeoutSeconds * 1000;

/** The progress of a run for one endpoint. */
interface EndpointRun {
  readonly run: DeliverRun;
  readonly prepared: PreparedSubscription;
  readonly group: readonly ReadyJob[];
  readonly outcomes: Map<ReadyJob, DeliveryOutcome>;
  /** How each post ended, or why none was made. */
  readonly attempts: Map<ReadyJob, CallbackOutcome>;
}

/** The posts made under a lease. */
interface Sent {
  readonly leaseId: string;
  readonly state: EndpointState;
  readonly results: readonly PostResult[];
  readonly postsNotMade: number;
}

/** Make one attempt for each job of an endpoint that is known to be fast, and park the others in its backlog. */
export async function deliverToEndpoint(
  run: DeliverRun,
  known: EndpointState,
  group: readonly ReadyJob[],
): Promise<readonly DeliveryOutcome[]> {
  const [{ prepared }] = group as readonly [ReadyJob];
  const one: EndpointRun = { run, prepared, group, outcomes: new Map(), attempts: new Map() };
  const { ordering, shaping, status } = prepared.subscription;
  // Jobs queued before the subscription was disabled wait in the backlog until it is enabled again.
  const isDrained = ordering !== 'none' || shaping.batch !== undefined || status !== 'enabled';
  const mayPost = !isDrained && isFast(known, run.ports.endpointPolicy, run.startedAtMs);
  const sorted = await sortJobs(run, prepared, known, group, mayPost, one);
  const sent = mayPost ? await send(one, known, sorted.posting) : undefined;
  await settleJobs(one, sorted, sent);
  return group.map((job) => one.outcomes.get(job) as DeliveryOutcome);
}

/** Post under a lease. @returns Undefined when the endpoint admits no lease. */
async function send(one: EndpointRun, known: EndpointState, posting: readonly PostingJob[]): Promise<Sent | undefined> {
  const { run, prepared } = one;
  const { ports, startedAtMs, memory } = run;
  // Take half of the endpoint's slots, so that another run need not wait for this one.
  const maxSlots = Math.max(1, Math.ceil(prepared.limits.concurrency / 2));
  const lease = { id: leaseId(ports), durationMs: leaseMs, maxSlots };
  const admitted = await askForLease(ports, known, prepared, posting.length, lease);
  if (admitted === undefined) return undefined;
  const results: PostResult[] = [];
  let postsNotMade = admitted.posts;
  let hasDied = false;
  await forEachAtMost(
    () => slotsAfter(admitted, results, prepared.limits),
    posting.slice(0, admitted.posts),
    ({ job, judged }) =>
      memory.hold(job.row.dataBytes, async () => {
        if (hasDied || ports.clock.nowMs() - startedAtMs > limits.deliverBeginPostsMs || endsEarly(results)) return;
        const outcome = await postJob(one, job, judged);
        if (outcome === undefined) return;
        // Not an attempt: the drain, which serves this endpoint alone, gives the transform more time.
        if (outcome.kind === 'failed' && outcome.hasDied) {
          hasDied = true;
          return;
        }
        postsNotMade -= 1;
        one.attempts.set(job, outcome);
        const result = postResult(outcome, ports.clock.nowMs());
        if (result !== undefined) results.push(result);
      }),
  );
  return { leaseId: lease.id, state: admitted.state, results, postsNotMade };
}

/** @returns Undefined when nothing was posted; then `outcomes` or `attempts` says why. */
async function postJob(
  { run: { ports }, prepared, outcomes, attempts }: EndpointRun,
  job: ReadyJob,
  judged: CanonicalEvent | undefined,
): Promise<CallbackOutcome | undefined> {
  try {
    const event = judged ?? (await tryToEvent(ports, job.row, isForGood));
    if (!('kind' in event)) {
      const previous = await readPrevious(ports, prepared.subscription, [job.row]);
      const options = { isReplay: job.delivery.replay !== undefined, hops: hopsOf([job]), previous };
      return await post(ports, prepared, job.row.id, [event], options);
    }
    attempts.set(job, event);
  } catch (error) {
    // A later read may succeed, or no attempt can be made of the event: only this message is redelivered.
    outcomes.set(job, { kind: 'failed', error });
  }
  return undefined;
}

/** Record the attempts, give the lease back, and ask for a drain of the rest. */
async function settleJobs(one: EndpointRun, sorted: SortedJobs, sent: Sent | undefined): Promise<void> {
  const { run, prepared, group, outcomes, attempts } = one;
  const { ports } = run;
  const { wanted, unjudged } = sorted;
  const parking = wanted.filter((job) => !attempts.has(job) && !outcomes.has(job));
  const record = createRecordWrite(ports, run.startedAtMs + limits.deliverTimeoutSeconds * 1000);
  const recorded = await recordAll(ports, record, prepared, { parking, unjudged, attempts });
  for (const [job, outcome] of recorded) outcomes.set(job, outcome);
  const { woken, untold } = await finishEarlierRuns(ports, group, outcomes);
  if (sent !== undefined) await giveBack(one, sent);
  if (parking.length + woken.length > 0) await drainParked(ports, prepared);
  await reportDelivery(ports, prepared.subscription, [
    ...untold.map(({ delivery, row }) => ({ delivery, hops: row.hops })),
    ...recorded.flatMap(([{ row }, outcome, delivery]) =>
      outcome.kind === 'dead-lettered' ? { delivery, hops: row.hops } : [],
    ),
  ]);
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

async function giveBack({ run: { ports }, prepared }: EndpointRun, sent: Sent): Promise<void> {
  const { result: effects } = await changeEndpoint(ports, sent.state, (current) => {
    const settled = settle(
      current,
      // Never a probe: only an open circuit is probed, and an endpoint with an open circuit is not fast.
      { id: sent.leaseId, isProbe: false, postsNotMade: sent.postsNotMade },
      sent.results,
      prepared.limits,
      policyOf(ports, prepared),
      ports.clock.nowMs(),
    );
    return { state: settled.state, result: settled.effects };
  });
  await reportEndpoint(ports, prepared.subscription, effects);
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
