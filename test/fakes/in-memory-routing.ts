import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import type { ContextRecord } from '../../lambdas/engine/account/context-claims.ts';
import type {
  AccountContextRegistry,
  RememberedContexts,
  SharedContexts,
} from '../../lambdas/ports/accounts/account-contexts.ts';
import type {
  IntegrationSettings,
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../lambdas/ports/accounts/integration-settings-store.ts';
import type { ParkedRequests, RequestParking } from '../../lambdas/ports/accounts/parked-requests.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { AccountContextEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const keyOf = (integration: string, value: string) => JSON.stringify([integration, value]);

/** The context values of all accounts, with the ports that read and write them. */
export interface InMemoryContexts extends AccountContextRegistry, AccountContextEraser, SharedContexts, Dumpable {
  /** Register an account like a version without claims. */
  register(integration: string, values: readonly string[], account: string): Promise<void>;
  /** A reader with its own cache, like each function instance. */
  reader(clock: Clock): RememberedContexts;
}

export function createInMemoryContexts(): InMemoryContexts {
  const records = new Map<string, ContextRecord>();
  const none: ContextRecord = { claims: [], registered: [], revision: 0 };
  const read = (integration: string, value: string) => records.get(keyOf(integration, value)) ?? none;
  const write = (integration: string, value: string, record: ContextRecord) =>
    records.set(keyOf(integration, value), structuredClone(record));
  const all = () =>
    [...records].map(([key, record]) => {
      const [integration = '', value = ''] = JSON.parse(key) as string[];
      return { integration, value, record };
    });
  return {
    dump: () => dumpOf(records),
    find: async (integration, value) => structuredClone(read(integration, value)),
    async replace(integration, value, record) {
      const { registered, revision } = read(integration, value);
      if (revision !== record.revision) return false;
      write(integration, value, { ...record, registered, revision: revision + 1 });
      return true;
    },
    async forget(integration, value, account) {
      const before = read(integration, value);
      write(integration, value, { ...before, registered: before.registered.filter((id) => id !== account) });
    },
    async register(integration, values, account) {
      for (const value of values) {
        const before = read(integration, value);
        const registered = [...new Set([...before.registered, account])].sort();
        write(integration, value, { ...before, registered });
      }
    },
    reader(clock) {
      const remembered = new Map<string, { readonly record: ContextRecord; readonly readAtMs: number }>();
      return {
        async recall(integration, value, maxAgeMs) {
          const key = keyOf(integration, value);
          const known = remembered.get(key);
          if (known !== undefined && clock.nowMs() - known.readAtMs < maxAgeMs) return known.record;
          const record = structuredClone(read(integration, value));
          remembered.set(key, { record, readAtMs: clock.nowMs() });
          return record;
        },
        async confirm(found) {
          return found.map(({ integration, value, record }) => {
            const isSame = read(integration, value).revision === record.revision;
            if (!isSame) remembered.delete(keyOf(integration, value));
            return isSame;
          });
        },
      };
    },
    async listAll(after) {
      const named = all().flatMap(({ integration, value, record: { claims, registered, released } }) => [
        ...claims.map(({ tenant, account }) => ({ integration, value, tenant, account })),
        ...registered.map((account) => ({ integration, value, account })),
        ...(released?.by === undefined ? [] : [{ integration, value, tenant: released.by }]),
      ]);
      return pageOf(named, (one) => JSON.stringify(one), 10, after);
    },
    async listShared(limit, after) {
      const { items, next } = pageOf(all(), ({ integration, value }) => keyOf(integration, value), limit, after);
      return {
        items: items.flatMap(({ integration, value, record: { claims, registered } }) => {
          const tenants = new Set(claims.map(({ tenant }) => tenant));
          return tenants.size + registered.length > 1 ? [{ integration, value }] : [];
        }),
        next,
      };
    },
  };
}

/** Unexpired requests parked under a value. */
export async function waitingRequests(
  parking: ParkedRequests,
  integration: string,
  value: string,
): Promise<readonly RawMessage[]> {
  const found: RawMessage[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await parking.list(integration, value, 10, after);
    found.push(...items.flatMap(({ message, isExpired }) => (isExpired ? [] : message)));
    after = next;
  } while (after !== undefined);
  return found;
}

/** Parked requests; as in DynamoDB, an expired request is still stored. */
export function createInMemoryParking(
  clock: Clock,
  { retentionDays }: { readonly retentionDays: number },
): RequestParking & ParkedRequests & Dumpable {
  const parked = new Map<string, Map<string, { readonly message: RawMessage; readonly expiresAtMs: number }>>();
  const waiting = (integration: string, value: string) => {
    const key = keyOf(integration, value);
    const requests = parked.get(key) ?? new Map();
    parked.set(key, requests);
    return requests;
  };
  return {
    dump: () => dumpOf(parked),
    async park(integration, values, message) {
      for (const value of values) {
        const expiresAtMs = clock.nowMs() + retentionDays * 86_400_000;
        waiting(integration, value).set(message.rawId, { message, expiresAtMs });
      }
    },
    async list(integration, value, limit, after) {
      const requests = [...waiting(integration, value).values()].map(({ message, expiresAtMs }) => ({
        message,
        isExpired: expiresAtMs <= clock.nowMs(),
      }));
      return pageOf(requests, ({ message }) => message.rawId, limit, after);
    },
    async remove(integration, value, rawId) {
      waiting(integration, value).delete(rawId);
    },
  };
}

export function createInMemorySettings(): IntegrationSettingsStore & IntegrationSettingsDirectory & Dumpable {
  const stored = new Map<string, IntegrationSettings>();
  return {
    dump: () => dumpOf(stored),
    get: async (integration) => structuredClone(stored.get(integration)),
    async replace(settings) {
      if ((stored.get(settings.integration)?.revision ?? 0) !== settings.revision) return false;
      stored.set(settings.integration, structuredClone({ ...settings, revision: settings.revision + 1 }));
      return true;
    },
  };
}
