import { setImmediate } from 'node:timers/promises';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import { defaultEndpointPolicy } from '../../../../lambdas/engine/delivery/endpoint-state.ts';
import type { PreparedResources } from '../../../../lambdas/engine/mapping/check-resource.ts';
import type { CredentialValues } from '../../../../lambdas/engine/provider/credentials/credential-values.ts';
import { createBudgets } from '../../../../lambdas/flows/provider/budgets.ts';
import { sealValues, storeClient } from '../../../../lambdas/flows/provider/sealed-credentials.ts';
import { newSyncRow, newSyncState } from '../../../../lambdas/flows/sync/ensure-syncs.ts';
import { runSync } from '../../../../lambdas/flows/sync/run-sync.ts';
import type { SyncPorts } from '../../../../lambdas/flows/sync/sync-ports.ts';
import type { Account } from '../../../../lambdas/ports/accounts/account-store.ts';
import type { EndpointStore } from '../../../../lambdas/ports/delivery/endpoint-store.ts';
import type { EventRow } from '../../../../lambdas/ports/events/event-store.ts';
import type { SyncRow } from '../../../../lambdas/ports/sync/sync-store.ts';
import type { OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';
import { createBudgetStore, createCredentialStore, createExpressions, plainCipher } from '../in-process-ports.ts';
import type { DrivenClock } from './driven-clock.ts';
import { createSimulatedApi } from './simulated-api.ts';
import { simulatedValues } from './simulated-values.ts';
import { createEvents, createPages, createRecords, createSyncs } from './stores.ts';

/** One sync of an account, and the engine that runs it, in this process. */
export interface SimulatedEngine {
  /** Run the sync, if it is due, until it waits. */
  look(): Promise<void>;
  /** Have all records listed and compared. */
  reconcile(id: string): Promise<void>;
  row(): Promise<SyncRow>;
  events(): readonly EventRow[];
}

export interface SimulatedEngineOptions {
  readonly definition: Definition;
  readonly schemas: PreparedResources;
  readonly sync: string;
  /** Of the account. */
  readonly context: Readonly<Record<string, unknown>>;
  readonly provider: OfflineProvider;
  readonly clock: DrivenClock;
  /** In [0, 1). */
  readonly random: () => number;
}

const tenant = 'converging';
/** However the author has timed the sync: a history is short, and looks at every record. */
const timing = { every: '1m', reconcile: 'off', max_missing: 1, emit: 'records', snapshot: 'events' } as const;

export async function createSimulatedEngine(options: SimulatedEngineOptions): Promise<SimulatedEngine> {
  const { definition, sync, provider, clock } = options;
  const values = simulatedValues(definition, provider);
  const account: Account = {
    id: 'account',
    tenant,
    integration: definition.name,
    secrets: {},
    context: options.context,
    credentialKind: values.kind,
    createdAt: new Date(clock.nowMs()).toISOString(),
    revision: 1,
  };
  const events = createEvents();
  let wakesAtMs = Number.POSITIVE_INFINITY;
  const wake = (delayMs: number) => {
    wakesAtMs = Math.min(wakesAtMs, clock.nowMs() + delayMs);
  };
  const ports: SyncPorts = {
    ...createPublishing(options),
    events,
    accounts: { get: async () => account, confirm: async (accounts) => accounts.map(() => true) },
    definition: async () => definition,
    syncs: createSyncs(),
    pollQueue: { send: async (_, delayMs) => wake(delayMs), sendAll: async () => wake(0) },
    provider: createProvider(options),
    schemas: options.schemas,
    retentionDays: limits.retentionDays,
  };
  await storeCredentials(ports.provider, account, values, provider);
  await ports.syncs.replace(newSyncRow(account, sync, { ...newSyncState(undefined, clock.nowMs()), timing }));
  const key = { account: account.id, sync };
  const row = async () => {
    const found = await ports.syncs.get(key);
    if (found === undefined) throw new TypeError('the sync is there');
    return found;
  };
  return {
    row,
    events: () => events.all(),
    async look() {
      do {
        wakesAtMs = Number.POSITIVE_INFINITY;
        await runSync(ports, key);
      } while (wakesAtMs <= clock.nowMs());
    },
    async reconcile(id) {
      const { state, ...rest } = await row();
      await ports.syncs.replace({ ...rest, state: { ...state, wanted: [{ id, mode: 'reconcile' }] } });
    },
  };
}

/** What the account brings, and the client with which its tokens are refreshed. */
async function storeCredentials(
  ports: SyncPorts['provider'],
  account: Account,
  values: CredentialValues,
  provider: Pick<OfflineProvider, 'credentials'>,
): Promise<void> {
  const { client_id: clientId = '', client_secret: clientSecret = '' } = provider.credentials.oauth2 ?? {};
  await storeClient(ports, account.integration, { clientId, clientSecret }, ports.clock.nowMs());
  await ports.credentials.replace({
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    kind: values.kind,
    sealed: await sealValues(ports, account, values),
    generation: 1,
    expiresAtMs: values.token?.expiresAtMs,
    updatedAtMs: ports.clock.nowMs(),
    revision: 0,
  });
}

/** Nobody subscribes, so nothing is delivered. */
function createPublishing({ clock, random }: SimulatedEngineOptions) {
  const records = createRecords();
  return {
    records,
    directory: records,
    payloads: createPages(),
    subscriptions: { listFor: async () => [] },
    deliveryQueue: { sendAll: async () => {} },
    drainQueue: { send: async () => {} },
    endpoints: {} as EndpointStore,
    endpointPolicy: defaultEndpointPolicy,
    tenantPolicies: { getMany: async () => new Map() },
    claimThresholdBytes: limits.claimThresholdBytes,
    ...runtimeOf(clock, random),
  };
}

function createProvider({ provider, clock, random }: SimulatedEngineOptions): SyncPorts['provider'] {
  const runtime = runtimeOf(clock, random);
  return {
    ...runtime,
    budgets: createBudgets({ ...runtime, budgets: createBudgetStore() }),
    credentials: createCredentialStore(),
    cipher: plainCipher,
    api: createSimulatedApi(provider),
    news: { send: async () => {} },
    expressions: createExpressions(),
  };
}

function runtimeOf(clock: DrivenClock, random: () => number) {
  return {
    clock,
    // Others that wait, or are under way, go on.
    async pause(ms: number) {
      clock.advance(ms);
      await setImmediate();
    },
    randomness: {
      fraction: random,
      bytes: (count: number) => Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256))),
    },
  };
}
