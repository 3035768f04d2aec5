import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { AttemptMoment } from '../../../engine/delivery/record-attempt.ts';
import { endpointHeaders } from '../../../engine/endpoint-auth/endpoint-headers.ts';
import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import { hopHeader, hopKeyPurpose, writeHops } from '../../../engine/request/hop-count.ts';
import { deprecationHeaders } from '../../../engine/schema-versions/deprecation-headers.ts';
import type { Deprecation } from '../../../engine/schema-versions/versioned-resource.ts';
import { shapeEvents } from '../../../engine/shaping/shape-event.ts';
import { currentSecrets } from '../../../engine/signing/rotating-secrets.ts';
import { type CallbackKeys, signCallback } from '../../../engine/signing/standard-webhooks.ts';
import type { CallbackClient, CallbackRequest } from '../../../ports/delivery/callback-client.ts';
import type { DeliveryStore } from '../../../ports/delivery/delivery-store.ts';
import type { OauthTokens } from '../../../ports/delivery/oauth-tokens.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../../ports/events/event-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { EngineKey } from '../../../ports/runtime/engine-key.ts';
import type { Randomness } from '../../../ports/runtime/randomness.ts';
import { type PinPorts, pinEvents } from '../../feed/pin-events.ts';
import { isForGood } from '../../feed/read-event.ts';
import { faultOf } from './judge-events.ts';
import { diedBefore, type ExpressionFailure, notSent, ownerOf } from './own-failure.ts';
import type { PreparedSubscription } from './prepare-subscription.ts';

export interface AttemptPorts extends PinPorts {
  readonly callbacks: CallbackClient;
  readonly tokens: OauthTokens;
  /** Signs how often what caused an event has passed through. */
  readonly engineKey: EngineKey;
  readonly clock: Clock;
  readonly randomness: Randomness;
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

/** What differs from a usual callback. */
export interface CallbackOptions {
  /** Whether it was asked for again: it was sent before, or could have been. */
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

/** When an attempt ended, as {@link recordAttempt} needs it. */
export function momentOf(
  { clock, randomness }: Pick<AttemptPorts, 'clock' | 'randomness'>,
  isProbe: boolean,
): AttemptMoment {
  return { isProbe, nowMs: clock.nowMs(), random: randomness.fraction() };
}
