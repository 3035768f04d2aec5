import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../lambdas/engine/mapping/canonical-event.ts';
import { mapRequest, prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { decodeBody } from '../../lambdas/engine/verification/decode-body.ts';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import { deliveryIdOf } from '../../lambdas/engine/verification/receive-webhook.ts';
import type { WebhookRequest } from '../../lambdas/engine/verification/webhook-request.ts';
import { withoutCredentials } from '../../lambdas/engine/verification/without-credentials.ts';

export type OfflineMapping =
  | { readonly kind: 'mapped'; readonly events: readonly UnsequencedEvent[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** What normalize would make of a request, for the account of the local demo. */
export async function mapRequestOffline(
  definition: Definition,
  request: WebhookRequest,
  nowMs: number,
): Promise<OfflineMapping> {
  const decoded = decodeBody(definition.webhook.decode, request);
  if (decoded.kind === 'malformed') return { kind: 'failed', reason: `body: expected ${decoded.expected}` };
  const webhook = prepareWebhook(definition);
  const kept = withoutCredentials(request, webhook.credentials);
  return mapRequest(
    prepareMapping(definition.mapping),
    {
      body: decoded.value,
      headers: kept.headers,
      query: Object.fromEntries(new URLSearchParams(kept.query)),
      method: kept.method,
      path: kept.path,
    },
    {
      tenant: 'demo',
      account: `acc_demo_${definition.name}`,
      integration: definition.name,
      receivedAt: new Date(nowMs).toISOString(),
      deliveryId: deliveryIdOf(webhook, kept, decoded.value),
      rawBody: kept.body,
    },
  );
}
