import { encodeSecret } from '../engine/signing/standard-webhooks.ts';
import type { SubscriptionFilter } from '../engine/subscription/wants-event.ts';
import type { EgressPolicy } from '../ports/callback-client.ts';
import type { Clock } from '../ports/clock.ts';
import type { Randomness } from '../ports/randomness.ts';
import type { Subscription, SubscriptionDirectory } from '../ports/subscription-store.ts';

export interface SubscriptionRequest extends SubscriptionFilter {
  readonly id?: string | undefined;
  readonly url: string;
}

export type SubscriptionCreation =
  | { readonly kind: 'created'; readonly subscription: Subscription; readonly secret: string }
  | { readonly kind: 'exists' }
  | { readonly kind: 'url-refused'; readonly reason: string };

/** Bytes of a new signing key; Standard Webhooks asks for 24 to 64. */
const secretBytes = 32;

/** Create a callback endpoint. Its secret is in the result, and in no later answer. */
export async function createSubscription(
  ports: {
    readonly subscriptions: SubscriptionDirectory;
    readonly egress: EgressPolicy;
    readonly clock: Clock;
    readonly randomness: Randomness;
  },
  request: SubscriptionRequest,
): Promise<SubscriptionCreation> {
  const refusal = await ports.egress.refusalOf(request.url);
  if (refusal !== undefined) return { kind: 'url-refused', reason: refusal };
  const url = new URL(request.url);
  if (url.port === '0') return { kind: 'url-refused', reason: 'its port must not be 0' };
  const secret = encodeSecret(ports.randomness.bytes(secretBytes));
  const subscription: Subscription = {
    ...request,
    // As it will be called, whatever spelling it came in.
    url: url.href,
    id: request.id ?? `sub_${ports.randomness.bytes(12).toString('hex')}`,
    secrets: [secret],
    createdAt: new Date(ports.clock.nowMs()).toISOString(),
  };
  const result = await ports.subscriptions.create(subscription);
  return result === 'created' ? { kind: 'created', subscription, secret } : { kind: 'exists' };
}
