import { canary } from '../../contracts/canary.ts';
import { EngineError } from '../../contracts/engine-error.ts';
import { hashSecret, writeApiKey } from '../../engine/access/api-key-secret.ts';
import type { CanaryPorts } from './canary-ports.ts';

/** What a function instance remembers between runs. */
export interface CanarySetup {
  readonly key: string;
  readonly webhookUrl: string;
  readonly subscription: string;
  /** Epoch milliseconds; the canary sends since then. */
  readonly sinceMs: number;
}

/** The API answered what the canary does not expect. The text of the answer has no secrets. */
export class CanaryCallFailed extends Error {
  override readonly name = 'CanaryCallFailed';
  readonly status: number;

  constructor(call: string, status: number, answer: string) {
    super(`${call} answered ${status}: ${answer.slice(0, 300)}`);
    this.status = status;
  }
}

const secretBytes = 32;
/** A key that nobody renews ends by itself. */
const keyLifetimeMs = 24 * 3_600_000;

/** Call the API. @throws {CanaryCallFailed} for any answer but a success, and, if it is allowed, a 404. */
export async function callApi<T>(
  { http, publicUrl }: CanaryPorts,
  key: string,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<T | undefined> {
  const answer = await http.call({
    method,
    url: `${publicUrl}${path}`,
    headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status === 404 && method === 'GET') return undefined;
  if (answer.status < 200 || answer.status >= 300)
    throw new CanaryCallFailed(`${method} ${path}`, answer.status, answer.body);
  return JSON.parse(answer.body) as T;
}

/**
 * Make what the canary needs, where it is missing: a key of its own tenant, an account whose provider it is, and a
 * subscription. All but the key is made through the API, as a tenant does it.
 *
 * No secret is stored for it: the key is a new one for each function instance, the others are read from the rows.
 *
 * @param url - Where the canary serves its provider's API and takes callbacks; ends with a slash.
 */
export async function prepareCanary(ports: CanaryPorts, url: string): Promise<CanarySetup> {
  const key = await makeKey(ports);
  const account = await makeAccount(ports, key, url);
  return { key, webhookUrl: account.webhook_url, ...(await makeSubscription(ports, key, url)) };
}

/** @throws {corrupt-state} for a key of another tenant with this id, which an operator made: its calls would reach others. */
async function makeKey({ apiKeys, randomness, clock }: CanaryPorts): Promise<string> {
  const secret = randomness.bytes(secretBytes).toString('base64url');
  const nowMs = clock.nowMs();
  const createdAt = new Date(nowMs).toISOString();
  const found = await apiKeys.find(canary.key);
  if (found !== undefined && found.tenant !== canary.tenant)
    throw new EngineError(
      'corrupt-state',
      `the key "${canary.key}" is not the canary's own: its tenant is ${JSON.stringify(found.tenant)}, expected "${canary.tenant}"; revoke it (DELETE /v1/keys/${canary.key}), the canary then makes its own`,
      { retryable: false },
    );
  const key = {
    id: canary.key,
    name: 'Canary of this deployment',
    tenant: canary.tenant,
    scopes: canary.scopes,
    secrets: [{ sha256: hashSecret(secret), createdAt }],
    expiresAtMs: nowMs + keyLifetimeMs,
    ratePerMinute: undefined,
    lastUsedAt: undefined,
    createdAt: found?.createdAt ?? createdAt,
    revision: found?.revision ?? 1,
  };
  const isWritten = found === undefined ? (await apiKeys.create(key)) === 'created' : await apiKeys.replace(key);
  if (!isWritten)
    throw new EngineError('contended', 'another instance of the canary wrote its key', { retryable: true });
  return writeApiKey({ id: canary.key, secret });
}

interface AccountView {
  readonly webhook_url: string;
  readonly base_url: string | null;
}

async function makeAccount(ports: CanaryPorts, key: string, url: string): Promise<AccountView> {
  const path = `/v1/accounts/${canary.account}`;
  const baseUrl = url.replace(/\/$/, '');
  const found = await callApi<AccountView>(ports, key, 'GET', path);
  const secret = () => ports.randomness.bytes(secretBytes).toString('base64url');
  if (found === undefined)
    return (await callApi<AccountView>(ports, key, 'POST', '/v1/accounts', {
      id: canary.account,
      tenant: canary.tenant,
      integration: canary.integration,
      name: 'Canary of this deployment',
      secrets: { signing_secret: secret() },
      credentials: { type: 'api_key', key: secret() },
      base_url: baseUrl,
    })) as AccountView;
  // A stack that was deployed anew has another function URL.
  if (found.base_url !== baseUrl) await callApi(ports, key, 'PATCH', path, { base_url: baseUrl });
  return found;
}

interface SubscriptionView {
  readonly id: string;
  readonly url: string;
  readonly status: 'enabled' | 'disabled';
  readonly created_at: string;
}

async function makeSubscription(
  ports: CanaryPorts,
  key: string,
  url: string,
): Promise<Pick<CanarySetup, 'subscription' | 'sinceMs'>> {
  const list = await callApi<{ readonly data: readonly SubscriptionView[] }>(ports, key, 'GET', '/v1/subscriptions');
  const [found] = list?.data ?? [];
  const id = found?.id ?? `sub_canary${ports.randomness.bytes(8).toString('hex')}`;
  // The receiver reads the subscription's secret by the id in the path.
  const callbackUrl = `${url}callbacks/${id}`;
  const made =
    found ??
    (await callApi<SubscriptionView>(ports, key, 'POST', '/v1/subscriptions', {
      id,
      tenant: canary.tenant,
      url: callbackUrl,
      description: 'Canary of this deployment',
    }));
  if (found !== undefined && found.url !== callbackUrl)
    await callApi(ports, key, 'PATCH', `/v1/subscriptions/${id}`, { url: callbackUrl });
  if (found?.status === 'disabled') await callApi(ports, key, 'POST', `/v1/subscriptions/${id}/enable`, {});
  return { subscription: id, sinceMs: Date.parse(made?.created_at ?? '') };
}
