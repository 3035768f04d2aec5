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
const eventTimeoutMs = 30_000;
/** Pause between two looks at a sync. */
const lookMs = 50;

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
  /** The same of a change of which the simulated CRM sent no webhook: a sync found it. */
  readonly polled: DemoEvent;
  /** A link into the console, as a partner of the demo tenant; it opens once. */
  readonly consoleUrl: string;
}

export interface DemoEvent {
  readonly callback: ReceivedCallback;
  /** Since the provider's request, or since the call that had the sync run. */
  readonly elapsedMs: number;
}

type Definitions = ReturnType<typeof compileWebhookIntegrations>;

/**
 * Set up the demo through the public API, as a new user would: an account of each integration for one tenant, a
 * subscriber, and the three ways of an event: a sample that goes the whole way, a webhook that names a record of the
 * simulated CRM, and a record of it that a poll finds.
 *
 * @throws {Error} when an event does not arrive.
 */
export async function runDemo(engineUrl: string, crm: ProviderSimulator): Promise<Demo> {
  const definitions = compileWebhookIntegrations(integrationsFolder);
  const accounts = await createAccounts(engineUrl, definitions, crm);
  const subscriber = await startDemoSubscriber();
  const { secret } = await call<{ secret: string }>(engineUrl, '/v1/subscriptions', {
    id: 'sub_demo',
    tenant: demoTenant,
    url: subscriber.url,
  });
  subscriber.trust(secret);

  const isOfSample = ({ integration }: SeenEvent) => integration !== crmName;
  const first = await timeEvent(subscriber, isOfSample, () => sendFirstSample(definitions, accounts));
  // What a first run finds is not told a second time.
  await firstRun(engineUrl);
  const [named, silent] = crm.records('crm/contacts');
  if (named === undefined || silent === undefined) throw new Error(`${crmName} has too few contacts`);
  await crm.change('crm/contacts', named.id, { position: 'Head of purchasing' });
  const enriched = await timeEvent(subscriber, isChangeOf(named.id), () => sendThin(definitions, accounts, named.id));
  await crm.change('crm/contacts', silent.id, { position: 'Head of sales' });
  const polled = await timeEvent(subscriber, isChangeOf(silent.id), () =>
    call(engineUrl, `${crmPath}/syncs/contacts/run`, { mode: 'incremental' }),
  );
  return { accounts, subscriber, first, enriched, polled, consoleUrl: await linkIntoConsole(engineUrl) };
}

/** The demo tenant's own session in the console, with all that a partner may do. */
async function linkIntoConsole(engineUrl: string): Promise<string> {
  const { url } = await call<{ url: string }>(engineUrl, '/v1/portal-sessions', {
    tenant: demoTenant,
    scopes: ['admin'],
    return_url: `${engineUrl}/console`,
  });
  return url;
}

const accountId = (integration: string) => `acc_demo_${integration}`;
const crmPath = `/v1/accounts/${accountId(crmName)}`;

/** The CRM's account is the first: its syncs run while the others are created. */
async function createAccounts(
  engineUrl: string,
  definitions: Definitions,
  crm: ProviderSimulator,
): Promise<readonly DemoAccount[]> {
  const names = [...definitions.keys()];
  const urls = new Map<string, string>();
  for (const definition of [...definitions.values()].sort((one) => (one.name === crmName ? -1 : 0))) {
    const { name } = definition;
    const account = await call<{ webhook_url: string }>(engineUrl, '/v1/accounts', {
      id: accountId(name),
      tenant: demoTenant,
      integration: name,
      secrets: demoKeys(definition).secrets,
      ...(name === crmName ? { credentials: { type: 'api_key', ...crm.credentials.api_key } } : {}),
    });
    urls.set(name, account.webhook_url);
  }
  return names.map((integration) => ({ integration, webhookUrl: urls.get(integration) ?? '' }));
}

/** Wait for the first run of the CRM's contacts. */
async function firstRun(engineUrl: string): Promise<void> {
  const endMs = performance.now() + eventTimeoutMs;
  while (performance.now() < endMs) {
    const sync = await call<{ last_run: object | null }>(engineUrl, `${crmPath}/syncs/contacts`);
    if (sync.last_run !== null) return;
    await waitFor(lookMs);
  }
  throw new Error(`the first run of ${crmName} did not end within ${eventTimeoutMs / 1000} s`);
}

interface SeenEvent {
  readonly integration?: string;
  readonly record_id?: string;
  readonly snapshot?: boolean;
}

function isChangeOf(recordId: string): (event: SeenEvent) => boolean {
  return ({ integration, record_id: id, snapshot }) => integration === crmName && id === recordId && snapshot !== true;
}

/** Make something happen, and wait for the callback of its event. */
async function timeEvent(
  subscriber: DemoSubscriber,
  isIt: (event: SeenEvent) => boolean,
  send: () => Promise<unknown>,
): Promise<DemoEvent> {
  const arrived = new Promise<ReceivedCallback>((resolve) =>
    subscriber.onCallback((callback) => {
      if (isIt(JSON.parse(callback.body) as SeenEvent)) resolve(callback);
    }),
  );
  const startedMs = performance.now();
  await send();
  const callback = await Promise.race([arrived, waitFor(eventTimeoutMs, undefined, { ref: false })]);
  if (callback === undefined) throw new Error(`the demo's event did not arrive within ${eventTimeoutMs / 1000} s`);
  return { callback, elapsedMs: performance.now() - startedMs };
}

/** Send the first sample that makes exactly one event, signed as its provider signs. */
async function sendFirstSample(definitions: Definitions, accounts: readonly DemoAccount[]): Promise<void> {
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
async function sendThin(definitions: Definitions, accounts: readonly DemoAccount[], contact: string): Promise<void> {
  const definition = definitions.get(crmName);
  const account = accounts.find(({ integration }) => integration === crmName);
  const sample = readSamples(integrationsFolder, crmName).find(({ name }) => name === 'contact-update');
  if (definition === undefined || account === undefined || sample === undefined)
    throw new Error(`${crmName} has no account or no sample`);
  const told = { action: 'update', object: 'contact', data: { contact_id: Number(contact) }, ts: Date.now() };
  await post(account.webhookUrl, definition, { ...sample.request, body: Buffer.from(JSON.stringify(told)) });
}

async function post(url: string, definition: WebhookDefinition, request: WebhookRequest): Promise<void> {
  const { headers, body } = signRequest(definition, request, demoKeys(definition), Date.now());
  const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
}

async function call<T>(engineUrl: string, path: string, body?: unknown): Promise<T> {
  const method = body === undefined ? 'GET' : 'POST';
  const response = await fetch(`${engineUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${localAdminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
