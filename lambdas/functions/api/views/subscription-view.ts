import type { EndpointPolicy } from '../../../engine/delivery/endpoint-state.ts';
import { retryPolicyOf } from '../../../flows/deliver/attempt/prepare-subscription.ts';
import { describeEndpoint, type EndpointHealth } from '../../../flows/subscriptions/describe-subscription.ts';
import { masked } from '../../../flows/subscriptions/test-endpoint.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import { isoOrNull } from './iso-or-null.ts';

/** {@link plainSubscriptionView} with the health of the endpoint. */
export function subscriptionView(
  subscription: Subscription,
  health: EndpointHealth,
  policy: EndpointPolicy,
  principal: string,
) {
  return { ...plainSubscriptionView(subscription, policy, principal), health: healthView(health) };
}

/**
 * A subscription as callers configured it, without its secrets (invariant 10).
 *
 * @param principal - The deployment's account, as a trust policy names it.
 */
export function plainSubscriptionView(
  subscription: Subscription,
  { disableAfterMs: usualDisableAfterMs }: EndpointPolicy,
  principal: string,
) {
  const { id, url, tenant, types, resources, integrations, accounts, shaping, createdAt } = subscription;
  const { status, disabled, ordering, ratePerSecond, concurrency, disableAfterMs = usualDisableAfterMs } = subscription;
  const { scheduleMs, maxAgeMs } = retryPolicyOf(subscription);
  const { auth, headerNames, clientCertificate, timeoutSeconds } = describeEndpoint(subscription.endpoint);
  return {
    id,
    url,
    destination: destinationView(subscription, principal),
    tenant,
    description: subscription.description ?? null,
    metadata: subscription.metadata ?? {},
    status,
    disabled: disabled ?? null,
    types,
    resources,
    integrations,
    accounts,
    filter: shaping.filter ?? null,
    fields: shaping.fields ?? null,
    include_previous: shaping.include_previous ?? null,
    encrypt: shaping.encrypt ?? null,
    batch: shaping.batch ?? null,
    transform: shaping.transform ?? null,
    envelope: shaping.envelope ?? 'tributary',
    schema_versions: shaping.schema_versions ?? {},
    ordering,
    rate_per_second: ratePerSecond ?? null,
    concurrency,
    retry: { schedule_seconds: scheduleMs.map((waitMs) => waitMs / 1000), max_age_seconds: maxAgeMs / 1000 },
    disable_after_seconds: disableAfterMs / 1000,
    signatures: subscription.signingKeys === undefined ? (['v1'] as const) : (['v1', 'v1a'] as const),
    secrets: subscription.secrets.map((secret) => ({
      created_at: secret.createdAt,
      expires_at: isoOrNull(secret.expiresAtMs),
    })),
    auth: auth ?? null,
    headers: Object.fromEntries(headerNames.map((name) => [name, masked])),
    client_certificate:
      clientCertificate === undefined
        ? null
        : {
            subject: clientCertificate.subject,
            expires_at: clientCertificate.expiresAt,
            fingerprint_sha256: clientCertificate.fingerprint,
          },
    timeout_seconds: timeoutSeconds,
    created_at: createdAt,
  };
}

/** Not a secret: an external id only says which subscription asks. */
function destinationView({ url, destination }: Subscription, principal: string) {
  return destination === undefined ? { type: 'http' as const, url } : { ...destination, principal };
}

function healthView(health: EndpointHealth) {
  return {
    circuit: health.circuit,
    blocked_until: isoOrNull(health.blockedUntilMs),
    paused_until: isoOrNull(health.pausedUntilMs),
    failing_since: isoOrNull(health.failingSinceMs),
    disables_at: isoOrNull(health.disablesAtMs),
    has_backlog: health.hasBacklog,
    latency_ms: health.latencyMs === undefined ? null : Math.round(health.latencyMs),
  };
}
