import {
  type AwsDestination,
  type AwsDestinationRequest,
  addressOf,
  externalIdPrefix,
} from '../../contracts/aws-destination.ts';
import { limits } from '../../contracts/limits.ts';
import { destinationConflict, type OwnAccount } from '../../engine/destination/destination-conflict.ts';
import {
  doubledAuthorization,
  doubledAuthorizationFault,
  type EndpointSettings,
} from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import type { SubscriptionFilter } from '../../engine/feed/wants-event.ts';
import type { ShapingOptions } from '../../engine/shaping/shaping-schema.ts';
import { generateSigningKey } from '../../engine/signing/signing-keys.ts';
import { encodeSecret } from '../../engine/signing/standard-webhooks.ts';
import type { EgressPolicy } from '../../ports/delivery/callback-client.ts';
import { type Subscription, type SubscriptionDirectory, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import type { TenantStore } from '../../ports/tenants/tenant-store.ts';
import {
  type QuotaExceeded,
  type Quotas,
  type QuotaUse,
  refuseBeyondQuota,
  undoBeyondQuota,
} from '../access/quotas.ts';
import { changeEndpoint, type EndpointPorts } from '../deliver/change-endpoint.ts';
import { findSequenceAt } from '../feed/find-sequence.ts';
import { type RefusePinsPorts, refuseSubscriptionPins } from '../feed/refuse-pins.ts';
import { isErasing } from '../tenants/manage-tenant.ts';

/** Settings of a subscription other than its filter. */
export interface SubscriptionOptions {
  /** Undefined for a destination in AWS. */
  readonly url?: string | undefined;
  readonly destination?: AwsDestinationRequest | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly endpoint: EndpointSettings;
  readonly shaping: ShapingOptions;
  readonly ordering: Subscription['ordering'];
  readonly concurrency?: number | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly retry?: Subscription['retry'];
  readonly disableAfterMs?: number | undefined;
  /** Whether callbacks also carry `v1a` signatures. */
  readonly isAsymmetric?: boolean | undefined;
}

export interface SubscriptionRequest extends SubscriptionFilter, SubscriptionOptions {
  readonly id?: string | undefined;
}

export type SubscriptionCreation =
  | { readonly kind: 'created'; readonly subscription: Subscription; readonly secret: string }
  | { readonly kind: 'exists' }
  /** The tenant is being erased; retry when the erasure is done. */
  | { readonly kind: 'tenant-erasing' }
  | QuotaExceeded
  | UrlRefused
  | Conflict;

export interface UrlRefused {
  readonly kind: 'url-refused';
  /** Path of the URL in the request. */
  readonly path: 'url' | 'auth.token_url';
  readonly reason: string;
}

/** Two settings of a subscription contradict each other. */
export interface Conflict {
  readonly kind: 'conflict';
  /** Path of one of them in the request. */
  readonly path: string;
  readonly reason: string;
}

export interface CreateSubscriptionPorts extends EndpointPorts, RefusePinsPorts {
  readonly subscriptions: SubscriptionDirectory;
  readonly tenants: Pick<TenantStore, 'find'>;
  readonly events: Pick<EventReader, 'firstAfter'>;
  readonly egress: EgressPolicy;
  readonly ownAccount: OwnAccount;
  readonly clock: Clock;
  readonly quotas: Quotas;
}

/** Bytes of a new signing key; Standard Webhooks asks for 24 to 64. */
const secretBytes = 32;
const signingSeedBytes = 32;

/** Create a callback endpoint. Only this result holds its secret. */
export async function createSubscription(
  ports: CreateSubscriptionPorts,
  request: SubscriptionRequest,
): Promise<SubscriptionCreation> {
  const { isAsymmetric, id, ...options } = request;
  const { url, destination } = receiverOf(ports, request);
  const conflict =
    conflictOf({ ...request, destination }, ports.ownAccount) ?? (await pinConflictOf(ports, request.shaping));
  if (conflict !== undefined) return conflict;
  const refused = await refuseUrls(ports.egress, { ...request, url, destination });
  if (refused !== undefined) return refused;
  if (request.tenant !== null && isErasing(await ports.tenants.find(request.tenant))) return { kind: 'tenant-erasing' };
  const nowMs = ports.clock.nowMs();
  const createdAt = new Date(nowMs).toISOString();
  const secret = newSecret(ports.randomness);
  const subscription: Subscription = {
    ...options,
    url: normalizedUrl(url, destination),
    destination,
    id: id ?? `sub_${ports.randomness.bytes(12).toString('hex')}`,
    status: 'enabled',
    concurrency: request.concurrency ?? limits.endpointConcurrency,
    secrets: [{ value: secret, createdAt }],
    ...(isAsymmetric ? { signingKeys: [newSigningKey(ports.randomness)] } : {}),
    createdAt,
    revision: 1,
  };
  const known = id === undefined ? undefined : await ports.subscriptions.find(id);
  if (known !== undefined) {
    // The call that created it may have been interrupted before it announced the subscription to publishing.
    if (known.tenant === request.tenant) await ports.subscriptions.announce(known);
    return { kind: 'exists' };
  }
  const use: QuotaUse = {
    quotas: ports.quotas,
    quota: request.tenant === null ? 'sharedSubscriptions' : 'subscriptionsPerTenant',
    count: (most) => ports.subscriptions.count(request.tenant, most),
  };
  const exceeded = await refuseBeyondQuota(use);
  if (exceeded !== undefined) return exceeded;
  if (subscription.ordering !== 'none') {
    // The position is stored under the id alone, so reserve the id for this tenant before writing the position.
    const reservation = await ports.subscriptions.reserve({ scope: scopeOf(subscription), id: subscription.id });
    if (reservation === 'taken') return { kind: 'exists' };
    // Set the position before creating the subscription: it begins with events published after its creation.
    await beginAtEnd(ports, subscription);
  }
  const result = await ports.subscriptions.create(subscription);
  if (result === 'exists') return { kind: 'exists' };
  const undone = await undoBeyondQuota(use, () => ports.subscriptions.remove(subscription));
  return undone ?? { kind: 'created', subscription, secret };
}

/** Where a subscription is to send: a URL, or a destination in AWS with its external id. */
export function receiverOf(
  { randomness }: Pick<CreateSubscriptionPorts, 'randomness'>,
  { url, destination }: Pick<SubscriptionOptions, 'url' | 'destination'>,
  known?: string,
): Pick<Subscription, 'url' | 'destination'> {
  if (destination === undefined) return { url: url ?? '', destination: undefined };
  const external_id = known ?? `${externalIdPrefix}${randomness.bytes(16).toString('hex')}`;
  return { url: addressOf(destination), destination: { ...destination, external_id } };
}

/** Normalize a URL: store it as it will be called. */
export function normalizedUrl(url: string, destination: AwsDestination | undefined): string {
  return destination === undefined ? new URL(url).href : url;
}

/** Set an ordered subscription's position to the end of its tenant's feed. */
export async function beginAtEnd(
  ports: EndpointPorts & Pick<CreateSubscriptionPorts, 'events' | 'clock'>,
  subscription: Pick<Subscription, 'id' | 'tenant'>,
): Promise<void> {
  if (subscription.tenant === null) return;
  const position = await findSequenceAt(ports, subscription.tenant, ports.clock.nowMs());
  const [known] = await ports.endpoints.getMany([{ endpoint: subscription.id, scope: scopeOf(subscription) }]);
  if (known === undefined) return;
  // An existing position means that an earlier call, whose answer was lost, created the subscription.
  await changeEndpoint(ports, known, (state) =>
    state.position === undefined ? { state: { ...state, position }, result: undefined } : { result: undefined },
  );
}

/** The first conflict between settings of a subscription; undefined if there is none. */
export function conflictOf(
  subscription: Pick<Subscription, 'tenant' | 'ordering' | 'shaping' | 'endpoint' | 'destination'>,
  ownAccount: OwnAccount,
): Conflict | undefined {
  const { tenant, ordering, shaping, endpoint, destination } = subscription;
  const conflict = (path: string, reason: string): Conflict => ({ kind: 'conflict', path, reason });
  if (ordering !== 'none' && tenant === null)
    return conflict('ordering', 'only the events of one tenant have an order: expected a tenant, or ordering none');
  if (ordering !== 'none' && shaping.batch !== undefined)
    return conflict(
      'batch',
      'an ordered subscription receives its events one by one: expected no batch, or ordering none',
    );
  if (destination !== undefined) {
    const fault = destinationConflict(destination, ownAccount) ?? httpOnlyConflict(subscription);
    if (fault !== undefined) return conflict(fault.path, fault.reason);
  }
  const authorization = doubledAuthorization(endpoint);
  return authorization === undefined ? undefined : conflict(`headers.${authorization}`, doubledAuthorizationFault);
}

/** The first setting that only an endpoint called by HTTP can have. */
function httpOnlyConflict({ shaping, endpoint }: Pick<Subscription, 'shaping' | 'endpoint'>) {
  const path =
    (endpoint.auth === undefined ? undefined : 'auth') ??
    (Object.keys(endpoint.headers).length === 0 ? undefined : 'headers') ??
    (endpoint.client_certificate === undefined ? undefined : 'client_certificate') ??
    (shaping.batch === undefined ? undefined : 'batch');
  return path === undefined ? undefined : { path, reason: 'only a destination of type http can have it' };
}

/**
 * The first pin of a subscription to a version that cannot be served; undefined if all pins are valid.
 *
 * @param before - Its current shaping, whose pins stay valid.
 */
export async function pinConflictOf(
  ports: RefusePinsPorts,
  shaping: ShapingOptions,
  before: ShapingOptions = {},
): Promise<Conflict | undefined> {
  const [fault] = await refuseSubscriptionPins(ports, shaping.schema_versions, before.schema_versions);
  if (fault === undefined) return undefined;
  return { kind: 'conflict', path: `schema_versions.${fault.resource}`, reason: fault.reason };
}

/** Why the egress policy refuses one of a subscription's URLs; undefined if it allows all. */
export async function refuseUrls(
  egress: EgressPolicy,
  { url, destination, endpoint }: Pick<Subscription, 'url' | 'destination' | 'endpoint'>,
): Promise<UrlRefused | undefined> {
  // Its host is composed of checked parts, and is always one of AWS.
  if (destination !== undefined) return undefined;
  const tokenUrl = endpoint.auth?.type === 'oauth2' ? endpoint.auth.token_url : undefined;
  for (const one of [url, tokenUrl]) {
    if (one === undefined) continue;
    const refusal = await egress.refusalOf(one);
    const reason = refusal ?? (new URL(one).port === '0' ? 'its port must not be 0' : undefined);
    if (reason !== undefined) return { kind: 'url-refused', path: one === url ? 'url' : 'auth.token_url', reason };
  }
  return undefined;
}

export function newSecret(randomness: Randomness): string {
  return encodeSecret(randomness.bytes(secretBytes));
}

export function newSigningKey(randomness: Randomness) {
  return generateSigningKey(randomness.bytes(signingSeedBytes));
}
