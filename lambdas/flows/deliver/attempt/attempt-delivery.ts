import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { AttemptMoment } from '../../../engine/delivery/record-attempt.ts';
import { escapeNoncharacters } from '../../../engine/destination/message-body.ts';
import { labelsOf } from '../../../engine/destination/message-labels.ts';
import { endpointHeaders } from '../../../engine/endpoint-auth/endpoint-headers.ts';
import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import { hopHeader, hopKeyPurpose, writeHops } from '../../../engine/request/hop-count.ts';
import { deprecationHeaders } from '../../../engine/schema-versions/deprecation-headers.ts';
import type { Deprecation } from '../../../engine/schema-versions/versioned-resource.ts';
import type { CloudEventContext } from '../../../engine/shaping/cloud-event.ts';
import { type RunTransform, type ShapedEvents, shapeEvents } from '../../../engine/shaping/shape-event.ts';
import { currentSecrets } from '../../../engine/signing/rotating-secrets.ts';
import { type CallbackKeys, signCallback } from '../../../engine/signing/standard-webhooks.ts';
import { traceparentHeader, writeTraceparent } from '../../../engine/trace/traceparent.ts';
import type { CallbackClient, CallbackRequest, LateAnswer } from '../../../ports/delivery/callback-client.ts';
import type { DeliveryStore } from '../../../ports/delivery/delivery-store.ts';
import type { OauthTokens } from '../../../ports/delivery/oauth-tokens.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { EngineKey } from '../../../ports/runtime/engine-key.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import type { Spans } from '../../../ports/runtime/spans.ts';
import { type PinnedEvents, type PinPorts, pinEvents } from '../../feed/pin-events.ts';
import { isForGood } from '../../feed/read-event.ts';
import { type CallbackTrace, recordCallback, traceOfCallback } from './callback-trace.ts';
import { faultOf } from './judge-events.ts';
import { diedBefore, type ExpressionFailure, notSent, ownerOf } from './own-failure.ts';
import type { PreparedSubscription } from './prepare-subscription.ts';

export interface AttemptPorts extends PinPorts {
  readonly callbacks: CallbackClient;
  readonly tokens: OauthTokens;
  /** Signs the hop count of callbacks. */
  readonly engineKey: EngineKey;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** What callbacks say of the deployment: where its schemas are, and how many traces are sampled. */
  readonly callbackContext?: CloudEventContext | undefined;
  /** @default - none: no span is made */
  readonly spans?: Spans | undefined;
}

/**
 * Put deliveries into the backlog that were not stored when the run read them.
 *
 * @returns The deliveries that wait there now. Another run has stored the others in the meantime; its version stays.
 */
export async function parkNew(
  { deliveries }: { readonly deliveries: Pick<DeliveryStore, 'addMany' | 'getMany' | 'remind'> },
  fresh: readonly Delivery[],
): Promise<ReadonlySet<Delivery>> {
  if (fresh.length === 0) return new Set();
  const added = await deliveries.addMany(fresh);
  const others = fresh.filter((one) => !added.has(one));
  if (others.length === 0) return added;
  // A waiting one may be this run's own write, whose response was lost, and may lack its entry.
  const waiting = (await deliveries.getMany(others)).filter(({ waitsIn }) => waitsIn === 'backlog');
  if (waiting.length > 0) await deliveries.remind(waiting);
  const events = new Set(waiting.map(({ event }) => event));
  return new Set([...added, ...others.filter(({ event }) => events.has(event))]);
}

export function isMine({ subscription }: PreparedSubscription, row: Pick<EventRow, 'tenant'>): boolean {
  return subscription.tenant === null || subscription.tenant === row.tenant;
}

/** How a callback differs from the usual one. */
export interface CallbackOptions {
  /** Whether a replay sends it: it was sent before, or could have been. */
  readonly isReplay: boolean;
  /** Whether it goes to the tenant's second endpoint. @default false */
  readonly isShadow?: boolean;
  /** How often the cause of the events has passed through this deployment. @default 1 */
  readonly hops?: number;
  /** Number of the attempt, from 1; of a batch, the highest of its events. @default 1 */
  readonly attempt?: number;
  /** By the id of an event: the event of its record before it. @default none */
  readonly previous?: ReadonlyMap<string, CanonicalEvent> | undefined;
  /** What to do when the answer is late. @default waits until the timeout */
  readonly late?: LateAnswer | undefined;
  /** Replace the subscription's own keys, for tests of a receiver. */
  readonly keys?: CallbackKeys | undefined;
  /** Replaces the current time, for tests of a receiver. Epoch milliseconds. */
  readonly signedAtMs?: number | undefined;
}

/** A signed callback, ready to send; or why there is none. */
export type PreparedCallback =
  | {
      readonly kind: 'ready';
      readonly request: CallbackRequest;
      readonly token: string | undefined;
      readonly trace: CallbackTrace;
    }
  | NotPrepared;

interface NotPrepared extends ExpressionFailure {
  /** The events that prevent the callback, by id, each with its reason; undefined when no event is the cause. */
  readonly failures?: ReadonlyMap<string, ExpressionFailure>;
}

/**
 * Pin, shape, authorize and sign a callback: one event, or a batch when the subscription asks for batches.
 *
 * @param id - The `webhook-id`: the event's, or the batch's.
 */
export async function prepareCallback(
  ports: AttemptPorts,
  prepared: PreparedSubscription,
  id: string,
  events: readonly CanonicalEvent[],
  { isReplay, isShadow = false, hops = 1, attempt = 1, previous, late, keys, signedAtMs }: CallbackOptions,
): Promise<PreparedCallback> {
  const { subscription } = prepared;
  const pinned = await pinEach(ports, subscription, events);
  if (pinned.kind === 'failed') return notPrepared(pinned.failures);
  const before = await pinPrevious(ports, subscription, previous);
  const shaped = await shapePinned(ports, prepared, pinned.events, before);
  if (shaped.kind === 'failed') return notPrepared(shaped.failures);
  const { auth, client_certificate: clientCertificate, timeout_seconds: timeoutSeconds } = subscription.endpoint;
  const token = auth?.type === 'oauth2' ? await ports.tokens.tokenFor(auth) : undefined;
  if (token?.kind === 'failed') return token;
  const hopKey = await ports.engineKey.derive(hopKeyPurpose);
  const nowMs = ports.clock.nowMs();
  const timestampSeconds = Math.floor((signedAtMs ?? nowMs) / 1000);
  const message = messageTo(subscription, events, isReplay);
  const body = message === undefined ? shaped.body : escapeNoncharacters(shaped.body);
  const made = { id, subscription: subscription.id, attempt, isShadow };
  const trace = traceOfCallback(made, events, ports.callbackContext?.traceSampleRatio ?? 1);
  return {
    kind: 'ready',
    request: {
      url: subscription.url,
      headers: {
        ...endpointHeaders(subscription.endpoint, token?.token),
        ...deprecationHeaders(pinned.deprecations),
        'content-type': shaped.contentType,
        'user-agent': 'Tributary/1',
        ...(isReplay ? { 'tributary-replay': 'true' } : {}),
        ...(isShadow ? { 'tributary-shadow-of': subscription.id } : {}),
        [hopHeader]: writeHops(hopKey, { hops, id }),
        [traceparentHeader]: writeTraceparent(trace),
        ...signCallback(keys ?? currentKeys(subscription, nowMs), id, timestampSeconds, body),
      },
      body,
      timeoutMs: timeoutSeconds * 1000,
      late,
      clientCertificate,
      message,
    },
    token: token?.token,
    trace,
  };
}

/** @returns Undefined for an endpoint that is called by HTTP. */
function messageTo(
  subscription: Subscription,
  [event]: readonly CanonicalEvent[],
  isReplay: boolean,
): CallbackRequest['message'] {
  const { destination } = subscription;
  if (destination === undefined || event === undefined) return undefined;
  return { destination, labels: labelsOf(event, subscription, isReplay) };
}

/** Why events cannot be sent, by their ids. */
interface EventFailures {
  readonly kind: 'failed';
  readonly failures: ReadonlyMap<string, ExpressionFailure>;
}

/** Convert each event to the version that the subscription reads. */
async function pinEach(
  ports: AttemptPorts,
  { shaping }: Subscription,
  events: readonly CanonicalEvent[],
): Promise<Extract<PinnedEvents, { kind: 'pinned' }> | EventFailures> {
  const pinned: CanonicalEvent[] = [];
  const deprecations: Deprecation[] = [];
  const failures = new Map<string, ExpressionFailure>();
  for (const event of events) {
    const one = await pinEvents(ports, shaping.schema_versions, [event]);
    if (one.kind === 'failed') failures.set(event.id, notSent(one.reason));
    else {
      pinned.push(...one.events);
      deprecations.push(...one.deprecations);
    }
  }
  return failures.size > 0 ? { kind: 'failed', failures } : { kind: 'pinned', events: pinned, deprecations };
}

/** Convert former events as the events themselves are. One that cannot be converted is left out. */
async function pinPrevious(
  ports: AttemptPorts,
  subscription: Subscription,
  previous: ReadonlyMap<string, CanonicalEvent> = new Map(),
): Promise<ReadonlyMap<string, CanonicalEvent>> {
  const converted = new Map<string, CanonicalEvent>();
  for (const [id, event] of previous) {
    const pinned = await pinEach(ports, subscription, [event]);
    const [one] = pinned.kind === 'pinned' ? pinned.events : [];
    if (one !== undefined) converted.set(id, one);
  }
  return converted;
}

/** Build the body, with the subscription's transform applied. */
async function shapePinned(
  ports: AttemptPorts,
  { subscription, shaping }: PreparedSubscription,
  events: readonly CanonicalEvent[],
  before: ReadonlyMap<string, CanonicalEvent>,
): Promise<Exclude<ShapedEvents, { kind: 'failed' }> | EventFailures> {
  const failures = new Map<string, ExpressionFailure>();
  const transformOne: RunTransform = async (transform, event) => {
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
  };
  const shaped = await shapeEvents(shaping, events, transformOne, before, ports.callbackContext);
  if (shaped.kind !== 'failed') return shaped;
  for (const { event, reason } of shaped.failures) if (!failures.has(event)) failures.set(event, notSent(reason));
  return { kind: 'failed', failures };
}

/** The failure to report: an expression that was stopped comes before a fault of an event. */
function notPrepared(failures: ReadonlyMap<string, ExpressionFailure>): NotPrepared {
  const all = [...failures.values()] as [ExpressionFailure, ...ExpressionFailure[]];
  return { ...(all.find(({ hasDied }) => hasDied) ?? all[0]), failures };
}

/** The secrets and keys that sign now. */
function currentKeys({ secrets, signingKeys = [] }: Subscription, nowMs: number): CallbackKeys {
  return {
    secrets: currentSecrets(secrets, nowMs),
    signingKeys: signingKeys.filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs),
  };
}

export async function postCallback(
  ports: AttemptPorts,
  { subscription }: PreparedSubscription,
  callback: PreparedCallback,
): Promise<CallbackOutcome> {
  if (callback.kind === 'failed') {
    const { failures: _, ...failure } = callback;
    return failure;
  }
  const { request, token, trace } = callback;
  const startedAtMs = ports.clock.nowMs();
  const outcome = await ports.callbacks.post(request);
  recordCallback(ports, subscription, trace, startedAtMs, outcome);
  const { auth } = subscription.endpoint;
  if (auth?.type === 'oauth2' && token !== undefined && outcome.kind === 'answered' && outcome.status === 401)
    ports.tokens.forget(auth, token);
  return outcome;
}

/** The hops of a callback: the highest of its events. */
export function hopsOf(items: readonly { readonly row: Pick<EventRow, 'hops'> }[]): number {
  return Math.max(1, ...items.map(({ row }) => row.hops ?? 1));
}

/** Prepare a callback with {@link prepareCallback}, and post it. */
export async function post(
  ports: AttemptPorts,
  prepared: PreparedSubscription,
  id: string,
  events: readonly CanonicalEvent[],
  options: CallbackOptions,
): Promise<CallbackOutcome> {
  return postCallback(ports, prepared, await prepareCallback(ports, prepared, id, events, options));
}

/** The end of an attempt, as {@link recordAttempt} needs it. */
export function momentOf(
  { clock, randomness }: Pick<AttemptPorts, 'clock' | 'randomness'>,
  isProbe: boolean,
): AttemptMoment {
  return { isProbe, nowMs: clock.nowMs(), random: randomness.fraction() };
}
