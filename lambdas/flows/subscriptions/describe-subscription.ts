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

/** Settings for calling an endpoint, without secrets (invariant 10). */
export interface EndpointSummary {
  readonly auth: AuthSummary | undefined;
  /** Names only: any header's value may be a credential. */
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

/** Copies members by name, so that a member added later is not exposed by accident. */
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

/** Health of an endpoint, from its stored state. Times are epoch milliseconds. */
export interface EndpointHealth {
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** When the circuit breaker or a pause next allows a request; undefined if neither blocks. */
  readonly blockedUntilMs: number | undefined;
  /** End of the pause that the endpoint asked for. */
  readonly pausedUntilMs: number | undefined;
  readonly failingSinceMs: number | undefined;
  /** When its subscription is disabled if the failures continue. */
  readonly disablesAtMs: number | undefined;
  readonly hasBacklog: boolean;
  /** Smoothed latency of its successful answers. */
  readonly latencyMs: number | undefined;
}

export interface HealthPorts {
  readonly endpoints: Pick<EndpointStore, 'getMany'>;
  readonly clock: Clock;
  readonly endpointPolicy: EndpointPolicy;
}

/** The health of each subscription's endpoint, in the order of the subscriptions. */
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

/** A public key with which receivers verify `v1a` signatures. */
export interface PublishedKey {
  readonly jwk: SigningJwk;
  /** `whpk_…`, as Standard Webhooks writes it. */
  readonly publicKey: string;
  /** Epoch milliseconds from which it no longer signs; undefined for the newest key. */
  readonly expiresAtMs: number | undefined;
}

/** Public keys of the keys that sign now, newest first. */
export function publishedKeys({ signingKeys = [] }: Subscription, nowMs: number): readonly PublishedKey[] {
  return signingKeys
    .filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs)
    .map(({ id, publicKey, expiresAtMs }) => ({ jwk: toJwk({ id, publicKey }), publicKey, expiresAtMs }));
}
