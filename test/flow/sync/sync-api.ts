import { limits } from '../../../lambdas/contracts/limits.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { dispatchSyncs } from '../../../lambdas/flows/sync/dispatch-syncs.ts';
import { runSync } from '../../../lambdas/flows/sync/run-sync.ts';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';
import { createFakeApi } from '../../fakes/fake-api.ts';

export interface Thing {
  readonly id: number;
  /** ISO 8601. */
  readonly changed: string;
}

export const aThing = (id: number): Thing => ({
  id,
  changed: new Date(Date.UTC(2026, 10, 21, 11, 0, id)).toISOString(),
});

/** Answers of the shop of `shopWith`. */
export function answerThings(things: readonly Thing[]) {
  return ({ url }: ApiRequest) => {
    const { searchParams: query, pathname } = new URL(url);
    const one = /^\/v1\/things\/(\d+)$/.exec(pathname)?.[1];
    if (one !== undefined) {
      const thing = things.find(({ id }) => id === Number(one));
      return thing === undefined ? 404 : { body: thing };
    }
    const since = query.get('since') ?? '1970-01-01T00:00:00Z';
    const from = (Number(query.get('page') ?? 1) - 1) * 10;
    const rows = things.filter(({ changed }) => Date.parse(changed) >= Date.parse(since));
    return { body: { rows: rows.slice(from, from + 10) } };
  };
}

/** The API, and the function that runs syncs, on one engine. The account is `acc_1`. */
export async function createSyncApi(definition: Definition, account: object = {}) {
  const api = createFakeApi({ definitions: [definition] });
  const { engine, provider } = api;
  provider.respond(answerThings([aThing(1), aThing(2), aThing(3)]));
  const ports: SyncPorts = {
    ...engine.publishPorts,
    accounts: engine.accounts.reader(engine.clock),
    definition: async () => definition,
    syncs: engine.syncs,
    pollQueue: api.ports.pollQueue as SyncPorts['pollQueue'],
    provider: provider.ports,
    directory: engine.records,
    schemas: noResources,
    retentionDays: limits.retentionDays,
  };
  const made = await api.call('POST', '/v1/accounts', {
    id: 'acc_1',
    tenant: 'acme',
    integration: definition.name,
    credentials: { type: 'api_key', key: 'a key' },
    ...account,
  });
  if (made.status !== 201) throw new Error(made.text);
  const root = '/v1/accounts/acc_1';
  /** Work off the messages that are visible, and those that they cause. */
  const workOff = async () => {
    for (;;) {
      const messages = engine.pollQueue.receive();
      if (messages.length === 0) return;
      for (const { id, body } of messages) {
        await runSync(ports, JSON.parse(body));
        engine.pollQueue.remove(id);
      }
    }
  };
  return {
    api,
    engine,
    provider,
    clock: engine.clock,
    ports,
    call: api.call,
    /** A call below the account. */
    of: (method: string, path: string, body?: unknown, as = 'acme') => api.call(method, `${root}${path}`, body, as),
    workOff,
    /** Let minutes pass, with dispatch in each. */
    pass: async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        engine.clock.advance(60_000);
        await dispatchSyncs({ syncs: engine.syncs, pollQueue: ports.pollQueue, clock: engine.clock });
        await workOff();
      }
    },
    events: async () => (await api.call('GET', '/v1/events?tenant=acme&limit=500&since=beginning')).body.data,
  };
}
