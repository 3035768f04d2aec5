import type { RawMessage } from '../../lambdas/contracts/messages.ts';
import type { AccountContextRegistry, AccountContexts } from '../../lambdas/ports/account-contexts.ts';
import type {
  IntegrationSettings,
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../lambdas/ports/integration-settings-store.ts';
import type { ParkedRequests, RequestParking } from '../../lambdas/ports/parked-requests.ts';
import type { AccountContextEraser } from '../../lambdas/ports/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const keyOf = (integration: string, value: string) => JSON.stringify([integration, value]);

export function createInMemoryContexts(): AccountContexts & AccountContextRegistry & AccountContextEraser & Dumpable {
  const accounts = new Map<string, Set<string>>();
  return {
    dump: () => dumpOf(accounts),
    find: async (integration, value) => [...(accounts.get(keyOf(integration, value)) ?? [])].sort(),
    async register(integration, values, account) {
      for (const value of values) {
        const key = keyOf(integration, value);
        accounts.set(key, (accounts.get(key) ?? new Set()).add(account));
      }
    },
    async listAll(after) {
      const all = [...accounts].flatMap(([key, ids]) => {
        const [integration = '', value = ''] = JSON.parse(key) as string[];
        return [...ids].map((account) => ({ integration, value, account }));
      });
      return pageOf(all, (one) => JSON.stringify(one), 10, after);
    },
    async remove(contexts) {
      for (const { integration, value, account } of contexts) accounts.get(keyOf(integration, value))?.delete(account);
    },
  };
}

export function createInMemoryParking(): RequestParking & ParkedRequests & Dumpable {
  const parked = new Map<string, Map<string, RawMessage>>();
  const waiting = (integration: string, value: string) => {
    const key = keyOf(integration, value);
    const requests = parked.get(key) ?? new Map<string, RawMessage>();
    parked.set(key, requests);
    return requests;
  };
  return {
    dump: () => dumpOf(parked),
    async park(integration, values, message) {
      for (const value of values) waiting(integration, value).set(message.rawId, message);
    },
    async list(integration, value, limit) {
      const requests = [...waiting(integration, value).values()];
      return requests.sort((a, b) => (a.rawId < b.rawId ? -1 : 1)).slice(0, limit);
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
