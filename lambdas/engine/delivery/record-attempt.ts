import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { CallbackOutcome } from './callback-outcome.ts';
import type { Delivery, DeliveryAttempt, WaitsIn } from './delivery.ts';
import { type Decision, nextAttempt, parseRetryAfter, type RetryPolicy } from './next-attempt.ts';
import type { PostResult } from './pace.ts';

/** Attempts that a delivery keeps in detail. */
const keptAttempts = 20;

/** Characters that earlier attempts keep of an answer; the last attempt keeps all. A row holds 400 KB at most. */
const keptOfEarlierAnswers = 1_024;

/** A delivery that is not stored yet, from its queue message. */
export function newDelivery(job: Omit<DeliveryJob, 'attempt'>): Delivery {
  const { subscription, scope, event, tenant, sequence, timestamp } = job;
  return {
    subscription,
    scope,
    event,
    tenant,
    sequence,
    timestamp,
    state: 'waiting',
    attempts: [],
    attemptCount: 0,
    scheduledCount: 0,
    firstAttemptAt: undefined,
    exhaustedBy: undefined,
    nextAttemptAt: undefined,
    waitsIn: undefined,
    replay: undefined,
    isManual: undefined,
    revision: 0,
  };
}

export function jobOf(delivery: Delivery): DeliveryJob {
  const { subscription, scope, event, tenant, sequence, timestamp, attemptCount } = delivery;
  return { subscription, scope, event, tenant, sequence, timestamp, attempt: attemptCount + 1 };
}

/** Restart an ended delivery with a new schedule. Earlier attempts stay as history. */
export function restarted(delivery: Delivery): Delivery {
  return { ...delivery, scheduledCount: 0, firstAttemptAt: undefined, exhaustedBy: undefined };
}

/** A delivery that waits in its endpoint's backlog. */
export function parked(delivery: Delivery): Delivery {
  return { ...delivery, state: 'waiting', waitsIn: 'backlog', nextAttemptAt: undefined };
}

/** A delivery whose post was abandoned: its drain sends it again, and its schedule is not used up. */
export function abandoned(delivery: Delivery, error: string, startedAtMs: number, durationMs: number): Delivery {
  const attempt: DeliveryAttempt = {
    number: delivery.attemptCount + 1,
    trigger: 'probe',
    at: new Date(startedAtMs).toISOString(),
    durationMs,
    status: undefined,
    error,
    response: undefined,
  };
  return {
    ...parked(delivery),
    attempts: [...delivery.attempts.map(shortened), attempt].slice(-keptAttempts),
    attemptCount: delivery.attemptCount + 1,
  };
}

/** A waiting delivery that the filter excludes. */
export function filteredOut(delivery: Delivery): Delivery {
  return {
    ...delivery,
    state: 'cancelled',
    nextAttemptAt: undefined,
    waitsIn: undefined,
    isManual: undefined,
    isUnjudged: undefined,
  };
}

/** A delivery whose event has expired. */
export function givenUp(delivery: Delivery): Delivery {
  return {
    ...delivery,
    state: 'exhausted',
    exhaustedBy: 'event-expired',
    nextAttemptAt: undefined,
    waitsIn: undefined,
    isManual: undefined,
  };
}

export interface Attempted {
  readonly delivery: Delivery;
  readonly decision: Decision;
}

/** Settings of a subscription for attempts. */
export interface AttemptRules {
  readonly retryPolicy: RetryPolicy;
  readonly isOrdered: boolean;
}

export interface AttemptMoment {
  /** Whether the attempt probes an endpoint whose circuit is open. */
  readonly isProbe: boolean;
  /** Epoch milliseconds: when the attempt ended. */
  readonly nowMs: number;
  /** In [0, 1); the caller draws it, so the result is repeatable. */
  readonly random: number;
}

/** The delivery after an attempt. */
export function recordAttempt(
  { retryPolicy, isOrdered }: AttemptRules,
  before: Delivery,
  outcome: CallbackOutcome,
  { isProbe, nowMs, random }: AttemptMoment,
): Attempted {
  const startedAtMs = nowMs - outcome.durationMs;
  const status = outcome.kind === 'answered' ? outcome.status : undefined;
  const trigger = before.isManual ? 'manual' : isProbe && before.scheduledCount > 0 ? 'probe' : 'schedule';
  // The first attempt starts the schedule, whatever its trigger.
  const scheduledCount = before.scheduledCount + (trigger === 'schedule' || before.scheduledCount === 0 ? 1 : 0);
  const firstAttemptAt = before.firstAttemptAt ?? new Date(startedAtMs).toISOString();
  const retryAfterMs = outcome.kind === 'answered' ? parseRetryAfter(outcome.retryAfter, nowMs) : undefined;
  const decision = nextAttempt(
    retryPolicy,
    {
      number: scheduledCount,
      status,
      ageMs: nowMs - Date.parse(firstAttemptAt),
      retryAfterMs,
      isTooLarge: outcome.kind === 'failed' && outcome.isTooLarge === true,
    },
    random,
  );
  const attempt: DeliveryAttempt = {
    number: before.attemptCount + 1,
    trigger,
    at: new Date(startedAtMs).toISOString(),
    durationMs: outcome.durationMs,
    status,
    error: outcome.kind === 'failed' ? outcome.error : undefined,
    response: outcome.kind === 'answered' && decision.kind !== 'delivered' ? outcome.response : undefined,
  };
  const delivery: Delivery = {
    ...before,
    attempts: [...before.attempts.map(shortened), attempt].slice(-keptAttempts),
    attemptCount: before.attemptCount + 1,
    scheduledCount,
    firstAttemptAt,
    state: decision.kind === 'retry-later' ? 'retrying' : decision.kind,
    exhaustedBy: decision.kind === 'exhausted' ? decision.reason : undefined,
    nextAttemptAt: decision.kind === 'retry-later' ? new Date(nowMs + decision.delayMs).toISOString() : undefined,
    waitsIn: decision.kind === 'retry-later' ? whereToWait(isOrdered, decision.delayMs) : undefined,
    isManual: undefined,
    isUnjudged: outcome.kind === 'failed' && outcome.hasDied ? before.isUnjudged : undefined,
  };
  return { delivery, decision };
}

function shortened({ response, ...attempt }: DeliveryAttempt): DeliveryAttempt {
  // The cut may split a surrogate pair, which no store accepts.
  return { ...attempt, response: response?.slice(0, keptOfEarlierAnswers).toWellFormed() };
}

/** In an ordered subscription, a delivery keeps its place in the backlog. Otherwise SQS delays it, if it can. */
function whereToWait(isOrdered: boolean, delayMs: number): WaitsIn {
  if (isOrdered) return 'backlog';
  return delayMs <= limits.queueMaxDelayMs ? 'queue' : 'due-index';
}

/** What an outcome tells about the endpoint; undefined if nothing was sent for a reason other than a stopped expression. */
export function postResult(outcome: CallbackOutcome, nowMs: number): PostResult | undefined {
  if (outcome.kind === 'failed' && outcome.hasDied)
    return { ok: false, status: undefined, durationMs: 0, stopReason: outcome.error };
  if (outcome.kind === 'failed' && outcome.isOwn) return undefined;
  if (outcome.kind === 'failed') return { ok: false, status: undefined, durationMs: outcome.durationMs };
  const { status, durationMs, retryAfter } = outcome;
  const ok = status >= 200 && status < 300;
  return { ok, status, durationMs, retryAfterMs: ok ? undefined : parseRetryAfter(retryAfter, nowMs) };
}
