import { EngineError } from '../../contracts/engine-error.ts';
import { confirmationOf } from '../../engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { WebhookRequest } from '../../engine/request/webhook-request.ts';
import {
  deadLetter,
  type Mapping,
  type NormalizePorts,
  type RawDelivery,
  type SettledMapping,
  secretsOf,
} from './normalization.ts';

export async function settleConfirmation(mapping: Mapping): Promise<SettledMapping> {
  return mapping.kind === 'confirmation'
    ? mapping.call().catch((error: unknown) => ({ kind: 'failed', error }))
    : mapping;
}

/** Prepare the call that completes a handshake. The call is retried until the provider accepts it. */
export async function confirm(
  ports: NormalizePorts,
  delivery: RawDelivery,
  webhook: PreparedWebhook,
  request: WebhookRequest,
  decoded: unknown,
  handshake: string,
): Promise<Mapping> {
  const secrets = await secretsOf(ports, delivery.message, 0);
  const confirmation = confirmationOf(webhook, handshake, request, decoded, secrets);
  if (confirmation === undefined) return deadLetter(ports, delivery, `the definition has no handshake "${handshake}"`);
  if (confirmation.kind === 'rejected')
    return deadLetter(ports, delivery, `handshake "${handshake}": ${confirmation.reason} (${confirmation.detail})`);
  return {
    kind: 'confirmation',
    async call() {
      const { status } = await ports.provider.call(confirmation.call);
      if (status >= 200 && status < 300) return { kind: 'confirmed' };
      if (status === 429 || status >= 500)
        throw new EngineError('provider-unavailable', `the provider answered ${status}`, { retryable: true });
      return deadLetter(
        ports,
        delivery,
        `handshake "${handshake}": the provider answered ${status} to its confirmation`,
      );
    },
  };
}
