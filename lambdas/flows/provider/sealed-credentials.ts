import type { CredentialValues } from '../../engine/provider/credentials/credential-values.ts';
import type { OAuthClient } from '../../engine/provider/credentials/token-request.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { CredentialCipher } from '../../ports/provider/credential-cipher.ts';
import type { CredentialStore, StoredCredentials } from '../../ports/provider/credential-store.ts';

interface SealingPorts {
  readonly credentials: CredentialStore;
  readonly cipher: CredentialCipher;
}

/** The credentials of an account, as a call uses them. */
export interface OpenCredentials {
  readonly stored: StoredCredentials;
  readonly values: CredentialValues;
}

/** Read and open an account's credentials; undefined where it has none. */
export async function openCredentials(
  { credentials, cipher }: SealingPorts,
  account: Account,
  maxAgeMs: number,
): Promise<OpenCredentials | undefined> {
  const stored = await credentials.get(account.id, maxAgeMs);
  if (stored === undefined || !belongsTo(stored, account)) return undefined;
  const plain = await cipher.open(stored.sealed, { tenant: account.tenant, account: account.id });
  return { stored, values: plain as unknown as CredentialValues };
}

/** Credentials of another tenant, or of a former account with the same id, do not count. */
export function belongsTo(stored: StoredCredentials, { tenant, createdAt }: Account): boolean {
  return stored.tenant === tenant && stored.incarnation === createdAt;
}

export async function sealValues(
  { cipher }: Pick<SealingPorts, 'cipher'>,
  account: Pick<Account, 'id' | 'tenant'>,
  values: CredentialValues,
): Promise<string> {
  return cipher.seal({ ...values }, { tenant: account.tenant, account: account.id });
}

/** The row of the vendor's client; no account can have such an id. */
const clientRow = (integration: string) => `client#${integration}`;
const clientContext = (integration: string) => ({ tenant: '*', account: clientRow(integration) });

/** The vendor's OAuth client of an integration; undefined until its settings have one. */
export async function openClient(
  { credentials, cipher }: SealingPorts,
  integration: string,
): Promise<OAuthClient | undefined> {
  const stored = await credentials.get(clientRow(integration), 60_000);
  if (stored === undefined) return undefined;
  return (await cipher.open(stored.sealed, clientContext(integration))) as unknown as OAuthClient;
}

export async function storeClient(
  { credentials, cipher }: SealingPorts,
  integration: string,
  client: OAuthClient,
  nowMs: number,
): Promise<void> {
  const sealed = await cipher.seal({ ...client }, clientContext(integration));
  for (;;) {
    const before = await credentials.get(clientRow(integration), 0);
    const stored = await credentials.replace({
      account: clientRow(integration),
      tenant: '*',
      incarnation: '',
      kind: 'oauth2',
      sealed,
      generation: (before?.generation ?? 0) + 1,
      updatedAtMs: nowMs,
      revision: before?.revision ?? 0,
    });
    if (stored !== undefined) return;
  }
}
