import type { Account, AccountDirectory, AccountStore } from '../../lambdas/ports/account-store.ts';
import type { Clock } from '../../lambdas/ports/clock.ts';
import { pageOf } from './page-of.ts';

/** The accounts table, and what reads and administers it. */
export interface InMemoryAccounts extends AccountDirectory {
  /** A reader with a memory of its own, as each instance of a function has. */
  reader(clock: Clock): AccountStore;
  /** Change an account behind the back of its readers. */
  overwrite(account: Account): void;
}

export function createInMemoryAccounts(): InMemoryAccounts {
  const rows = new Map<string, Account>();
  return {
    async find(id) {
      return structuredClone(rows.get(id));
    },
    async create(account) {
      if (rows.has(account.id)) return 'exists';
      rows.set(account.id, structuredClone(account));
      return 'created';
    },
    async list(tenant, limit, after) {
      const all = [...rows.values()].filter((account) => tenant === undefined || account.tenant === tenant);
      return pageOf(all, ({ id }) => id, limit, after);
    },
    async replace(account) {
      if (rows.get(account.id)?.revision !== account.revision) return false;
      rows.set(account.id, structuredClone({ ...account, revision: account.revision + 1 }));
      return true;
    },
    reader(clock) {
      const remembered = new Map<string, { readonly account: Account; readonly readAtMs: number }>();
      return {
        async get(id, maxAgeMs) {
          const known = remembered.get(id);
          if (known !== undefined && clock.nowMs() - known.readAtMs < maxAgeMs) return known.account;
          const account = structuredClone(rows.get(id));
          if (account === undefined) remembered.delete(id);
          else remembered.set(id, { account, readAtMs: clock.nowMs() });
          return account;
        },
      };
    },
    overwrite(account) {
      rows.set(account.id, structuredClone(account));
    },
    async remove(id) {
      rows.delete(id);
    },
  };
}
