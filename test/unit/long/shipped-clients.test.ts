import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { CallMethod } from '../../../lambdas/engine/definition/calls-of.ts';
import { callOf } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import { placeholdersIn, toCallTemplate } from '../../../lambdas/engine/provider/request/call-template.ts';
import type { Filters } from '../../../lambdas/flows/read/listing-filters.ts';
import { compileIntegrations } from '../../../lib/definitions/compile-integrations.ts';
import { type Exchanges, readExchanges } from '../../../lib/definitions/exchanges.ts';
import {
  type ProviderSimulator,
  startProviderSimulator,
} from '../../../lib/local/simulators/provider/provider-simulator.ts';
import { createManualClock } from '../../fakes/manual-clock.ts';
import { connectAccount, type SimulatedAccount } from '../local/simulators/provider/simulated-account.ts';

const root = new URL('../../../integrations/', import.meta.url);
const definitions = compileIntegrations(root);
const running: ProviderSimulator[] = [];
afterAll(async () => {
  await Promise.all(running.map((simulator) => simulator.stop()));
});

const tried = ['zendesk', 'stripe', 'jira', 'github', 'xero', 'pipedrive', 'greenhouse', 'hibob'];
/** Records of a resource whose listing has no pages. */
const usualRecords = 20;

interface World {
  readonly definition: Definition;
  readonly exchanges: readonly Exchanges[];
  readonly simulator: ProviderSimulator;
  readonly account: SimulatedAccount;
}

async function start(name: string): Promise<World> {
  const definition = definitions.get(name);
  if (definition === undefined) throw new TypeError(`there is no integration ${name}`);
  const exchanges = readExchanges(fileURLToPath(root), name);
  const clock = createManualClock();
  // A page, and a few more.
  const records = Object.fromEntries(
    having(definition, 'list').map(({ resource, call }) => [resource, (call.spec.page?.size ?? 0) + 10]),
  );
  const others = Object.fromEntries(
    Object.keys(definition.resources ?? {}).map((resource) => [resource, usualRecords]),
  );
  const simulator = await startProviderSimulator({ definition, exchanges, records: { ...others, ...records }, clock });
  running.push(simulator);
  return { definition, exchanges, simulator, account: await connectAccount(definition, simulator, clock) };
}

describe.each(tried)('the client of %s', (name) => {
  let started: Promise<World> | undefined;
  const world = () => (started ??= start(name));

  test('lists all pages of each resource', async () => {
    const { definition, exchanges, simulator, account } = await world();
    for (const { resource, call } of having(definition, 'list')) {
      const listed = await account.listAll(resource, { filters: neededFilters(exchanges, call) });
      const leastPages = call.spec.page?.size === undefined ? 1 : 2;
      expect(idsOf(resource, listed.records)).toEqual(idsOf(resource, simulator.records(resource)));
      expect(listed.pages, resource).toBeGreaterThanOrEqual(leastPages);
    }
  });

  test('gets one record', async () => {
    const { definition, simulator, account } = await world();
    for (const { resource } of having(definition, 'get')) {
      const { id, address } = lastOf(simulator.records(resource));
      const [read] = await account.read(resource, [{ recordId: id, address }]);
      expect({ resource, read }).toMatchObject({ read: { kind: 'record', record: { id } } });
    }
  });

  test('gets several records together', async () => {
    const { definition, simulator, account } = await world();
    for (const { resource } of having(definition, 'batch_get')) {
      const wanted = simulator.records(resource).slice(-6);
      const missing = { recordId: '990001234', address: {} };
      const reads = await account.read(resource, [
        ...wanted.map(({ id: recordId, address }) => ({ recordId, address })),
        missing,
      ]);
      const kinds = [...wanted.map(() => 'record'), 'gone'];
      expect({ resource, kinds: reads.map(({ kind }) => kind) }).toEqual({ resource, kinds });
    }
  });

  test('reads what has changed', async () => {
    const { definition, exchanges, simulator, account } = await world();
    for (const { resource, call } of having(definition, 'changes')) {
      const { id } = lastOf(simulator.records(resource).slice(0, 1));
      const { updatedAtMs } = await simulator.change(resource, id);
      const updatedSince = new Date(updatedAtMs).toISOString();
      const { records: found } = await account.listAll(resource, {
        updatedSince,
        filters: neededFilters(exchanges, call),
      });
      expect({ resource, ids: found.map((record) => record.id) }).toMatchObject({ ids: expect.arrayContaining([id]) });
      expect(found.length, resource).toBeLessThan(simulator.records(resource).length);
    }
  });

  test('finds a removed record gone, and has asked for nothing that the provider refuses', async () => {
    const { definition, simulator, account } = await world();
    for (const { resource } of having(definition, 'get')) {
      const { id, address } = lastOf(simulator.records(resource));
      await simulator.remove(resource, id);
      const [gone] = await account.read(resource, [{ recordId: id, address }]);
      expect({ resource, kind: gone?.kind }).toEqual({ resource, kind: 'gone' });
    }
    expect(simulator.stats().refusals).toEqual({});
    expect(simulator.stats().calls['unknown']).toBeUndefined();
  });
});

/** The resources that have a call, with it. */
function having<Method extends CallMethod>(definition: Definition, method: Method) {
  const { resources = {} } = definition;
  return Object.keys(resources).flatMap((resource) => {
    const call = resources[resource]?.map === undefined ? undefined : callOf(definition, resource, method);
    return call === undefined ? [] : [{ resource, call }];
  });
}

function idsOf(resource: string, records: readonly { readonly id: string }[]) {
  return { resource, ids: records.map(({ id }) => id).sort() };
}

function lastOf<T>(list: readonly T[]): T {
  const last = list.at(-1);
  if (last === undefined) throw new TypeError('there is no record');
  return last;
}

/** The filters without which a listing cannot be made, as an exchange has them. */
function neededFilters(
  exchanges: readonly Exchanges[],
  { resource, method, spec }: NonNullable<ReturnType<typeof callOf<'list' | 'changes'>>>,
): Filters {
  const templates = [spec.path ?? '', ...Object.values(spec.query ?? {})].filter((text) => typeof text === 'string');
  const needed = templates
    .flatMap((text) => placeholdersIn(toCallTemplate(text)))
    .flatMap(({ root: source, path, isOptional }) => (source === 'filter' && !isOptional ? (path[0] ?? []) : []));
  const shown = exchanges.find((one) => one.resource === resource && one.method === method)?.filter ?? {};
  return Object.fromEntries(Object.entries(shown).filter(([filter]) => needed.includes(filter)));
}
