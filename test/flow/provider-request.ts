import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import { parseDefinition } from '../../lambdas/engine/definition/parse-definition.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { parsedWebhook } from '../fakes/parsed-webhook.ts';
import { staff } from '../fakes/samples.ts';

const acmeSecret = 'a secret of acme';

/** The definition of `staff`, with extra members in its webhook, parsed as an author writes it. */
export function staffWith(webhook: object, secrets: readonly string[] = []): WebhookDefinition {
  const declared = ['signing_secret', ...secrets].map((name) => [name, `The ${name}.`]);
  const written = { ...staff, secrets: Object.fromEntries(declared), webhook: { ...staff.webhook, ...webhook } };
  const files = { file: 'integration.yaml', folder: staff.name, read: () => undefined };
  const parsed = parseDefinition(JSON.stringify(written), files);
  return parsedWebhook(parsed);
}

/** A signed request of the provider `staff`. */
export function staffRequest(body: unknown, change: Partial<WebhookRequest> = {}, secret = acmeSecret): WebhookRequest {
  const request: WebhookRequest = {
    method: 'POST',
    url: 'https://hooks.example.com/in/staff/acc_acme',
    path: '/in/staff/acc_acme',
    query: '',
    headers: { 'content-type': 'application/json', 'x-staff-delivery': 'delivery-1' },
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
    ...change,
  };
  return signRequest(staff, request, { secrets: { signing_secret: secret } }, 0);
}

export interface Change {
  readonly verb: string;
  readonly id: string;
  readonly name?: string;
}

/** An accepted request in the form that ingress queues. */
export function rawMessage(
  rawId: string,
  changes: readonly Change[],
  { deliveryId = rawId, ...change }: Partial<RawMessage> & { readonly deliveryId?: string } = {},
): RawMessage {
  return {
    rawId,
    integration: 'staff',
    account: 'acc_acme',
    receivedAt: '2026-11-21T12:00:00.000Z',
    request: {
      method: 'POST',
      url: 'https://hooks.example.com/',
      path: '/',
      query: '',
      headers: { 'x-staff-delivery': deliveryId },
    },
    body: { kind: 'inline', encoding: 'utf8', content: JSON.stringify({ changes }) },
    ...change,
  };
}
