import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { CallbackOutcome } from './callback-outcome.ts';
import type { Delivery, DeliveryAttempt, WaitsIn } from './delivery.ts';
import { type Decision, nextAttempt, parseRetryAfter, type RetryPolicy } from './next-attempt.ts';
import type { PostResult } from './pace.ts';

/** Attempts of which a delivery keeps the details. */
const keptAttempts = 20;

/** Characters of an earlier attempt's answer that are kept; the last one's is whole. A row ends at 400 KB. */
const keptOfEarlierAnswers = 1_024;

/** A delivery that is not stored yet: what the queue's message says of it. */
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

/** A delivery that has ended and is to be sent again: a new schedule begins, and earlier attempts are kept as history. */
export function restarted(delivery: Delivery): Delivery {
  return { ...delivery, scheduledCount: 0, firstAttemptAt: undefined, exhaustedBy: undefined };
}

/** A delivery as it waits for its endpoint's turn. */
export function parked(delivery: Delivery): Delivery {
  return { ...delivery, state: 'waiting', waitsIn: 'backlog', nextAttemptAt: undefined };
}

/** A delivery that the filter leaves out, although it waits already. */
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

export interface Attempted {
  readonly delivery: Delivery;
  readonly decision: Decision;
}

/** What a subscription says of its attempts. */
export interface AttemptRules {
  readonly retryPolicy: RetryPolicy;
  readonly isOrdered: boolean;
}

export interface AttemptMoment {
  /** Whether it tries an endpoint whose circuit is open. */
  readonly isProbe: boolean;
  /** Epoch milliseconds: when the attempt ended. */
  readonly nowMs: number;
  /** In [0, 1); the caller draws it, so the result is repeatable. */
  readonly random: number;
}

/** What a delivery is after an attempt. */
export function recordAttempt(
  { retryPolicy, isOrdered }: AttemptRules,
  before: Delivery,
  outcome: CallbackOutcome,
  { isProbe, nowMs, random }: AttemptMoment,
): Attempted {
  const startedAtMs = nowMs - outcome.durationMs;
  const status = outcome.kind === 'answered' ? outcome.status : undefined;
  const trigger = before.isManual ? 'manual' : isProbe && before.scheduledCount > 0 ? 'probe' : 'schedule';
  // The first attempt begins the schedule, whatever it was made for.
  const scheduledCount = before.scheduledCount + (trigger === 'schedule' || before.scheduledCount === 0 ? 1 : 0);
  const firstAttemptAt = before.firstAttemptAt ?? new Date(startedAtMs).toISOString();
  const retryAfterMs = outcome.kind === 'answered' ? parseRetryAfter(outcome.retryAfter, nowMs) : undefined;
  const decision = nextAttempt(
    retryPolicy,
    { number: scheduledCount, status, ageMs: nowMs - Date.parse(firstAttemptAt), retryAfterMs },
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
  // What is cut may be half of a character, which no store takes.
  return { ...attempt, response: response?.slice(0, keptOfEarlierAnswers).toWellFormed() };
}

/** An ordered subscription's event holds its place in the backlog; what SQS can delay waits there. */
function whereToWait(isOrdered: boolean, delayMs: number): WaitsIn {
  if (isOrdered) return 'backlog';
  return delayMs <= limits.queueMaxDelayMs ? 'queue' : 'due-index';
}

/** What an outcome says of its endpoint; undefined where nothing was sent. */
export function postResult(outcome: CallbackOutcome, nowMs: number): PostResult | undefined {
  if (outcome.kind === 'failed' && outcome.hasDied)
    return { ok: false, status: undefined, durationMs: 0, stopReason: outcome.error };
  if (outcome.kind === 'failed' && outcome.isOwn) return undefined;
  if (outcome.kind === 'failed') return { ok: false, status: undefined, durationMs: outcome.durationMs };
  const { status, durationMs, retryAfter } = outcome;
  const ok = status >= 200 && status < 300;
  return { ok, status, durationMs, retryAfterMs: ok ? undefined : parseRetryAfter(retryAfter, nowMs) };
}
