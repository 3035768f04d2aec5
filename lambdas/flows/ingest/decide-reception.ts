import { type DecidedReception, receiveWebhook } from '../../engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { Decoded } from '../../engine/request/decode-body.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { ProviderKeys } from '../../ports/provider/provider-keys.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface DecidePorts {
  readonly providerKeys: ProviderKeys;
  readonly clock: Clock;
}

/** A reception; or that the key it needs may not be fetched now. */
export type LimitedReception = DecidedReception | { readonly kind: 'key-calls-limited'; readonly retryAfterMs: number };

/** The input of a verification, besides the request. */
export interface Proof {
  /** The URL that the request was sent to. */
  readonly target: { readonly integration: string; readonly account?: string };
  readonly secrets: SecretValues;
  readonly keysMaxAgeMs: number;
  /** The body, when it has been decoded already. */
  readonly decoded?: Decoded;
}

/** Calls for published keys that one request may cause. */
const maxKeyFetches = 4;

/** Run the checks, and fetch the keys that they lack. */
export async function decideReception(
  ports: DecidePorts,
  webhook: PreparedWebhook,
  request: WebhookRequest,
  { target, secrets, keysMaxAgeMs, decoded }: Proof,
): Promise<LimitedReception> {
  const keys = new Map<string, readonly string[]>();
  // No account's id begins with an underscore.
  const owner = target.account ?? `_${target.integration}`;
  for (;;) {
    const reception = receiveWebhook(webhook, request, secrets, ports.clock.nowMs(), keys, decoded);
    if (reception.kind !== 'key-needed') return reception;
    if (keys.size === maxKeyFetches) return { kind: 'rejected', reason: 'key-unknown' };
    const found = await ports.providerKeys.find(reception.request, { maxAgeMs: keysMaxAgeMs, owner });
    if (found.kind === 'limited') return { kind: 'key-calls-limited', retryAfterMs: found.retryAfterMs };
    keys.set(reception.request.locator, found.keys);
  }
}
