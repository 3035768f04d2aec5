import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import { givenUp } from '../../engine/delivery/record-attempt.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import { createByteBudget } from '../concurrency/byte-budget.ts';
import { reportDelivery } from '../publish/publish-operational-events.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { type DeliveryOutcome, decide, type JobDelivery, type ReadyJob } from './decide-job.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import { deliverToEndpoint } from './deliver-to-endpoint.ts';
import type { DeliverRun } from './sort-jobs.ts';

/**
 * Data that the concurrent posts of a run may hold, over all its endpoints. While an event is sent, memory holds it
 * several times: as bytes, text, value and body.
 */
export const maxHeldBytes = 16 * 1024 * 1024;

/**
 * Make one attempt for each job whose endpoint is known to be fast, and park the others in their endpoints' backlogs,
 * which `drain` sends: no endpoint waits here for a slow one. An error over one event, or one subscription, fails only
 * the jobs of that event or subscription (invariant 12).
 *
 * Reads and writes for the whole batch happen once. The order of the writes makes a crash harmless: record the attempt
 * (or park the delivery), then queue its successor (or ask for its drain), then acknowledge the message. A job that is
 * redelivered after its attempt was recorded is not posted again; it only repeats the later steps.
 */
export async function deliverEvents(
  ports: DeliverPorts,
  jobs: readonly JobDelivery[],
): Promise<readonly DeliveryOutcome[]> {
  const startedAtMs = ports.clock.nowMs();
  const [subscriptions, rows, stored, endpoints] = await Promise.all([
    ports.subscriptions.getMany(distinct(jobs, ({ scope, subscription: id }) => ({ scope, id }))),
    // A lagging read is safe: a job is queued after its event is written.
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
    // The queue may deliver one job twice, even in one batch.
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
    else if (decided.kind === 'early') outcomes[index] = await postponeEarly(ports, job, decided.group);
    else if (decided.kind === 'expired') outcomes[index] = await giveUp(ports, decided);
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

/** Pause before a job is looked at again whose earlier attempt is not recorded. */
const earlyMs = 5_000;
/** By then the run that made the attempt has ended, recorded it or died: its delivery is where it was before. */
const maxEarly = Math.ceil((limits.drainTimeoutSeconds * 1000) / earlyMs) + 1;

/** Queue a job again: if it were acknowledged now, no message would be left of a delivery that waits in the queue. */
async function postponeEarly(ports: DeliverPorts, job: DeliveryJob, group: string): Promise<DeliveryOutcome> {
  const { postponed = 0 } = job;
  if (postponed >= maxEarly) return { kind: 'duplicate' };
  try {
    await ports.deliveryQueue.sendAll([{ job: { ...job, postponed: postponed + 1 }, group, delayMs: earlyMs }]);
    return { kind: 'postponed' };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** End a delivery whose event has expired. */
async function giveUp(
  ports: DeliverPorts,
  { prepared, delivery }: { readonly prepared: PreparedSubscription; readonly delivery: Delivery },
): Promise<DeliveryOutcome> {
  try {
    const ended = givenUp(delivery);
    // Told first: once it has ended, nothing leads to it. Told again after a crash, it is the same event.
    await reportDelivery(ports, prepared.subscription, [{ delivery: ended, hops: undefined }]);
    await ports.deliveries.replace(ended);
    return { kind: 'dead-lettered', reason: 'event-expired' };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

type TriedPreparation =
  | { readonly kind: 'prepared'; readonly prepared: PreparedSubscription }
  | Extract<DeliveryOutcome, { kind: 'failed' }>;

/** A stored subscription that this version cannot prepare fails only its own jobs. */
function tryToPrepare(ports: DeliverPorts, subscription: Subscription): TriedPreparation {
  try {
    return { kind: 'prepared', prepared: ports.prepare(subscription) };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

function distinct<T>(jobs: readonly JobDelivery[], keyOf: (job: DeliveryJob) => T): readonly T[] {
  return [...new Map(jobs.map(({ job }) => [`${job.scope} ${job.subscription}`, keyOf(job)])).values()];
}

function deliveryKey(delivery: { readonly subscription: string; readonly event: string }): string {
  return `${delivery.subscription} ${delivery.event}`;
}
