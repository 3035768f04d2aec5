import type { DeliveryJob } from '../contracts/messages.ts';
import { nextAttempt, parseRetryAfter, type RetryPolicy } from '../engine/retry/next-attempt.ts';
import { signCallback } from '../engine/signing/standard-webhooks.ts';
import type { CallbackClient, CallbackOutcome } from '../ports/callback-client.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Delivery, DeliveryAttempt, DeliveryStore } from '../ports/delivery-store.ts';
import type { EventReader, EventRow } from '../ports/event-store.ts';
import type { DeadLetterQueue, DeliveryQueue } from '../ports/queues.ts';
import type { Randomness } from '../ports/randomness.ts';
import { type Subscription, type SubscriptionStore, scopeOf } from '../ports/subscription-store.ts';
import { toEvent } from './read-event.ts';

export interface DeliverPorts {
  readonly events: Pick<EventReader, 'getMany'>;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly subscriptions: Pick<SubscriptionStore, 'getMany'>;
  readonly deliveries: DeliveryStore;
  readonly deliveryQueue: DeliveryQueue;
  readonly deadLetters: DeadLetterQueue;
  readonly callbacks: CallbackClient;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly retryPolicy: RetryPolicy;
}

/** One message of the delivery queue: as it was received, and read. */
export interface JobDelivery {
  readonly messageId: string;
  readonly body: string;
  readonly job: DeliveryJob;
}

/** How one job ended. */
export type DeliveryOutcome =
  | { readonly kind: 'delivered'; readonly status: number }
  | { readonly kind: 'retried'; readonly delayMs: number; readonly status: number | undefined }
  /** Tried as often as it may be; kept on the dead-letter queue. */
  | { readonly kind: 'dead-lettered'; readonly reason: string }
  /** An earlier run of the same job had done it. */
  | { readonly kind: 'duplicate' }
  /** Nobody wants it any more: the subscription, or the event itself, is gone. */
  | { readonly kind: 'filtered'; readonly reason: string }
  /** Not done, and nothing lost: the message must come again. */
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Make one attempt for each job.
 *
 * Whatever is read or written for the whole batch is read or written once. The order of the writes
 * is what makes a crash harmless: the attempt is recorded, then its successor queued (or the job
 * dead-lettered), then the message is acknowledged. A job that comes again after its attempt was
 * recorded is not posted again; it only queues its successor once more.
 */
export async function deliverEvents(
  ports: DeliverPorts,
  jobs: readonly JobDelivery[],
): Promise<readonly DeliveryOutcome[]> {
  const [subscriptions, rows, deliveries] = await Promise.all([
    ports.subscriptions.getMany(jobs.map(({ job }) => ({ scope: job.scope, id: job.subscription }))),
    ports.events.getMany(jobs.map(({ job }) => job)),
    ports.deliveries.getMany(jobs.map(({ job }) => job)),
  ]);
  const context: BatchContext = {
    subscriptions: new Map(
      subscriptions.map((subscription) => [subscriptionKey(subscription.id, scopeOf(subscription)), subscription]),
    ),
    rows: new Map(rows.map((row) => [row.id, row])),
    deliveries: new Map(deliveries.map((delivery) => [deliveryKey(delivery), delivery])),
  };

  const seen = new Set<string>();
  const plans = await Promise.all(
    jobs.map(async ({ job }): Promise<Plan> => {
      // The queue may hand over one job twice, even in one batch.
      const key = `${deliveryKey(job)} ${job.attempt}`;
      if (seen.has(key)) return { outcome: { kind: 'duplicate' } };
      seen.add(key);
      return attemptJob(ports, context, job).catch((error: unknown) => ({ outcome: { kind: 'failed', error } }));
    }),
  );
  return carryOut(ports, jobs, plans);
}

interface BatchContext {
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly rows: ReadonlyMap<string, EventRow>;
  readonly deliveries: ReadonlyMap<string, Delivery>;
}

/** What follows one job: the outcome, and what must be durable before the job may be acknowledged. */
interface Plan {
  readonly outcome: DeliveryOutcome;
  readonly record?: Delivery;
  readonly successor?: { readonly job: DeliveryJob; readonly group: string; readonly delayMs: number };
}

async function attemptJob(ports: DeliverPorts, context: BatchContext, job: DeliveryJob): Promise<Plan> {
  const subscription = context.subscriptions.get(subscriptionKey(job.subscription, job.scope));
  if (subscription === undefined) return { outcome: { kind: 'filtered', reason: 'subscription-gone' } };
  const row = context.rows.get(job.event);
  if (row === undefined) return { outcome: { kind: 'filtered', reason: 'event-expired' } };
  // The row is what the queue's message points to; a subscription of another tenant may never see it.
  if (subscription.tenant !== null && subscription.tenant !== row.tenant)
    return { outcome: { kind: 'filtered', reason: 'other-tenant' } };

  const earlier = context.deliveries.get(deliveryKey(job));
  const last = earlier?.attempts.at(-1);
  if (earlier !== undefined && last !== undefined && last.number >= job.attempt)
    return resumeJob(ports, job, row, earlier, last);

  const outcome = await postEvent(ports, subscription, row);
  return recordAttempt(ports, job, row, earlier, outcome);
}

/** The attempt was made and recorded, but its message came again: do only what comes after it. */
function resumeJob(
  ports: DeliverPorts,
  job: DeliveryJob,
  row: EventRow,
  earlier: Delivery,
  last: DeliveryAttempt,
): Plan {
  if (earlier.state === 'exhausted' && last.number === job.attempt)
    return { outcome: { kind: 'dead-lettered', reason: earlier.exhaustedBy ?? 'attempts-exhausted' } };
  if (earlier.state !== 'retrying' || earlier.nextAttemptAt === undefined || last.number !== job.attempt)
    return { outcome: { kind: 'duplicate' } };
  const delayMs = Math.max(0, Date.parse(earlier.nextAttemptAt) - ports.clock.nowMs());
  return {
    outcome: { kind: 'retried', delayMs, status: last.status },
    successor: { job: { ...job, attempt: job.attempt + 1 }, group: row.account, delayMs },
  };
}

async function postEvent(ports: DeliverPorts, subscription: Subscription, row: EventRow): Promise<CallbackOutcome> {
  const body = JSON.stringify(await toEvent(ports, row));
  const timestampSeconds = Math.floor(ports.clock.nowMs() / 1000);
  return ports.callbacks.post({
    url: subscription.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Tributary/1',
      ...signCallback(subscription.secrets, row.id, timestampSeconds, body),
    },
    body,
  });
}

function recordAttempt(
  ports: DeliverPorts,
  job: DeliveryJob,
  row: EventRow,
  earlier: Delivery | undefined,
  outcome: CallbackOutcome,
): Plan {
  const nowMs = ports.clock.nowMs();
  const status = outcome.kind === 'answered' ? outcome.status : undefined;
  const retryAfterMs = outcome.kind === 'answered' ? parseRetryAfter(outcome.retryAfter, nowMs) : undefined;
  const decision = nextAttempt(
    ports.retryPolicy,
    { number: job.attempt, status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    ports.randomness.fraction(),
  );
  const attempt: DeliveryAttempt = {
    number: job.attempt,
    at: new Date(nowMs).toISOString(),
    durationMs: outcome.durationMs,
    status,
    error: outcome.kind === 'failed' ? outcome.error : undefined,
    response: outcome.kind === 'answered' && decision.kind !== 'delivered' ? outcome.response : undefined,
  };
  const record: Delivery = {
    subscription: job.subscription,
    event: job.event,
    tenant: job.tenant,
    sequence: job.sequence,
    timestamp: job.timestamp,
    state: decision.kind === 'retry-later' ? 'retrying' : decision.kind,
    attempts: [...(earlier?.attempts ?? []), attempt],
    exhaustedBy: decision.kind === 'exhausted' ? decision.reason : undefined,
    nextAttemptAt: decision.kind === 'retry-later' ? new Date(nowMs + decision.delayMs).toISOString() : undefined,
  };
  switch (decision.kind) {
    case 'delivered':
      return { outcome: { kind: 'delivered', status: status ?? 0 }, record };
    case 'exhausted':
      return { outcome: { kind: 'dead-lettered', reason: decision.reason }, record };
    case 'retry-later':
      return {
        outcome: { kind: 'retried', delayMs: decision.delayMs, status },
        record,
        successor: { job: { ...job, attempt: job.attempt + 1 }, group: row.account, delayMs: decision.delayMs },
      };
  }
}

/** Make durable what the plans ask for, in the order that a crash cannot hurt. */
async function carryOut(
  ports: DeliverPorts,
  jobs: readonly JobDelivery[],
  plans: readonly Plan[],
): Promise<readonly DeliveryOutcome[]> {
  const recorded = await attempt(ports.deliveries.putMany(plans.flatMap(({ record }) => record ?? [])));
  const followed = recorded.done
    ? await attempt(ports.deliveryQueue.sendAll(plans.flatMap(({ successor }) => successor ?? [])))
    : recorded;
  return Promise.all(
    plans.map(async ({ outcome, record, successor }, index): Promise<DeliveryOutcome> => {
      if (!recorded.done && record !== undefined) return { kind: 'failed', error: recorded.error };
      if (!followed.done && successor !== undefined) return { kind: 'failed', error: followed.error };
      if (outcome.kind !== 'dead-lettered') return outcome;
      return ports.deadLetters
        .send(redriveOf((jobs[index] as JobDelivery).job), outcome.reason)
        .then(() => outcome)
        .catch((error: unknown) => ({ kind: 'failed' as const, error }));
    }),
  );
}

/**
 * What the dead-letter queue holds of a job: its next attempt. A job that comes again unchanged is
 * taken for a repetition; this one, redriven, is tried once more.
 */
function redriveOf(job: DeliveryJob): string {
  return JSON.stringify({ ...job, attempt: job.attempt + 1 } satisfies DeliveryJob);
}

async function attempt(writing: Promise<void>): Promise<{ done: true } | { done: false; error: unknown }> {
  return writing.then(
    () => ({ done: true }),
    (error: unknown) => ({ done: false, error }),
  );
}

function subscriptionKey(id: string, scope: string): string {
  return `${scope} ${id}`;
}

function deliveryKey(delivery: { readonly subscription: string; readonly event: string }): string {
  return `${delivery.subscription} ${delivery.event}`;
}
