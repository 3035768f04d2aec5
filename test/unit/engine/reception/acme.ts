import { parseDefinition } from '../../../../lambdas/engine/definition/parse-definition.ts';
import type { WebhookDefinition } from '../../../../lambdas/engine/definition/schema.ts';
import { type Reception, receiveWebhook } from '../../../../lambdas/engine/reception/decide-reception.ts';
import { type PreparedWebhook, prepareWebhook } from '../../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../../lambdas/engine/request/webhook-request.ts';
import { parsedWebhook } from '../../../fakes/parsed-webhook.ts';

export const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
export const nowSeconds = nowMs / 1000;
export const verified = { kind: 'verified' } as const;

const secretNames = ['signing_secret', 'public_key', 'token', 'username', 'password', 'client_id'];

/** A parsed definition; only its webhook section matters. */
export function acme(webhook: object): WebhookDefinition {
  const parsed = parseDefinition(JSON.stringify(aDefinition(webhook)), files);
  return parsedWebhook(parsed);
}

/** The faults of such a definition, without file and line. */
export function faultsOf(webhook: object): readonly string[] {
  const parsed = parseDefinition(JSON.stringify(aDefinition(webhook)), files);
  return parsed.kind === 'faults' ? parsed.faults.map(({ path, message }) => `${path}: ${message}`) : [];
}

export function prepare(webhook: object): PreparedWebhook {
  return prepareWebhook(acme(webhook), readXml);
}

export function aRequest(body: string | Buffer, change: Partial<WebhookRequest> = {}): WebhookRequest {
  return {
    method: 'POST',
    url: 'https://hooks.example.com/in/acme/acc_1',
    path: '/in/acme/acc_1',
    query: '',
    headers: {},
    body: Buffer.from(body),
    ...change,
  };
}

export function receive(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  secrets: SecretValues,
  atMs = nowMs,
): Reception {
  return receiveWebhook(webhook, request, secrets, atMs);
}

/** CPU time of a call in milliseconds; other processes of the machine do not affect it. */
export function cpuMsOf(call: () => void): number {
  const before = process.cpuUsage();
  call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** No request takes 50 ms on a quiet machine; the rest is tolerance for a busy machine with a cold cache. */
export const maxCpuMs = 250;

const files = { file: 'integration.yaml', folder: 'acme', read: () => undefined };

function aDefinition(webhook: object): object {
  return {
    name: 'acme',
    title: 'Acme',
    docs: 'https://acme.example',
    secrets: Object.fromEntries(secretNames.map((name) => [name, `The ${name}.`])),
    webhook: { decode: 'json', ...webhook },
    mapping: 'body',
  };
}
