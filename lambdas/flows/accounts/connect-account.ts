import type { Definition } from '../../engine/definition/schema.ts';
import { authorizeUrl } from '../../engine/provider/credentials/authorize-url.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type { ConnectStates } from '../../ports/provider/connect-states.ts';
import { type ProviderPorts, toCaller } from '../provider/provider-ports.ts';
import { openClient } from '../provider/sealed-credentials.ts';

export interface ConnectPorts {
  readonly accounts: AccountDirectory;
  readonly integrations: IntegrationCatalog;
  readonly provider: ProviderPorts;
  readonly connectStates: ConnectStates;
  /** Origin of the HTTP API, without a trailing slash. */
  readonly publicUrl: string;
  /** Origins to which a consent may lead back; `:*` at the end stands for any port. */
  readonly connectReturnOrigins: readonly string[];
}

export type Consent =
  | { readonly kind: 'url'; readonly url: string; readonly expiresAtMs: number }
  /** The integration has no consent, or the settings have no client. */
  | { readonly kind: 'not-supported'; readonly reason: string }
  | { readonly kind: 'bad-return-url' }
  | { readonly kind: 'incomplete'; readonly reason: string };

/** How long an owner may take to consent. */
const consentMs = 30 * 60_000;

/** Start the consent of an account's owner. The state is used once, and names the account that it is for. */
export async function startConsent(
  ports: ConnectPorts,
  account: Account,
  definition: Definition,
  returnUrl: string,
  mayClaim: boolean,
): Promise<Consent> {
  const oauth2 = definition.api?.credentials.oauth2;
  if (oauth2 === undefined)
    return {
      kind: 'not-supported',
      reason: `"${definition.name}" has no consent (OAuth 2.0): give the account its credentials`,
    };
  if (!mayReturn(ports.connectReturnOrigins, returnUrl)) return { kind: 'bad-return-url' };
  const client = await openClient(ports.provider, definition.name);
  if (client === undefined)
    return { kind: 'not-supported', reason: `the settings of "${definition.name}" have no OAuth client` };
  const { randomness, clock } = ports.provider;
  const state = randomness.bytes(32).toString('base64url');
  const verifier = oauth2.pkce ? randomness.bytes(48).toString('base64url') : undefined;
  const { account: filled } = toCaller(account, definition);
  const url = authorizeUrl(
    oauth2,
    { context: filled.context },
    { clientId: client.clientId, redirectUri: redirectUriOf(ports, definition.name), state, verifier },
  );
  if (url.kind === 'fault') return { kind: 'incomplete', reason: url.message };
  const expiresAtMs = clock.nowMs() + consentMs;
  await ports.connectStates.put(state, {
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    integration: definition.name,
    returnUrl,
    verifier,
    mayClaim,
    expiresAtMs,
  });
  return { kind: 'url', url: url.url, expiresAtMs };
}

/** The URL that the vendor registers at the provider. */
export function redirectUriOf({ publicUrl }: Pick<ConnectPorts, 'publicUrl'>, integration: string): string {
  return `${publicUrl}/connect/${integration}/callback`;
}

/** Whether a consent may lead back to a URL: an open redirect would lend this deployment's name to anyone. */
function mayReturn(origins: readonly string[], text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return false;
  return origins.some((allowed) =>
    allowed.endsWith(':*')
      ? `${url.protocol}//${url.hostname}` === allowed.slice(0, -2)
      : url.origin === allowed.replace(/\/$/, ''),
  );
}
