import {
  blockedUntilMs,
  type EndpointPolicy,
  type EndpointState,
  newEndpoint,
} from '../../engine/delivery/endpoint-state.ts';
import { type CertificateSummary, summarizeCertificate } from '../../engine/endpoint-auth/client-certificate.ts';
import type { EndpointAuth, EndpointSettings } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import { type SigningJwk, toJwk } from '../../engine/signing/signing-keys.ts';
import type { EndpointStore } from '../../ports/delivery/endpoint-store.ts';
import { type Subscription, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** How an endpoint is called, without what is secret in it (invariant 10). */
export interface EndpointSummary {
  readonly auth: AuthSummary | undefined;
  /** A header's value may be a credential, whatever its name. */
  readonly headerNames: readonly string[];
  readonly clientCertificate: CertificateSummary | undefined;
  readonly timeoutSeconds: number;
}

type AuthOf<Type extends EndpointAuth['type']> = Extract<EndpointAuth, { type: Type }>;
export type AuthSummary =
  | Pick<AuthOf<'basic'>, 'type' | 'username'>
  | Pick<AuthOf<'bearer'>, 'type'>
  | Omit<AuthOf<'oauth2'>, 'client_secret'>;

export function describeEndpoint(settings: EndpointSettings): EndpointSummary {
  const { auth, headers, client_certificate: pair, timeout_seconds: timeoutSeconds } = settings;
  return {
    auth: auth === undefined ? undefined : describeAuth(auth),
    headerNames: Object.keys(headers),
    clientCertificate: pair === undefined ? undefined : summarizeCertificate(pair.certificate),
    timeoutSeconds,
  };
}

/** Each member that is shown is named: one that comes later is not shown by oversight. */
function describeAuth(auth: EndpointAuth): AuthSummary {
  switch (auth.type) {
    case 'basic':
      return { type: auth.type, username: auth.username };
    case 'bearer':
      return { type: auth.type };
    case 'oauth2': {
      const { type, token_url, client_id, scope, audience, auth_style } = auth;
      return { type, token_url, client_id, scope, audience, auth_style };
    }
  }
}

/** How an endpoint does, as all functions together know it. Times are epoch milliseconds. */
export interface EndpointHealth {
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** When the circuit or a pause lets something through again; undefined where nothing holds it up. */
  readonly blockedUntilMs: number | undefined;
  /** Until when it asked to be left alone. */
  readonly pausedUntilMs: number | undefined;
  readonly failingSinceMs: number | undefined;
  /** When its subscription is disabled, if it goes on failing. */
  readonly disablesAtMs: number | undefined;
  readonly hasBacklog: boolean;
  /** Smoothed time of its successful answers. */
  readonly latencyMs: number | undefined;
}

export interface HealthPorts {
  readonly endpoints: Pick<EndpointStore, 'getMany'>;
  readonly clock: Clock;
  readonly endpointPolicy: EndpointPolicy;
}

/** The health of each subscription's endpoint, in their order. */
export async function endpointHealths(
  ports: HealthPorts,
  subscriptions: readonly Subscription[],
): Promise<readonly EndpointHealth[]> {
  const keys = subscriptions.map((one) => ({ endpoint: one.id, scope: scopeOf(one) }));
  const states = new Map((await ports.endpoints.getMany(keys)).map((state) => [state.endpoint, state]));
  return subscriptions.map((one) => healthOf(ports, one, states.get(one.id) ?? newEndpoint(scopeOf(one), one.id)));
}

function healthOf(
  { clock, endpointPolicy }: HealthPorts,
  { disableAfterMs = endpointPolicy.disableAfterMs }: Subscription,
  state: EndpointState,
): EndpointHealth {
  const nowMs = clock.nowMs();
  const later = (timeMs: number) => (timeMs > nowMs ? timeMs : undefined);
  const { circuit, probeAtMs, pausedUntilMs, failingSinceMs, hasBacklog, latencyMs } = state;
  return {
    circuit: circuit === 'closed' ? 'closed' : nowMs < probeAtMs ? 'open' : 'half-open',
    blockedUntilMs: later(blockedUntilMs(state)),
    pausedUntilMs: later(pausedUntilMs),
    failingSinceMs,
    disablesAtMs: failingSinceMs === undefined ? undefined : failingSinceMs + disableAfterMs,
    hasBacklog,
    latencyMs,
  };
}

/** What receivers verify `v1a` signatures with. */
export interface PublishedKey {
  readonly jwk: SigningJwk;
  /** `whpk_…`, as Standard Webhooks writes it. */
  readonly publicKey: string;
  /** Epoch milliseconds from which it no longer signs; undefined of the newest. */
  readonly expiresAtMs: number | undefined;
}

/** A subscription's public keys that sign now, newest first. */
export function publishedKeys({ signingKeys = [] }: Subscription, nowMs: number): readonly PublishedKey[] {
  return signingKeys
    .filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs)
    .map(({ id, publicKey, expiresAtMs }) => ({ jwk: toJwk({ id, publicKey }), publicKey, expiresAtMs }));
}
