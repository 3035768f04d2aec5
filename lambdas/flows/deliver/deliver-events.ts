import type { DeliveryJob } from '../../contracts/messages.ts';
import type { EndpointState } from '../../engine/delivery/endpoint-state.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import { createByteBudget } from '../concurrency/byte-budget.ts';
import type { PreparedSubscription } from './attempt/prepare-subscription.ts';
import { type DeliveryOutcome, decide, type JobDelivery, type ReadyJob } from './decide-job.ts';
import type { DeliverPorts } from './deliver-ports.ts';
import { deliverToEndpoint } from './deliver-to-endpoint.ts';
import type { DeliverRun } from './sort-jobs.ts';

/**
 * Data that the posts of a run hold at a time, over all its endpoints. An event is in memory several times while it is
 * sent: as bytes, text, value and body.
 */
export const maxHeldBytes = 16 * 1024 * 1024;

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

function distinct<T>(jobs: readonly JobDelivery[], keyOf: (job: DeliveryJob) => T): readonly T[] {
  return [...new Map(jobs.map(({ job }) => [`${job.scope} ${job.subscription}`, keyOf(job)])).values()];
}

function deliveryKey(delivery: { readonly subscription: string; readonly event: string }): string {
  return `${delivery.subscription} ${delivery.event}`;
}
