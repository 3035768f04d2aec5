import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import type { HandshakeSpec } from '../../lambdas/engine/definition/webhook-schema.ts';
import { receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { type PreparedWebhook, prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { prepareCondition } from '../../lambdas/engine/verification/prepare-checks.ts';
import { templateInput } from '../../lib/definitions/checks-for-request.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { readSamples } from '../../lib/definitions/samples.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { signingKeysOf } from './signing-keys.ts';

export const root = new URL('../../integrations/', import.meta.url);
export const nowMs = Date.parse('2026-11-22T12:00:00.000Z');

/** All integrations, for `describe.each`. */
export const integrations = [...compileWebhookIntegrations(root)].map(([name, definition]) => ({ name, definition }));

/** An integration with its samples, and functions that sign and receive requests; not specific to any provider. */
export function integrationUnderTest(name: string, definition: WebhookDefinition) {
  const webhook: PreparedWebhook = prepareWebhook(definition, readXml);
  const keys = signingKeysOf(definition, 'right');
  return {
    name,
    definition,
    webhook,
    keys,
    samples: readSamples(root, name),
    sign: (request: WebhookRequest, atMs = nowMs, values = keys) => signRequest(definition, request, values, atMs),
    receive: (request: WebhookRequest, values: SecretValues = keys.secrets) =>
      receiveWebhook(webhook, request, values, nowMs),
  };
}

export type IntegrationUnderTest = ReturnType<typeof integrationUnderTest>;

/** Whether a request matches a condition of the handshake. */
export function isFor(definition: WebhookDefinition, { when }: HandshakeSpec, request: WebhookRequest): boolean {
  const input = templateInput(definition, request);
  return [when].flat().some((condition) => prepareCondition(condition)(input));
}

export function withHeader(request: WebhookRequest, name: string, value: string): WebhookRequest {
  return { ...request, headers: { ...request.headers, [name]: value } };
}
