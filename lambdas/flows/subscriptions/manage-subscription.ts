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
  pinConflictOf,
  refuseUrls,
  type SubscriptionOptions,
  type UrlRefused,
} from './create-subscription.ts';
import { cancelledDelivery } from './manage-delivery.ts';
import { catchUpReplay, type ReplayPorts } from './replay-events.ts';

export type ManageSubscriptionPorts = CreateSubscriptionPorts &
  ReplayPorts & { readonly deliveries: Pick<DeliveryStore, 'listBacklog' | 'putMany'> };

/** What changes; what is left out stays, and what is undefined is as if it had never been said. */
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
  const { isAsymmetric, ...options } = change;
  return changeSubscription(ports, id, async (before) => {
    // Members that are left out are absent, not undefined.
    const after = {
      ...before,
      ...options,
      endpoint: {
        ...before.endpoint,
        ...(isMoved(before.url, options.url) ? noCredentials : {}),
        ...options.endpoint,
      },
      shaping: { ...before.shaping, ...options.shaping },
    } as Subscription;
    const conflict =
      (after.ordering === 'none' && before.ordering !== 'none' ? orderIsKept : conflictOf(after)) ??
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
    return { kind: 'changed', subscription: { ...after, url: new URL(after.url).href, signingKeys } };
  });
}

/**
 * What an endpoint is called with that its subscriber alone should see. The API takes these and never shows them: sent
 * to a URL that the caller chooses, they would be shown after all.
 */
const noCredentials = {
  auth: undefined,
  headers: {},
  client_certificate: undefined,
} satisfies Partial<EndpointSettings>;

/** Whether a URL leads to another origin: another scheme, host or port. What is no URL is refused elsewhere. */
function isMoved(before: string, after: string | undefined): boolean {
  return after !== undefined && URL.canParse(after) && new URL(after).origin !== new URL(before).origin;
}

/** Beyond its place in the feed nothing was queued for it: it would be sent none of that. */
const orderIsKept: Conflict = {
  kind: 'conflict',
  path: 'ordering',
  reason: 'an ordered subscription stays ordered: create another one for events without order',
};

export interface Rotation {
  readonly subscription: Subscription;
  /** Given this once. */
  readonly secret: string;
}

/** Give a subscription a new secret; the former ones sign beside it until the overlap is over. */
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

/** Send nothing more. Events go on being stored, and what waits stays where it is. */
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
  /** `cancelled`: deliveries that waited, and are not sent. */
  | { readonly kind: 'removed'; readonly cancelled: number }
  /** So many wait that another call has to go on; nothing is sent meanwhile. */
  | { readonly kind: 'unfinished'; readonly cancelled: number };

/** Deliveries that are cancelled together, and how long that may go on. */
const cancelledTogether = 100;
const cancelMs = 15_000;

/**
 * End a subscription for good. What waits is not sent; its id is free for its tenant again, and for nobody
 * else: deliveries that are kept stand under it.
 *
 * The subscription itself goes last, so that a caller that calls again after a crash goes on with it.
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
    // What a run still at work has written meanwhile is looked at once more.
    const changed = new Set(ended.flat());
    await ports.deliveries.putMany(
      [],
      entries.filter(({ event }) => !changed.has(event)),
    );
    cancelled += waiting.length - changed.size;
    isMore = entries.length === cancelledTogether || changed.size > 0;
  }
  // Writes, and what was put into the backlog, are counted on.
  await withEndpoint(ports, subscription, ({ scope, endpoint, revision, wakeups }) => ({
    ...newEndpoint(scope, endpoint),
    revision,
    wakeups,
  }));
  await ports.subscriptions.remove(subscription);
  return { kind: 'removed', cancelled };
}

/** Change what is known of a subscription's endpoint. A drainer that is at it stops before its next post. */
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
  /** Since when it was disabled, ISO 8601; undefined where it was not. */
  readonly disabledSince: string | undefined;
  /** What sends the events of the time between; undefined where it was not asked for, or nothing was missed. */
  readonly catchUp: Replay | undefined;
}

/**
 * Send again, beginning with what waits. The events that came while it was disabled are sent where the
 * caller asks to catch up.
 *
 * @param tenant - Whose events are caught up with; a subscription of all tenants has to name one.
 */
export async function enableSubscription(
  ports: ManageSubscriptionPorts,
  id: string,
  catchUp: { readonly tenant: string } | undefined,
): Promise<Enabling | undefined> {
  let since: string | undefined;
  const update = await changeSubscription(ports, id, async (before) => {
    since = before.disabled?.at;
    const { disabled: _, ...rest } = before;
    return before.status === 'enabled'
      ? { kind: 'unchanged', subscription: before }
      : { kind: 'changed', subscription: { ...rest, status: 'enabled' } };
  });
  if (update.kind !== 'updated') return undefined;
  const { subscription } = update;
  await withEndpoint(ports, subscription, beginAgain);
  await askForDrain(ports, subscription);
  // An ordered one goes on in the feed from where it stood: it misses nothing.
  if (catchUp === undefined || since === undefined || subscription.ordering !== 'none')
    return { subscription, disabledSince: since, catchUp: undefined };
  const replay = await catchUpReplay(ports, subscription, catchUp.tenant, Date.parse(since));
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
      // The call that changed it may have been cut off before publishing could see it.
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
