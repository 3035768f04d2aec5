import type { CredentialStore, StoredCredentials } from '../../lambdas/ports/provider/credential-store.ts';
import type { CredentialEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';

export interface InMemoryCredentials extends CredentialStore, CredentialEraser, Dumpable {
  /** What is stored, by account. */
  readonly stored: ReadonlyMap<string, StoredCredentials>;
}

/** Credentials of an account that are not stored yet. */
export function someCredentials(change: Partial<StoredCredentials> = {}): StoredCredentials {
  return {
    account: 'acc_acme',
    tenant: 'acme',
    incarnation: '2026-11-01T00:00:00.000Z',
    kind: 'oauth2',
    sealed: 'c2VhbGVk',
    generation: 1,
    updatedAtMs: 1_000,
    revision: 0,
    ...change,
  };
}

/** Credentials in memory, without a cache. */
export function createInMemoryCredentials(): InMemoryCredentials {
  const stored = new Map<string, StoredCredentials>();
  /** Also of removed credentials: a later revision is higher. */
  const revisions = new Map<string, number>();
  return {
    stored,
    dump: () => dumpOf(stored),
    get: async (account) => stored.get(account),
    getMany: async (accounts) => [...new Set(accounts)].flatMap((account) => stored.get(account) ?? []),
    async replace(credentials) {
      const { account } = credentials;
      if ((stored.get(account)?.revision ?? 0) !== credentials.revision) return undefined;
      const next = { ...credentials, revision: (revisions.get(account) ?? 0) + 1 };
      stored.set(account, structuredClone(next));
      revisions.set(account, next.revision);
      return next;
    },
    async remove(account) {
      stored.delete(account);
    },
    async findExisting(tenant, accounts) {
      return accounts.filter((account) => stored.get(account)?.tenant === tenant);
    },
    async removeMany(accounts) {
      for (const account of accounts) stored.delete(account);
    },
  };
}
