import { maskBody, maskBytes, maskValues } from '../../engine/request/mask-secrets.ts';
import type { SecretValues } from '../../engine/request/webhook-request.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import { type FindRequestPorts, type FoundRequest, findRequest } from './find-request.ts';

export interface ShowProviderRequestPorts extends FindRequestPorts {
  readonly settings: IntegrationSettingsStore;
}

/** A provider's request for people: without what proves that the provider sent it. */
export interface ShownProviderRequest {
  readonly kind: 'shown';
  readonly id: string;
  readonly integration: string;
  /** Undefined for a request at the URL for all accounts. */
  readonly account: string | undefined;
  /** ISO 8601. */
  readonly receivedAt: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly bodyBytes: number;
  readonly encoding: 'utf8' | 'base64';
}

/**
 * The provider's request that brought an event. Secrets of its account and its integration are masked wherever they
 * stand: a provider may send them back, and who knows one could send requests of his own.
 *
 * @param isForAll - Whether the caller may see what belongs to all tenants.
 */
export async function showProviderRequest(
  ports: ShowProviderRequestPorts,
  event: EventRow,
  isForAll: boolean,
): Promise<ShownProviderRequest | Exclude<FoundRequest, { kind: 'found' }>> {
  const found = await findRequest(ports, event, isForAll);
  if (found.kind !== 'found') return found;
  const { request, rawId, integration, account, receivedAt } = found.message;
  const secrets = await secretsOf(ports, event);
  const text = found.body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(found.body);
  return {
    kind: 'shown',
    id: rawId,
    integration,
    account,
    receivedAt,
    method: request.method,
    // Providers put secrets into queries.
    path: `${maskValues(request.path, secrets)}${request.query === '' ? '' : '?…'}`,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, maskValues(value, secrets)]),
    ),
    body: isText ? maskBody(text, secrets) : maskBytes(found.body, secrets).toString('base64'),
    bodyBytes: found.body.byteLength,
    encoding: isText ? 'utf8' : 'base64',
  };
}

async function secretsOf(
  { accounts, settings }: ShowProviderRequestPorts,
  { account, integration }: EventRow,
): Promise<readonly SecretValues[]> {
  const [own, shared] = await Promise.all([accounts.find(account), settings.get(integration, 0)]);
  return [own?.secrets ?? {}, shared?.secrets ?? {}];
}
