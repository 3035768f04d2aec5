import { limits } from '../../contracts/limits.ts';
import type { DeliveryJob } from '../../contracts/messages.ts';
import type { EndpointLimits, PostResult } from '../../engine/delivery/endpoint-state.ts';
import {
  type Decision,
  defaultRetryPolicy,
  nextAttempt,
  parseRetryAfter,
  type RetryPolicy,
} from '../../engine/delivery/next-attempt.ts';
import { endpointHeaders } from '../../engine/endpoint-auth/endpoint-headers.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { hopHeader, hopKeyPurpose, writeHops } from '../../engine/request/hop-count.ts';
import { deprecationHeaders } from '../../engine/schema-versions/deprecation-headers.ts';
import type { Deprecation } from '../../engine/schema-versions/versioned-resource.ts';
import { type PreparedShaping, prepareShaping, shapeEvents } from '../../engine/shaping/shape-event.ts';
import { currentSecrets } from '../../engine/signing/rotating-secrets.ts';
import { type CallbackKeys, signCallback } from '../../engine/signing/standard-webhooks.ts';
import type { CallbackClient, CallbackOutcome, CallbackRequest } from '../../ports/delivery/callback-client.ts';
import type { Delivery, DeliveryAttempt, DeliveryStore, WaitsIn } from '../../ports/delivery/delivery-store.ts';
import type { OauthTokens } from '../../ports/delivery/oauth-tokens.ts';
import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { EngineKey } from '../../ports/runtime/engine-key.ts';
import type { ExpressionRun } from '../../ports/runtime/expressions.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import { type PinPorts, pinEvents } from '../feed/pin-events.ts';
import { type EventPayloads, isForGood, tryToEvent } from '../feed/read-event.ts';

/** A subscription with all that is done once for it. */
export interface PreparedSubscription {
  readonly subscription: Subscription;
  readonly shaping: PreparedShaping;
  readonly limits: EndpointLimits;
  readonly retryPolicy: RetryPolicy;
}

export interface AttemptPorts extends PinPorts {
  readonly callbacks: CallbackClient;
  readonly tokens: OauthTokens;
  /** Signs how often what caused an event has passed through. */
  readonly engineKey: EngineKey;
  readonly clock: Clock;
  readonly randomness: Randomness;
}

/** Do once for a subscription what does not depend on the event. */
export function prepareSubscription(subscription: Subscription): PreparedSubscription {
  return {
    subscription,
    shaping: prepareShaping(subscription.shaping),
    limits: { concurrency: subscription.concurrency, ratePerSecond: subscription.ratePerSecond },
    retryPolicy: retryPolicyOf(subscription),
  };
}

/** The usual policy, with what the subscription has of its own. */
export function retryPolicyOf({ retry: { scheduleMs, maxAgeMs } = {} }: Subscription): RetryPolicy {
  return {
    ...defaultRetryPolicy,
    ...(scheduleMs === undefined ? {} : { scheduleMs }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  };
}

/** Attempts of which a delivery keeps the details. */
const keptAttempts = 20;
/** Characters of an earlier attempt's answer that are kept; the last one's is whole. A row ends at 400 KB. */
const keptOfEarlierAnswers = 1_024;

/** A delivery that nobody has stored: what the queue's message says of it. */
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

/**
 * Put deliveries into the backlog that were not stored when they were read.
 *
 * @returns Those that wait there now. The others were stored by another run meanwhile, whose word stands.
 */
export async function parkNew(
  { deliveries }: { readonly deliveries: Pick<DeliveryStore, 'addMany' | 'getMany' | 'remind'> },
  fresh: readonly Delivery[],
): Promise<ReadonlySet<Delivery>> {
  if (fresh.length === 0) return new Set();
  const added = await deliveries.addMany(fresh);
  const others = fresh.filter((one) => !added.has(one));
  if (others.length === 0) return added;
  // One that waits there may be this run's own, whose answer was lost, and lack its entry.
  const waiting = (await deliveries.getMany(others)).filter(({ waitsIn }) => waitsIn === 'backlog');
  if (waiting.length > 0) await deliveries.remind(waiting);
  const events = new Set(waiting.map(({ event }) => event));
  return new Set([...added, ...others.filter(({ event }) => events.has(event))]);
}

export function isMine({ subscription }: PreparedSubscription, row: Pick<EventRow, 'tenant'>): boolean {
  return subscription.tenant === null || subscription.tenant === row.tenant;
}

/** What a subscription's filter says of an event. */
export type Judgement =
  /** It lets the event through; or it fails, and a receiver can tell an event too many apart. */
  | { readonly kind: 'wanted' }
  | { readonly kind: 'unwanted' }
  /** It cannot be asked about this event, now or later: a fault of the engine, which holds up no other event. */
  | { readonly kind: 'failed'; readonly failure: ExpressionFailure }
  /** It was stopped before it said anything: the subscription is held back, and nothing of it is sent. */
  | { readonly kind: 'died'; readonly failure: ExpressionFailure };

type ExpressionFailure = Extract<CallbackOutcome, { kind: 'failed' }>;

/**
 * Whose expressions a subscription's are: they are stopped, and take turns, together. A tenant's are one, so that many
 * subscriptions give it no more than one. Those to all tenants are the operator's.
 */
function ownerOf({ tenant, id }: Subscription): string {
  return tenant === null ? `subscription ${id}` : `tenant ${tenant}`;
}

/**
 * Ask a subscription's filter about an event, in the version that the subscription reads. An event that cannot be had
 * in that version is let through: its attempt says why.
 */
export async function judge(
  ports: PinPorts,
  { subscription, shaping: { filter } }: PreparedSubscription,
  event: CanonicalEvent,
): Promise<Judgement> {
  if (filter === undefined) return { kind: 'wanted' };
  try {
    const pinned = await pinEvents(ports, subscription.shaping.schema_versions, [event]);
    const [read] = pinned.events;
    if (read === undefined) return { kind: 'wanted' };
    const run = await ports.expressions.run('judge', { filter, event: read }, ownerOf(subscription));
    if (run.kind === 'died') return { kind: 'died', failure: diedBefore('filter', run) };
    return { kind: run.result.kind === 'unwanted' ? 'unwanted' : 'wanted' };
  } catch (error) {
    if (!isForGood(error)) throw error;
    return { kind: 'failed', failure: faultOf('filter', error) };
  }
}

/** The outcome of a callback that is not made because of a fault of the engine, which comes again with each attempt. */
export function faultOf(what: string, error: unknown): ExpressionFailure {
  return notSent(`${what}: ${error instanceof Error ? error.message : 'it failed for an unknown reason'}`);
}

/** What is known of a row without its event having been sent. */
export type RowJudgement = 'wanted' | 'unwanted' | 'unjudged';

/**
 * Ask a subscription's filter about events that are still to be read, one after the other. One that can never be read
 * is let through, for its owner to see: it is tried, and fails, and holds up no other. Once the filter was stopped it is
 * asked no more: what is left is unjudged, and judged before its attempt.
 *
 * @returns In the order of the rows.
 */
export async function judgeRows(
  ports: PinPorts & EventPayloads,
  prepared: PreparedSubscription,
  rows: readonly EventRow[],
): Promise<readonly RowJudgement[]> {
  if (prepared.shaping.filter === undefined) return rows.map(() => 'wanted');
  const judgements: RowJudgement[] = [];
  let hasDied = false;
  for (const row of rows) {
    const event = hasDied ? undefined : await tryToEvent(ports, row, isForGood);
    if (event === undefined) judgements.push('unjudged');
    else if ('kind' in event) judgements.push('wanted');
    else {
      const { kind } = await judge(ports, prepared, event);
      hasDied = kind === 'died';
      judgements.push(kind === 'wanted' || kind === 'unwanted' ? kind : 'unjudged');
    }
  }
  return judgements;
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

/** What differs from a usual callback. */
export interface CallbackOptions {
  /** Whether somebody asked for what was sent, or could have been, before. */
  readonly isReplay: boolean;
  /** How often what caused the events has passed through this deployment. @default 1 */
  readonly hops?: number;
  /** Instead of the subscription's own, for tests of a receiver. */
  readonly keys?: CallbackKeys | undefined;
  /** Instead of now, for tests of a receiver. */
  readonly signedAtMs?: number | undefined;
}

/** A callback, signed and ready to be sent; or why it cannot be. */
export type PreparedCallback =
  | { readonly kind: 'ready'; readonly request: CallbackRequest; readonly token: string | undefined }
  | NotPrepared;

interface NotPrepared extends ExpressionFailure {
  /** Events of which the callback cannot be made, by id, each with its own reason; undefined where it is none's. */
  readonly failures?: ReadonlyMap<string, ExpressionFailure>;
}

/**
 * Pin, shape, authorize and sign a callback: one event, or a batch where the subscription asks for batches.
 *
 * @param id - The `webhook-id`: the event's, or the batch's.
 */
export async function prepareCallback(
  ports: AttemptPorts,
  { subscription, shaping }: PreparedSubscription,
  id: string,
  events: readonly CanonicalEvent[],
  { isReplay, hops = 1, keys, signedAtMs }: CallbackOptions,
): Promise<PreparedCallback> {
  const pinned: CanonicalEvent[] = [];
  const deprecations: Deprecation[] = [];
  const failures = new Map<string, ExpressionFailure>();
  for (const event of events) {
    const one = await pinEvents(ports, subscription.shaping.schema_versions, [event]);
    if (one.kind === 'failed') failures.set(event.id, notSent(one.reason));
    else {
      pinned.push(...one.events);
      deprecations.push(...one.deprecations);
    }
  }
  if (failures.size > 0) return notPrepared(failures);
  const shaped = await shapeEvents(shaping, pinned, async (transform, event) => {
    const run = await ports.expressions
      .run('transform', { transform, event }, ownerOf(subscription))
      .catch((error: unknown) => {
        if (!isForGood(error)) throw error;
        return { kind: 'fault', failure: faultOf('transform', error) } as const;
      });
    if (run.kind === 'ended') return run.result;
    const failure = run.kind === 'died' ? diedBefore('transform', run) : run.failure;
    failures.set(event.id, failure);
    return { kind: 'failed', reason: failure.error, isLast: run.kind === 'died' };
  });
  if (shaped.kind === 'failed') {
    for (const { event, reason } of shaped.failures) if (!failures.has(event)) failures.set(event, notSent(reason));
    return notPrepared(failures);
  }
  const { auth, client_certificate: clientCertificate, timeout_seconds: timeoutSeconds } = subscription.endpoint;
  const token = auth?.type === 'oauth2' ? await ports.tokens.tokenFor(auth) : undefined;
  if (token?.kind === 'failed') return token;
  const hopKey = await ports.engineKey.derive(hopKeyPurpose);
  const nowMs = ports.clock.nowMs();
  const timestampSeconds = Math.floor((signedAtMs ?? nowMs) / 1000);
  return {
    kind: 'ready',
    request: {
      url: subscription.url,
      headers: {
        ...endpointHeaders(subscription.endpoint, token?.token),
        ...deprecationHeaders(deprecations),
        'content-type': shaped.contentType,
        'user-agent': 'Tributary/1',
        ...(isReplay ? { 'tributary-replay': 'true' } : {}),
        [hopHeader]: writeHops(hopKey, { hops, id }),
        ...signCallback(keys ?? currentKeys(subscription, nowMs), id, timestampSeconds, shaped.body),
      },
      body: shaped.body,
      timeoutMs: timeoutSeconds * 1000,
      clientCertificate,
    },
    token: token?.token,
  };
}

/** What stops a subscription comes before what is wrong with an event. */
function notPrepared(failures: ReadonlyMap<string, ExpressionFailure>): NotPrepared {
  const all = [...failures.values()] as [ExpressionFailure, ...ExpressionFailure[]];
  return { ...(all.find(({ hasDied }) => hasDied) ?? all[0]), failures };
}

function notSent(error: string): ExpressionFailure {
  return { kind: 'failed', error, durationMs: 0, isOwn: true };
}

/** The outcome of a callback that is not made because an expression of its subscription was stopped. */
function diedBefore(
  what: string,
  { by, reason }: Extract<ExpressionRun<unknown>, { kind: 'died' }>,
): ExpressionFailure {
  return { ...notSent(`${what}: ${reason}`), hasDied: true, ...(by === 'suspended' ? { isSuspended: true } : {}) };
}

/** What signs now. */
function currentKeys({ secrets, signingKeys = [] }: Subscription, nowMs: number): CallbackKeys {
  return {
    secrets: currentSecrets(secrets, nowMs),
    signingKeys: signingKeys.filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs),
  };
}

/** Send what is prepared. */
export async function postCallback(
  ports: AttemptPorts,
  { subscription }: PreparedSubscription,
  callback: PreparedCallback,
): Promise<CallbackOutcome> {
  if (callback.kind === 'failed') {
    const { failures: _, ...failure } = callback;
    return failure;
  }
  const { request, token } = callback;
  const outcome = await ports.callbacks.post(request);
  const { auth } = subscription.endpoint;
  if (auth?.type === 'oauth2' && token !== undefined && outcome.kind === 'answered' && outcome.status === 401)
    ports.tokens.forget(auth, token);
  return outcome;
}

/** The hops of a callback: those of its event that has most. */
export function hopsOf(items: readonly { readonly row: Pick<EventRow, 'hops'> }[]): number {
  return Math.max(1, ...items.map(({ row }) => row.hops ?? 1));
}

/** Post events to an endpoint, as {@link prepareCallback} makes them. */
export async function post(
  ports: AttemptPorts,
  prepared: PreparedSubscription,
  id: string,
  events: readonly CanonicalEvent[],
  options: CallbackOptions,
): Promise<CallbackOutcome> {
  return postCallback(ports, prepared, await prepareCallback(ports, prepared, id, events, options));
}

export interface Attempted {
  readonly delivery: Delivery;
  readonly decision: Decision;
}

/** What a delivery is after an attempt. */
export function recordAttempt(
  ports: Pick<AttemptPorts, 'clock' | 'randomness'>,
  { retryPolicy, subscription }: PreparedSubscription,
  before: Delivery,
  outcome: CallbackOutcome,
  isProbe: boolean,
): Attempted {
  const nowMs = ports.clock.nowMs();
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
    ports.randomness.fraction(),
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
    waitsIn: decision.kind === 'retry-later' ? whereToWait(subscription, decision.delayMs) : undefined,
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
function whereToWait({ ordering }: Subscription, delayMs: number): WaitsIn {
  if (ordering !== 'none') return 'backlog';
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
