import { expect, test } from 'vitest';
import { lookupContexts } from '../../lambdas/engine/mapping/lookup-context.ts';
import { decodeBody } from '../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { contextsOf } from '../../lib/definitions/contexts-of.ts';
import { readSamples } from '../../lib/definitions/samples.ts';

const root = new URL('../../integrations/', import.meta.url);
const definitions = compileWebhookIntegrations(root);

test.each([
  ['shopify', 'orders-create', ['northwind-example.myshopify.com']],
  ['slack', 'message', ['T0NORTHWIND']],
  // The message was sent in another company's workspace, but the installation belongs to this one.
  ['slack', 'message-in-shared-channel', ['T0NORTHWIND']],
  ['slack', 'message-of-enterprise-install', ['E0NORTHWIND']],
  ['meta', 'messages-of-two-accounts', ['330011220044001', '330011220044002']],
  ['workos', 'dsync-user-created', ['org_01EXAMPLE0000000000000000003']],
  ['workos', 'user-created', ['environment']],
  ['workos', 'dsync-group-user-added', []],
  ['jira', 'issue-updated-connect', ['northwind.atlassian.net']],
  ['jira', 'sprint-started', ['northwind.atlassian.net']],
  ['jira', 'comment-created', ['northwind.atlassian.net']],
  ['adyen', 'authorisation', ['NorthwindECOM']],
  ['adyen', 'platform-payout-updated', ['NorthwindPlatform']],
])('%s: %s belongs to %j', async (name, sampleName, contexts) => {
  const definition = definitions.get(name);
  const sample = readSamples(root, name).find((one) => one.name === sampleName);
  if (definition?.routing === undefined || sample === undefined) throw new Error('this sample does not exist');
  const { request } = sample;
  const decoded = decodeBody(definition.webhook.decode, request, readXml);
  if (decoded.kind === 'malformed') throw new Error(decoded.expected);
  const { headers, query, method, path } = request;
  const input = { body: decoded.value, headers, query: Object.fromEntries(new URLSearchParams(query)), method, path };
  expect(await lookupContexts(definition.routing.context_lookup_field, input)).toEqual(contexts);
  // If accounts hold the secrets, ingress must find the same contexts.
  expect(contextsOf(definition, request) ?? contexts).toEqual(contexts);
});
