import type { CredentialStore, StoredCredentials } from '../../lambdas/ports/provider/credential-store.ts';

export interface InMemoryCredentials extends CredentialStore {
  /** What is stored, by account. */
  readonly stored: ReadonlyMap<string, StoredCredentials>;
}

/** Credentials in memory, without a cache. */
export function createInMemoryCredentials(): InMemoryCredentials {
  const stored = new Map<string, StoredCredentials>();
  return {
    stored,
    get: async (account) => stored.get(account),
    getMany: async (accounts) => accounts.flatMap((account) => stored.get(account) ?? []),
    async replace(credentials) {
      if ((stored.get(credentials.account)?.revision ?? 0) !== credentials.revision) return undefined;
      const next = { ...credentials, revision: credentials.revision + 1 };
      stored.set(credentials.account, next);
      return next;
    },
    async remove(account) {
      stored.delete(account);
    },
  };
}
