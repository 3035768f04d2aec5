import { setTimeout as waitFor } from 'node:timers/promises';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { compileWebhookIntegrations } from '../../definitions/compile-integrations.ts';
import { readSamples } from '../../definitions/samples.ts';
import { signRequest } from '../../definitions/sign-request.ts';
import { localAdminKey } from '../admin-key.ts';
import { crmName } from './demo-crm.ts';
import { demoKeys } from './demo-keys.ts';
import { type DemoSubscriber, type ReceivedCallback, startDemoSubscriber } from './demo-subscriber.ts';
import type { ProviderSimulator } from './provider/provider-simulator.ts';

const integrationsFolder = new URL('../../../integrations/', import.meta.url);
const demoTenant = 'demo';
/** Time after which the demo reports that an event is missing. */
const eventTimeoutMs = 15_000;

/** An account of the demo tenant. */
export interface DemoAccount {
  readonly integration: string;
  readonly webhookUrl: string;
}

export interface Demo {
  readonly accounts: readonly DemoAccount[];
  readonly subscriber: DemoSubscriber;
  /** The callback of the first event, and the time since the provider's request. */
  readonly first: DemoEvent;
  /** The same of a webhook that only names its record: the engine read the record from the simulated CRM. */
  readonly enriched: DemoEvent;
}

export interface DemoEvent {
  readonly callback: ReceivedCallback;
  /** Since the provider's request. */
  readonly elapsedMs: number;
}

/**
 * Set up the demo through the public API, as a new user would: an account of each integration for one tenant, a
 * subscriber, one sample that goes the whole way, and a webhook that names a record of the simulated CRM.
 *
 * @throws {Error} when an event does not arrive.
 */
export async function runDemo(engineUrl: string, crm: ProviderSimulator): Promise<Demo> {
  const definitions = compileWebhookIntegrations(integrationsFolder);
  const accounts: DemoAccount[] = [];
  for (const definition of definitions.values()) {
    const { name } = definition;
    const account = await call<{ webhook_url: string }>(engineUrl, '/v1/accounts', {
      id: `acc_demo_${name}`,
      tenant: demoTenant,
      integration: name,
      secrets: demoKeys(definition).secrets,
      ...(name === crmName ? { credentials: { type: 'api_key', ...crm.credentials.api_key } } : {}),
    });
    accounts.push({ integration: name, webhookUrl: account.webhook_url });
  }

  const subscriber = await startDemoSubscriber();
  const { secret } = await call<{ secret: string }>(engineUrl, '/v1/subscriptions', {
    id: 'sub_demo',
    tenant: demoTenant,
    url: subscriber.url,
  });
  subscriber.trust(secret);

  const first = await timeEvent(subscriber, async () => sendFirstSample(definitions, accounts));
  const enriched = await timeEvent(subscriber, async () => sendThin(definitions, accounts, crm));
  return { accounts, subscriber, first, enriched };
}

/** Send, and wait for the next callback. */
async function timeEvent(subscriber: DemoSubscriber, send: () => Promise<void>): Promise<DemoEvent> {
  const arrived = new Promise<ReceivedCallback>((resolve) => subscriber.onCallback(resolve));
  const startedMs = performance.now();
  await send();
  const callback = await Promise.race([arrived, waitFor(eventTimeoutMs, undefined, { ref: false })]);
  if (callback === undefined) throw new Error(`the demo's event did not arrive within ${eventTimeoutMs / 1000} s`);
  return { callback, elapsedMs: performance.now() - startedMs };
}

/** Send the first sample that makes exactly one event, signed as its provider signs. */
async function sendFirstSample(
  definitions: ReturnType<typeof compileWebhookIntegrations>,
  accounts: readonly DemoAccount[],
): Promise<void> {
  for (const { integration, webhookUrl } of accounts) {
    const definition = definitions.get(integration);
    const sample = readSamples(integrationsFolder, integration).find(({ expected }) => expected?.length === 1);
    if (definition === undefined || sample === undefined) continue;
    await post(webhookUrl, definition, sample.request);
    return;
  }
  throw new Error('no integration has a sample that makes one event');
}

/** Send what the CRM sends when a contact changes: it names the contact, and tells nothing of it. */
async function sendThin(
  definitions: ReturnType<typeof compileWebhookIntegrations>,
  accounts: readonly DemoAccount[],
  crm: ProviderSimulator,
): Promise<void> {
  const definition = definitions.get(crmName);
  const account = accounts.find(({ integration }) => integration === crmName);
  const sample = readSamples(integrationsFolder, crmName).find(({ name }) => name === 'contact-update');
  const [contact] = crm.records('crm/contacts');
  if (definition === undefined || account === undefined || sample === undefined || contact === undefined)
    throw new Error(`${crmName} has no account, no sample or no contact`);
  const told = { action: 'update', object: 'contact', data: { contact_id: Number(contact.id) }, ts: Date.now() };
  await post(account.webhookUrl, definition, { ...sample.request, body: Buffer.from(JSON.stringify(told)) });
}

async function post(url: string, definition: WebhookDefinition, request: WebhookRequest): Promise<void> {
  const { headers, body } = signRequest(definition, request, demoKeys(definition), Date.now());
  const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

async function call<T>(engineUrl: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(`${engineUrl}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
