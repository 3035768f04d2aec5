import type { Account, AccountDirectory } from '../ports/account-store.ts';

export type AccountDeletion =
  | { readonly kind: 'deleted' }
  /** It is gone already. */
  | { readonly kind: 'unknown-account' }
  /** The erasure of its tenant finds other data by it, and removes it last. */
  | { readonly kind: 'tenant-erasing' };

/** Disconnect an account. Its id is held for its tenant; its events stay for as long as they are kept. */
export async function deleteAccount(
  ports: { readonly accounts: Pick<AccountDirectory, 'find' | 'remove'> },
  account: Account,
): Promise<AccountDeletion> {
  if (!(await ports.accounts.remove(account))) {
    const current = await ports.accounts.find(account.id);
    return { kind: current?.closed === true ? 'tenant-erasing' : 'unknown-account' };
  }
  return { kind: 'deleted' };
}
