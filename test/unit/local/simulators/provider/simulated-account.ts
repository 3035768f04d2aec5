import { createEgressPolicy } from '../../../../../lambdas/adapters/http/egress-policy.ts';
import { createEndpointPools } from '../../../../../lambdas/adapters/http/endpoint-pools.ts';
import { createUndiciProviderApi } from '../../../../../lambdas/adapters/http/undici-provider-api.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import type { ReadRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import type { CredentialValues } from '../../../../../lambdas/engine/provider/credentials/credential-values.ts';
import type { PagePosition } from '../../../../../lambdas/engine/provider/request/page-position.ts';
import { type Caller, type ProviderPorts, toCaller } from '../../../../../lambdas/flows/provider/provider-ports.ts';
import { sealValues, storeClient } from '../../../../../lambdas/flows/provider/sealed-credentials.ts';
import { type ListedPage, listRecords } from '../../../../../lambdas/flows/read/list-records.ts';
import type { Filters } from '../../../../../lambdas/flows/read/listing-filters.ts';
import { type RecordRead, readRecords, type WantedRecord } from '../../../../../lambdas/flows/read/read-records.ts';
import type { ProviderSimulator } from '../../../../../lib/local/simulators/provider/provider-simulator.ts';
import { createFakeProvider } from '../../../../fakes/fake-provider.ts';
import { createManualClock, type ManualClock } from '../../../../fakes/manual-clock.ts';
import { createProgrammableExpressions } from '../../../../fakes/programmable-expressions.ts';
import { anAccount } from '../../../../fakes/samples.ts';
import { createSeededRandomness } from '../../../../fakes/seeded-randomness.ts';

export interface SimulatedAccount {
  readonly ports: ProviderPorts;
  readonly caller: Caller;
  list(
    resource: string,
    options?: { readonly filters?: Filters; readonly updatedSince?: string; readonly position?: PagePosition },
  ): Promise<ListedPage>;
  /** Every page. @throws {Error} for a page that cannot be read. */
  listAll(
    resource: string,
    options?: { readonly filters?: Filters; readonly updatedSince?: string },
  ): Promise<{ readonly records: readonly ReadRecord[]; readonly pages: number }>;
  read(resource: string, wanted: readonly (string | WantedRecord)[]): Promise<readonly RecordRead[]>;
}

/** An account of a simulated provider, called by the engine's own client. Its clock moves where the client waits. */
export async function connectAccount(
  definition: Definition,
  simulator: ProviderSimulator,
  clock: ManualClock = createManualClock(),
  kind: CredentialValues['kind'] = kindOf(definition),
): Promise<SimulatedAccount> {
  const policy = createEgressPolicy({ mayDial: () => true, allowHttp: true });
  const pause = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const { ports: fakes } = createFakeProvider(clock, createSeededRandomness(), createProgrammableExpressions(), pause);
  // Every origin of the provider is the simulator.
  const hosts = { get: () => simulator.url } as unknown as ReadonlyMap<string, string>;
  const ports = { ...fakes, api: createUndiciProviderApi(policy, createEndpointPools(policy, clock), hosts) };
  const account = anAccount({ integration: definition.name, context: { ...simulator.context }, credentialKind: kind });
  const { client_id: clientId = '', client_secret: clientSecret = '' } = simulator.credentials.oauth2 ?? {};
  await storeClient(ports, definition.name, { clientId, clientSecret }, clock.nowMs());
  const granted = kind === 'oauth2' ? simulator.grant() : undefined;
  const token = granted && {
    access: granted.access,
    ...(granted.refresh === undefined ? {} : { refresh: granted.refresh }),
    ...(granted.expiresAtMs === undefined ? {} : { expiresAtMs: granted.expiresAtMs }),
  };
  const members = kind === 'oauth2' ? {} : (simulator.credentials[kind] ?? {});
  await ports.credentials.replace({
    account: account.id,
    tenant: account.tenant,
    incarnation: account.createdAt,
    kind,
    sealed: await sealValues(ports, account, { kind, members, ...(token === undefined ? {} : { token }) }),
    generation: 1,
    ...(token?.expiresAtMs === undefined ? {} : { expiresAtMs: token.expiresAtMs }),
    updatedAtMs: clock.nowMs(),
    revision: 0,
  });
  const caller = toCaller(account, definition);
  const ends = () => {
    const endsByMs = clock.nowMs() + 3_600_000;
    return { deadlineMs: endsByMs, endsByMs };
  };
  const list: SimulatedAccount['list'] = (resource, { filters = {}, updatedSince, position } = {}) =>
    listRecords(ports, caller, { resource, filters, updatedSince, position, priority: 'read', ...ends() });
  return {
    ports,
    caller,
    list,
    async listAll(resource, options = {}) {
      const records: ReadRecord[] = [];
      let position: PagePosition | undefined;
      for (let pages = 1; pages <= 1_000; pages += 1) {
        const page = await list(resource, { ...options, ...(position === undefined ? {} : { position }) });
        if (page.kind !== 'page')
          throw new Error(`${definition.name} ${resource} page ${pages}: ${JSON.stringify(page)}`);
        records.push(...page.records);
        position = page.next;
        if (position === undefined) return { records, pages };
      }
      throw new Error(`${definition.name} ${resource} does not end`);
    },
    read: (resource, wanted) =>
      readRecords(
        ports,
        caller,
        resource,
        wanted.map((one) => (typeof one === 'string' ? { recordId: one, address: {} } : one)),
        { priority: 'read', ...ends() },
      ),
  };
}

/** The simplest kind of credentials of a definition. */
function kindOf({ api }: Definition): CredentialValues['kind'] {
  const simple = ['api_key', 'basic', 'bearer', 'oauth2_client_credentials', 'oauth2', 'oauth1'] as const;
  return simple.find((kind) => api?.credentials[kind] !== undefined) ?? 'oauth2';
}
