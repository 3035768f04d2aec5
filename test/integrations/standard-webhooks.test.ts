import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { deliveryIdOf, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';

/** Tests the providers that follow Standard Webhooks with the library of the specification. */
const definitions = compileWebhookIntegrations(new URL('../../integrations/', import.meta.url));
const now = new Date('2026-11-22T12:00:00Z');
const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const body = '{"type":"contact.created","data":{"id":"1"}}';
const idOfMessage = 'msg_1';

function request(prefix: string, more: Readonly<Record<string, string>> = {}): WebhookRequest {
  const headers = {
    [`${prefix}-id`]: idOfMessage,
    [`${prefix}-timestamp`]: String(now.getTime() / 1000),
    [`${prefix}-signature`]: new Webhook(secret).sign(idOfMessage, now, body),
  };
  return {
    method: 'POST',
    url: 'https://hooks.example.com/in/acme',
    path: '/in/acme',
    query: '',
    headers: { 'content-type': 'application/json', ...headers, ...more },
    body: Buffer.from(body),
  };
}

describe.each([
  ['standardwebhooks', 'webhook', 'signing_secret'],
  ['standardwebhooks', 'svix', 'signing_secret'],
  ['gitlab', 'webhook', 'signing_token'],
])('%s with the headers %s-…', (name, prefix, key) => {
  const webhook = prepareWebhook(definitions.get(name) as WebhookDefinition, readXml);
  const receive = (given: WebhookRequest, secrets: Readonly<Record<string, string>> = { [key]: secret }) =>
    receiveWebhook(webhook, given, secrets, now.getTime()).kind;

  test('verifies requests that the library signs, and uses the signed id as delivery id', () => {
    const given = request(prefix);
    expect(receive(given)).toBe('verified');
    expect(deliveryIdOf(webhook, given, JSON.parse(body))).toBe(idOfMessage);
  });

  test.each(['id', 'timestamp', 'signature'])('fails when the %s differs', (part) => {
    expect(receive(request(prefix, { [`${prefix}-${part}`]: '1795348799' }))).toBe('rejected');
  });

  test('fails when the body differs, or when the request is five minutes old', () => {
    expect(receive({ ...request(prefix), body: Buffer.from(body.replace('1', '2')) })).toBe('rejected');
    expect(receiveWebhook(webhook, request(prefix), { [key]: secret }, now.getTime() + 301_000).kind).toBe('rejected');
  });
});

test('an unsigned header next to the signed ones neither verifies a request nor gives its delivery id', () => {
  const webhook = prepareWebhook(definitions.get('standardwebhooks') as WebhookDefinition, readXml);
  const given = request('webhook', { 'svix-id': 'msg_2', 'svix-signature': 'v1,AAAA' });
  expect(receiveWebhook(webhook, given, { signing_secret: secret }, now.getTime()).kind).toBe('verified');
  expect(deliveryIdOf(webhook, given, JSON.parse(body))).toBe(idOfMessage);
  const swapped = request('svix', { 'webhook-id': 'msg_2' });
  expect(receiveWebhook(webhook, swapped, { signing_secret: secret }, now.getTime()).kind).toBe('rejected');
});

test('GitLab: the secret token alone verifies the requests of an account, signed or not', () => {
  const webhook = prepareWebhook(definitions.get('gitlab') as WebhookDefinition, readXml);
  const receive = (given: WebhookRequest, secrets: Readonly<Record<string, string>>) =>
    receiveWebhook(webhook, given, secrets, now.getTime()).kind;
  const signed = request('webhook', { 'x-gitlab-token': 'the token' });
  const { 'webhook-signature': _, ...bare } = signed.headers;
  expect(receive(signed, { token: 'the token' })).toBe('verified');
  expect(receive({ ...signed, headers: bare }, { token: 'the token' })).toBe('verified');
  expect(receive(signed, { token: 'another' })).toBe('rejected');
  // With a signing token alone, the token in the header proves nothing.
  expect(receive({ ...signed, headers: bare }, { signing_token: secret })).toBe('rejected');
});
