import { limits } from '../../../lambdas/contracts/limits.ts';
import { parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { RunMode } from '../../../lambdas/engine/sync/sync-state.ts';
import { sealValues } from '../../../lambdas/flows/provider/sealed-credentials.ts';
import { askForRun } from '../../../lambdas/flows/sync/ask-for-run.ts';
import { dispatchSyncs } from '../../../lambdas/flows/sync/dispatch-syncs.ts';
import { ensureSyncs } from '../../../lambdas/flows/sync/ensure-syncs.ts';
import { runSync } from '../../../lambdas/flows/sync/run-sync.ts';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import type { Account } from '../../../lambdas/ports/accounts/account-store.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { createFakeProvider } from '../../fakes/fake-provider.ts';
import { pollQueueOn } from '../../fakes/in-memory-queue.ts';
import { anAccount } from '../../fakes/samples.ts';

/** A definition of a shop with one resource, as an author writes it. */
export function shopWith(
  change: {
    readonly things?: object;
    readonly syncs?: object;
    readonly resources?: object;
    readonly api?: object;
  } = {},
): Definition {
  const written = {
    name: 'shop',
    title: 'Shop',
    docs: 'https://shop.example/docs',
    context: { shelves: { help: 'Its shelves.', list: true, optional: true } },
    api: {
      base_url: 'https://shop.example/v1',
      credentials: { api_key: { key: 'The key.', sent: { headers: { Authorization: '{credential.key}' } } } },
      errors: [{ when: { status: 410 }, means: 'restart' }],
      ...change.api,
    },
    resources: {
      'commerce/products': {
        map: '{ "id": $string(id), "title": title }',
        version: { from: 'changed', as: 'time' },
        deleted: 'gone = true',
        get: { path: '/things/{id}', record: '$' },
        list: {
          path: '/things',
          records: 'rows',
          page: { number: { to: 'query.page' }, size: 10, size_to: 'query.size' },
          complete: true,
        },
        changes: {
          path: '/things',
          query: { since: '{since | iso}' },
          records: 'rows',
          page: { number: { to: 'query.page' }, size: 10, size_to: 'query.size', order: 'asc' },
        },
        ...change.things,
      },
      ...change.resources,
    },
    syncs: change.syncs ?? { products: { resource: 'commerce/products', every: '5m', reconcile: 'off' } },
  };
  const parsed = parseDefinition(JSON.stringify(written), {
    file: 'integration.yaml',
    folder: 'shop',
    read: () => undefined,
  });
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults, undefined, 2));
  return parsed.definition;
}

/** An engine with one account of a definition whose provider the test plays. */
export async function createSyncWorld(definition: Definition, change: Partial<Account> = {}) {
  const engine = createFakeEngine();
  const { clock, randomness, syncs } = engine;
  const provider = createFakeProvider(clock, randomness, engine.expressions);
  const account = anAccount({
    id: 'acc_1',
    integration: definition.name,
    credentialKind: 'api_key',
    ...change,
  });
  await engine.accounts.create(account);
  await provider.ports.credentials.replace({
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    kind: 'api_key',
    sealed: await sealValues(provider.ports, account, { kind: 'api_key', members: { key: 'k' } }),
    generation: 1,
    updatedAtMs: clock.nowMs(),
    revision: 0,
  });
  const ports: SyncPorts = {
    ...engine.publishPorts,
    accounts: engine.accounts.reader(clock),
    definition: async () => definition,
    syncs,
    pollQueue: pollQueueOn(engine.pollQueue),
    provider: provider.ports,
    directory: engine.records,
    schemas: noResources,
    retentionDays: limits.retentionDays,
  };
  const events = async () => {
    const rows = await engine.events.listAfter(account.tenant, 0, 100_000);
    return rows.flatMap((row) =>
      'sealed' in row ? [] : [{ ...row, data: JSON.parse(row.inlineData ?? '{}') as Record<string, unknown> }],
    );
  };
  /** Work off the messages that are visible, and those that they cause. @returns Reports of the runs. */
  const workOff = async (runPorts: SyncPorts = ports) => {
    const reports = [];
    for (;;) {
      const messages = engine.pollQueue.receive();
      if (messages.length === 0) return reports;
      for (const message of messages) {
        reports.push(await runSync(runPorts, JSON.parse(message.body)));
        engine.pollQueue.remove(message.id);
      }
    }
  };
  return {
    engine,
    clock,
    account,
    provider,
    ports,
    events,
    workOff,
    begin: () => ensureSyncs({ syncs, pollQueue: ports.pollQueue, clock }, account, definition),
    /** Let dispatch look, at this moment. */
    look: async (runPorts: SyncPorts = ports) => {
      await dispatchSyncs({ syncs, pollQueue: ports.pollQueue, clock });
      return workOff(runPorts);
    },
    /** Let minutes pass, with dispatch in each. */
    pass: async (minutes: number, runPorts: SyncPorts = ports) => {
      const reports = [];
      for (let minute = 0; minute < minutes; minute += 1) {
        clock.advance(60_000);
        await dispatchSyncs({ syncs, pollQueue: ports.pollQueue, clock });
        reports.push(...(await workOff(runPorts)));
      }
      return reports;
    },
    /** Ask for a run. */
    ask: async (sync: string, mode: RunMode) => {
      const stored = await syncs.get({ account: account.id, sync });
      if (stored !== undefined) await askForRun(ports, { account, definition }, stored, { mode });
    },
    row: async (sync: string) => {
      const row = await syncs.get({ account: account.id, sync });
      if (row === undefined) throw new Error('no such sync');
      return row;
    },
  };
}
