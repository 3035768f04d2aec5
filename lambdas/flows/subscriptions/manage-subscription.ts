import { EngineError } from '../../contracts/engine-error.ts';
import { letRest } from '../../engine/delivery/drainer.ts';
import { type EndpointState, newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import { beginAgain } from '../../engine/delivery/settlement.ts';
import type { EndpointSettings } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import type { SubscriptionFilter } from '../../engine/feed/wants-event.ts';
import type { ShapingOptions } from '../../engine/shaping/shaping-schema.ts';
import { rotate } from '../../engine/signing/rotating-secrets.ts';
import type { DeliveryStore } from '../../ports/delivery/delivery-store.ts';
import type { Replay } from '../../ports/delivery/replay-store.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import { askForDrain } from '../deliver/ask-for-drain.ts';
import { changeEndpoint } from '../deliver/change-endpoint.ts';
import {
  beginAtEnd,
  type Conflict,
  type CreateSubscriptionPorts,
  conflictOf,
  newSecret,
  newSigningKey,
  normalizedUrl,
  pinConflictOf,
  receiverOf,
  refuseUrls,
  type SubscriptionOptions,
  type UrlRefused,
} from './create-subscription.ts';
import { cancelledDelivery } from './manage-delivery.ts';
import { catchUpReplay, type ReplayPorts } from './replay-events.ts';

export type ManageSubscriptionPorts = CreateSubscriptionPorts &
  ReplayPorts & { readonly deliveries: Pick<DeliveryStore, 'listBacklog' | 'putMany'> };

/** Members to change. An omitted member stays as is; an undefined member is reset to its default. */
export interface SubscriptionChange
  extends Partial<Omit<SubscriptionFilter, 'tenant'> & Omit<SubscriptionOptions, 'endpoint' | 'shaping'>> {
  readonly endpoint?: Partial<EndpointSettings>;
  readonly shaping?: ShapingOptions;
}

export type SubscriptionUpdate =
  | { readonly kind: 'updated'; readonly subscription: Subscription }
  | { readonly kind: 'gone' }
  | UrlRefused
  | Conflict;

const maxAttempts = 5;

export async function updateSubscription(
  ports: ManageSubscriptionPorts,
  id: string,
  change: SubscriptionChange,
): Promise<SubscriptionUpdate> {
  const { isAsymmetric, url, destination, ...options } = change;
  return changeSubscription(ports, id, async (before) => {
    // Omitted members are absent, not undefined, so the spread keeps their values.
    const receiver =
      url === undefined && destination === undefined
        ? { url: before.url, destination: before.destination }
        : receiverOf(ports, { url, destination }, before.destination?.external_id);
    const after = {
      ...before,
      ...options,
      ...receiver,
      endpoint: {
        ...before.endpoint,
        ...(isMoved(before.url, receiver.url) ? noCredentials : {}),
        ...options.endpoint,
      },
      shaping: { ...before.shaping, ...options.shaping },
    } as Subscription;
    const conflict =
      (after.ordering === 'none' && before.ordering !== 'none' ? orderIsKept : conflictOf(after, ports.ownAccount)) ??
      (await pinConflictOf(ports, after.shaping, before.shaping));
    if (conflict !== undefined) return conflict;
    const refused = await refuseUrls(ports.egress, after);
    if (refused !== undefined) return refused;
    if (before.ordering === 'none' && after.ordering !== 'none') await beginAtEnd(ports, before);
    const signingKeys =
      isAsymmetric === undefined
        ? before.signingKeys
        : isAsymmetric
          ? (before.signingKeys ?? [newSigningKey(ports.randomness)])
          : undefined;
    return {
      kind: 'changed',
      subscription: { ...after, url: normalizedUrl(after.url, after.destination), signingKeys },
    };
  });
}

/**
 * Resets the credentials of an endpoint. The API accepts credentials but never shows them; sending them to a new URL of
 * the caller's choice would reveal them.
 */
const noCredentials = {
  auth: undefined,
  headers: {},
  client_certificate: undefined,
} satisfies Partial<EndpointSettings>;

/** Whether a URL has another origin: scheme, host or port. Other code refuses invalid URLs. */
function isMoved(before: string, after: string): boolean {
  return URL.canParse(after) && new URL(after).origin !== new URL(before).origin;
}

/** Nothing is queued beyond an ordered subscription's feed position; unordered, it would miss those events. */
const orderIsKept: Conflict = {
  kind: 'conflict',
  path: 'ordering',
  reason: 'an ordered subscription stays ordered: create another one for events without order',
};

export interface Rotation {
  readonly subscription: Subscription;
  /** Only this answer holds the secret. */
  readonly secret: string;
}

/** Give a subscription a new secret; earlier secrets also sign until the overlap ends. */
export async function rotateSecret(
  ports: ManageSubscriptionPorts,
  id: string,
  overlapSeconds: number | undefined,
): Promise<Rotation | undefined> {
  const secret = newSecret(ports.randomness);
  const update = await changeSubscription(ports, id, async (before) => {
    const nowMs = ports.clock.nowMs();
    const endMs = nowMs + (overlapSeconds ?? 86_400) * 1000;
    return {
      kind: 'changed',
      subscription: {
        ...before,
        secrets: rotate(before.secrets, secret, overlapSeconds, nowMs),
        ...(before.signingKeys === undefined
          ? {}
          : {
              signingKeys: [
                newSigningKey(ports.randomness),
                ...before.signingKeys
                  .map((key) => ({ ...key, expiresAtMs: Math.min(key.expiresAtMs ?? endMs, endMs) }))
                  .filter(({ expiresAtMs }) => nowMs < expiresAtMs),
              ].slice(0, 3),
            }),
      },
    };
  });
  return update.kind === 'updated' ? { subscription: update.subscription, secret } : undefined;
}

/** Stop sending to a subscription. Events are still stored, and waiting deliveries stay in place. */
export async function disableSubscription(
  ports: ManageSubscriptionPorts,
  id: string,
): Promise<Subscription | undefined> {
  const update = await changeSubscription(ports, id, async (before) =>
    before.status === 'disabled'
      ? { kind: 'unchanged', subscription: before }
      : {
          kind: 'changed',
          subscription: {
            ...before,
            status: 'disabled',
            disabled: { by: 'owner', at: new Date(ports.clock.nowMs()).toISOString() },
          },
        },
  );
  if (update.kind !== 'updated') return undefined;
  await withEndpoint(ports, update.subscription, letRest);
  return update.subscription;
}

export type Removal =
  /** `cancelled`: number of waiting deliveries that are not sent. */
  | { readonly kind: 'removed'; readonly cancelled: number }
  /** Too many deliveries wait for one call: the caller must call again. Nothing is sent in between. */
  | { readonly kind: 'unfinished'; readonly cancelled: number };

/** Deliveries cancelled concurrently, and the time limit of one call. */
const cancelledTogether = 100;
const cancelMs = 15_000;

/**
 * Delete a subscription. Waiting deliveries are not sent. Only its tenant may use the id again, since stored deliveries
 * stay under it.
 *
 * The subscription's row goes last, so that a call repeated after a crash continues the removal.
 */
export async function removeSubscription(ports: ManageSubscriptionPorts, id: string): Promise<Removal> {
  const subscription = await disableSubscription(ports, id);
  if (subscription === undefined) return { kind: 'removed', cancelled: 0 };
  const untilMs = ports.clock.nowMs() + cancelMs;
  let cancelled = 0;
  for (let isMore = true; isMore; ) {
    if (ports.clock.nowMs() >= untilMs) return { kind: 'unfinished', cancelled };
    const entries = await ports.deliveries.listBacklog(id, cancelledTogether, undefined);
    const waiting = (await ports.deliveries.getMany(entries)).filter(({ waitsIn }) => waitsIn === 'backlog');
    const ended = await Promise.all(
      waiting.map(async (one) => ((await ports.deliveries.replace(cancelledDelivery(one))) ? [] : one.event)),
    );
    // Read deliveries that a concurrent run changed in between once more.
    const changed = new Set(ended.flat());
    await ports.deliveries.putMany(
      [],
      entries.filter(({ event }) => !changed.has(event)),
    );
    cancelled += waiting.length - changed.size;
    isMore = entries.length === cancelledTogether || changed.size > 0;
  }
  // Keep the counters: the revision, and the wakeups of the backlog.
  await withEndpoint(ports, subscription, ({ scope, endpoint, revision, wakeups }) => ({
    ...newEndpoint(scope, endpoint),
    revision,
    wakeups,
  }));
  await ports.subscriptions.remove(subscription);
  return { kind: 'removed', cancelled };
}

/** Change the state of a subscription's endpoint. A running drain stops before its next post. */
async function withEndpoint(
  ports: ManageSubscriptionPorts,
  subscription: Subscription,
  change: (state: EndpointState) => EndpointState,
): Promise<EndpointState | undefined> {
  const [known] = await ports.endpoints.getMany([{ endpoint: subscription.id, scope: scopeOf(subscription) }]);
  if (known === undefined) return undefined;
  const { state } = await changeEndpoint(ports, known, (current) => ({ state: change(current), result: undefined }));
  return state;
}

export interface Enabling {
  readonly subscription: Subscription;
  /** ISO 8601; when it was disabled. Undefined if it was enabled. */
  readonly disabledSince: string | undefined;
  /** The replay of the missed events; undefined if the caller did not ask for it, or nothing was missed. */
  readonly catchUp: Replay | undefined;
}

/**
 * Resume sending, beginning with the waiting deliveries. On request, a replay sends the events that arrived while the
 * subscription was disabled.
 *
 * @param catchUp - The tenant whose missed events to replay; needed because a subscription may serve all tenants.
 */
export async function enableSubscription(
  ports: ManageSubscriptionPorts,
  id: string,
  catchUp: { readonly tenant: string } | undefined,
): Promise<Enabling | undefined> {
  const found = await ports.subscriptions.find(id);
  const since = found?.disabled?.at;
  // First: once it is enabled, nothing tells what it missed. A call that died is repeated, and its replay skips what waits.
  // An ordered subscription continues from its position in the feed, so it misses nothing.
  const isBehind = found?.status === 'disabled' && found.ordering === 'none' && since !== undefined;
  const replay =
    catchUp !== undefined && isBehind
      ? await catchUpReplay(ports, found, catchUp.tenant, Date.parse(since))
      : undefined;
  const update = await changeSubscription(ports, id, async (before) => {
    const { disabled: _, ...rest } = before;
    return before.status === 'enabled'
      ? { kind: 'unchanged', subscription: before }
      : { kind: 'changed', subscription: { ...rest, status: 'enabled' } };
  });
  if (update.kind !== 'updated') return undefined;
  const { subscription } = update;
  await withEndpoint(ports, subscription, beginAgain);
  await askForDrain(ports, subscription);
  return { subscription, disabledSince: since, catchUp: replay };
}

type Changed =
  | { readonly kind: 'changed'; readonly subscription: Subscription }
  | { readonly kind: 'unchanged'; readonly subscription: Subscription }
  | Exclude<SubscriptionUpdate, { kind: 'updated' | 'gone' }>;

async function changeSubscription(
  ports: ManageSubscriptionPorts,
  id: string,
  change: (before: Subscription) => Promise<Changed>,
): Promise<SubscriptionUpdate> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const before = await ports.subscriptions.find(id);
    if (before === undefined) return { kind: 'gone' };
    const changed = await change(before);
    if (changed.kind === 'unchanged') {
      // The call that changed it may have been interrupted before it announced the change to publishing.
      await ports.subscriptions.announce(changed.subscription);
      return { kind: 'updated', subscription: changed.subscription };
    }
    if (changed.kind !== 'changed') return changed;
    if (await ports.subscriptions.replace(changed.subscription))
      return {
        kind: 'updated',
        subscription: { ...changed.subscription, revision: changed.subscription.revision + 1 },
      };
  }
  throw new EngineError('contended', 'the subscription is being changed', { retryable: true });
}
