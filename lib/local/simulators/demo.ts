import { setTimeout as waitFor } from 'node:timers/promises';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { compileWebhookIntegrations } from '../../definitions/compile-integrations.ts';
import { makeKeys, type SigningKeys } from '../../definitions/make-keys.ts';
import { readSamples } from '../../definitions/samples.ts';
import { signRequest } from '../../definitions/sign-request.ts';
import { localAdminKey } from '../admin-key.ts';
import { type DemoSubscriber, type ReceivedCallback, startDemoSubscriber } from './demo-subscriber.ts';

const integrationsFolder = new URL('../../../integrations/', import.meta.url);
const demoTenant = 'demo';
/** Signing secret of the demo's providers. It protects nothing: the engine runs only on this machine. */
export const demoSecret = 'demo-signing-secret';
/** Signing keys of a demo account's provider: the demo secret, or a key in the form that the scheme requires. */
export function demoKeys(definition: WebhookDefinition): Required<SigningKeys> {
  return makeKeys(definition, 'demo', () => demoSecret);
}

/** Time after which the demo reports that its first event is missing. */
const firstEventTimeoutMs = 15_000;

/** An account of the demo tenant. */
export interface DemoAccount {
  readonly integration: string;
  readonly webhookUrl: string;
}

export interface Demo {
  readonly accounts: readonly DemoAccount[];
  readonly subscriber: DemoSubscriber;
  /** The callback of the first event, and the time since the provider's request. */
  readonly first: { readonly callback: ReceivedCallback; readonly elapsedMs: number };
}

/**
 * Set up the demo through the public API, as a new user would: an account of each integration for one tenant, a
 * subscriber, and one sample that goes the whole way.
 *
 * @throws {Error} when the event does not arrive.
 */
export async function runDemo(engineUrl: string): Promise<Demo> {
  const definitions = compileWebhookIntegrations(integrationsFolder);
  const accounts: DemoAccount[] = [];
  for (const definition of definitions.values()) {
    const { name } = definition;
    const account = await call<{ webhook_url: string }>(engineUrl, '/v1/accounts', {
      id: `acc_demo_${name}`,
      tenant: demoTenant,
      integration: name,
      secrets: demoKeys(definition).secrets,
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

  const arrived = new Promise<ReceivedCallback>((resolve) => subscriber.onCallback(resolve));
  const startedMs = performance.now();
  await sendFirstSample(definitions, accounts);
  const callback = await Promise.race([arrived, waitFor(firstEventTimeoutMs, undefined, { ref: false })]);
  if (callback === undefined) throw new Error(`the demo's event did not arrive within ${firstEventTimeoutMs / 1000} s`);
  return { accounts, subscriber, first: { callback, elapsedMs: performance.now() - startedMs } };
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
    const { headers, body } = signRequest(definition, sample.request, demoKeys(definition), Date.now());
    const response = await fetch(webhookUrl, { method: 'POST', headers, body: new Uint8Array(body) });
    if (!response.ok) throw new Error(`${webhookUrl} answered ${response.status}: ${await response.text()}`);
    return;
  }
  throw new Error('no integration has a sample that makes one event');
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
