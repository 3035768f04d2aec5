import { isDeepStrictEqual } from 'node:util';
import type {
  Account,
  AccountDirectory,
  AccountStore,
  ArchiveKeys,
} from '../../lambdas/ports/accounts/account-store.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { AccountEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

/** The accounts table, and the ports on it. */
export interface InMemoryAccounts extends AccountDirectory, Dumpable {
  /** A reader with its own cache, like each function instance. */
  reader(clock: Clock): AccountStore;
  eraser: AccountEraser;
  archiveKeys: ArchiveKeys;
  /** Change an account without invalidating its readers' caches. */
  overwrite(account: Account): void;
}

export function createInMemoryAccounts(): InMemoryAccounts {
  const rows = new Map<string, Account>();
  // Tenants by the ids of their removed or erased accounts.
  const heldFor = new Map<string, string>();
  // An erased account keeps its row, without a tenant.
  const isBuried = (account: Account | undefined) => account?.tenant === '';
  const isSameAccount = (a: Account, b: Account | undefined) => a.tenant === b?.tenant && a.createdAt === b.createdAt;
  return {
    dump: () => dumpOf(rows),
    async find(id) {
      return isBuried(rows.get(id)) ? undefined : structuredClone(rows.get(id));
    },
    async create(account) {
      if (rows.has(account.id) && !isBuried(rows.get(account.id))) return 'exists';
      if ((heldFor.get(account.id) ?? account.tenant) !== account.tenant) return 'exists';
      rows.set(account.id, structuredClone(account));
      return 'created';
    },
    async count(tenant, most) {
      const open = [...rows.values()].filter((account) => account.tenant === tenant && account.closed !== true);
      return Math.min(most, open.length);
    },
    async list(tenant, limit, after) {
      const all = [...rows.values()].filter(
        (account) => !isBuried(account) && (tenant === undefined || account.tenant === tenant),
      );
      return pageOf(all, ({ id }) => id, limit, after);
    },
    async replace(account) {
      const stored = rows.get(account.id);
      if (stored?.revision !== account.revision || !isSameAccount(account, stored)) return false;
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
          if (account === undefined || account.closed === true) remembered.delete(id);
          else remembered.set(id, { account, readAtMs: clock.nowMs() });
          return account;
        },
        async confirm(accounts) {
          return accounts.map((account) => {
            const stored = rows.get(account.id);
            const isSame =
              stored?.closed !== true &&
              isSameAccount(account, stored) &&
              isDeepStrictEqual(account.context, stored?.context) &&
              account.integration === stored?.integration;
            if (!isSame) remembered.delete(account.id);
            return isSame;
          });
        },
      };
    },
    archiveKeys: {
      async keyOf({ id, createdAt, archiveKey }) {
        if (archiveKey !== undefined) return archiveKey;
        const stored = rows.get(id);
        if (stored?.createdAt !== createdAt || stored.closed === true) return undefined;
        if (stored.archiveKey !== undefined) return stored.archiveKey;
        const given = Buffer.from(`${id} ${createdAt}`.padEnd(32).slice(0, 32)).toString('base64');
        rows.set(id, { ...stored, archiveKey: given, revision: stored.revision + 1 });
        return given;
      },
    },
    eraser: {
      async list(tenant, limit, after) {
        const own = [...rows.values()].filter((account) => account.tenant === tenant);
        const { items, next } = pageOf(own, ({ id }) => id, limit, after);
        return { items: items.map(({ id, closed }) => ({ id, isClosed: closed === true })), next };
      },
      async listFormer(tenant, limit, after) {
        const former = [...heldFor].filter(([, holder]) => holder === tenant).map(([id]) => ({ id }));
        return pageOf(former, ({ id }) => id, limit, after);
      },
      async close(tenant, id) {
        const account = rows.get(id);
        if (account?.tenant !== tenant) return;
        const { tenant: owner, integration, createdAt, revision } = account;
        const kept = { id, tenant: owner, integration, createdAt, revision: revision + 1 };
        rows.set(id, { ...kept, secrets: {}, context: {}, closed: true });
      },
      async bury(tenant, id) {
        const account = rows.get(id);
        if (account?.tenant !== tenant || account.closed !== true) return;
        rows.set(id, { ...account, tenant: '', revision: account.revision + 1 });
        heldFor.set(id, tenant);
      },
    },
    overwrite(account) {
      rows.set(account.id, structuredClone(account));
    },
    async remove(account) {
      const stored = rows.get(account.id);
      if (!isSameAccount(account, stored) || stored?.closed === true) return false;
      heldFor.set(account.id, account.tenant);
      return rows.delete(account.id);
    },
  };
}
