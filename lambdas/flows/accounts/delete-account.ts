import { EngineError } from '../../contracts/engine-error.ts';
import { contextValues } from '../../engine/mapping/context-values.ts';
import type { Account, AccountDirectory } from '../../ports/accounts/account-store.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';
import type { CredentialStore } from '../../ports/provider/credential-store.ts';
import type { SyncStore } from '../../ports/sync/sync-store.ts';
import { type ClaimPorts, releaseContexts } from './claim-contexts.ts';

/** Tries to remove syncs; a run writes its own at most every few seconds. */
const maxAttempts = 10;

export interface DeleteAccountPorts extends Omit<ClaimPorts, 'accounts' | 'settings'> {
  readonly accounts: Pick<AccountDirectory, 'find' | 'remove'>;
  readonly integrations: IntegrationCatalog;
  readonly credentials: Pick<CredentialStore, 'remove'>;
  readonly syncs: Pick<SyncStore, 'list' | 'remove'>;
}

export type AccountDeletion =
  | { readonly kind: 'deleted' }
  /** The running erasure of its tenant finds other data through the account, and removes it last. */
  | { readonly kind: 'tenant-erasing' };

/**
 * Disconnect an account. Its id stays reserved for its tenant, its context values become free for another owner, and
 * its events stay until their retention ends. Claims left by an interrupted call lapse without cleanup.
 *
 * Its credentials and syncs go first: a call that is cut off after that leaves the account, so that a repeated call
 * finds it. A sync that is created meanwhile ends with its next run, which finds no account.
 */
export async function deleteAccount(ports: DeleteAccountPorts, account: Account): Promise<AccountDeletion> {
  await ports.credentials.remove(account.id);
  await removeSyncs(ports, account.id);
  // A missing account was removed by a call whose answer was lost: finish what that call left undone.
  if (!(await ports.accounts.remove(account)) && (await ports.accounts.find(account.id))?.closed === true)
    return { kind: 'tenant-erasing' };
  const { id, tenant, integration } = account;
  const routing = (await ports.integrations.get(integration))?.routing;
  if (routing === undefined) return { kind: 'deleted' };
  const holder = { integration, accountContext: routing.account_context, tenant, account: id };
  await releaseContexts(ports, holder, contextValues(account.context[holder.accountContext]));
  return { kind: 'deleted' };
}

/** Remove the syncs of an account with their cursors, also one that a run changes at the same time. */
async function removeSyncs({ syncs }: Pick<DeleteAccountPorts, 'syncs'>, account: string): Promise<void> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const removed = await Promise.all((await syncs.list(account)).map((row) => syncs.remove(row)));
    if (!removed.includes(false)) return;
  }
  throw new EngineError('contended', 'runs kept changing the syncs of the account', { retryable: true });
}
