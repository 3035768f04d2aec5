import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import { injectFault } from '../../fakes/inject-fault.ts';
import { propertyRuns } from '../../property-runs.ts';
import { anyFault } from '../any-fault.ts';
import { many, shop, type Thing, thing } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

/** The ports of one function, one of whose calls fails or is its last. */
function struckPorts({ ports }: World, fault: Parameters<typeof injectFault>[1]) {
  const { api, ...provider } = ports.provider;
  const struck = injectFault({ ...ports, api, clock: ports.clock }, fault);
  const { api: struckApi, ...rest } = struck.ports;
  return { calls: struck.calls, ports: { ...rest, provider: { ...provider, api: struckApi } } as SyncPorts };
}

/** Messages of a function that died come again, and dispatch looks after what nobody works on. */
async function recover(world: World): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    world.clock.advance(limits.pollTimeoutSeconds * 6_000 + 60_000);
    await world.pass(2);
  }
}

async function titlesOf({ events }: World) {
  const view = new Map<string, unknown>();
  for (const { type, record_id: id, data } of await events())
    if (type === 'record:deleted') view.delete(id);
    else if (type.startsWith('record:')) view.set(id, data['title']);
  return view;
}

async function strike(fault: Parameters<typeof injectFault>[1], things: Thing[]): Promise<World> {
  const world = await createSyncWorld(shopWith());
  world.provider.respond(shop(things));
  await world.begin();
  const { ports } = struckPorts(world, fault);
  await world.workOff(ports).catch(() => {});
  await recover(world);
  return world;
}

/** Of one first run of 25 records. */
const callsOfRun = 60;

test('a run that fails or dies at any of its calls ends complete, with each event once (invariants 2 and 5)', async () => {
  await fc.assert(
    fc.asyncProperty(anyFault(callsOfRun), async (fault) => {
      const things = many(25);
      const world = await strike(fault, things);
      expect(await titlesOf(world)).toEqual(new Map(things.map(({ id, title }) => [String(id), title])));
      const records = (await world.events()).filter(({ type }) => type.startsWith('record:'));
      expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
      expect(records).toHaveLength(25);
      // What changes afterwards is found.
      things[7] = { id: 8, title: 'another', changed: new Date(world.clock.nowMs()).toISOString() };
      await world.pass(8);
      expect((await titlesOf(world)).get('8')).toBe('another');
    }),
    propertyRuns(20, 240),
  );
});

test.each([0, 23, 47, 66])(
  'an end whose run died before it told it, and whose row does not come again, is told by a comparison %i hours later',
  async (hours) => {
    const things = many(30);
    const world = await createSyncWorld(shopWith());
    world.provider.respond(shop(things));
    await world.begin();
    await world.workOff();
    things[4] = { id: 5, title: 'thing 5', changed: new Date(world.clock.nowMs()).toISOString(), gone: true };
    const writeRows = () => Promise.reject(new Error('the process has ended'));
    await world.pass(6, { ...world.ports, events: { ...world.ports.events, writeRows } });
    things.splice(4, 1);
    await recover(world);
    const endsOf = async () => (await world.events()).filter(({ type }) => type === 'record:deleted');
    expect(await endsOf(), 'no row tells it again').toEqual([]);
    world.clock.advance(hours * 3_600_000);
    await world.ask('products', 'reconcile');
    await world.pass(2);
    expect(await endsOf()).toMatchObject([{ record_id: '5', origin: 'reconcile' }]);
    // Once it is told, no comparison reads the record again.
    const calls = world.provider.requests.length;
    await world.ask('products', 'reconcile');
    await world.pass(2);
    expect(world.provider.requests.slice(calls).filter(({ url }) => url.endsWith('/things/5'))).toEqual([]);
    expect(await endsOf()).toHaveLength(1);
  },
);

const { numRuns: size } = propertyRuns(2_000, 50_000);

test(`a run of ${size} records that is killed 20 times fetches no page twice, but for those in flight`, async () => {
  const things = Array.from({ length: size }, (_, place) => thing(place + 1, place / 1_000));
  const world = await createSyncWorld(shopWith({ things: { changes: undefined, list: listOf(500), get: undefined } }));
  world.provider.respond(shop(things, 500));
  await world.begin();
  let kills = 0;
  const isDone = async () => (await world.row('products')).state.lastRun !== undefined;
  for (let round = 0; !(await isDone()); round += 1) {
    const at = 8 + ((round * 7_919) % Math.floor(size / 80));
    const fault = { at, moment: round % 2 === 0 ? 'before its effect' : 'after its effect', kind: 'crash' } as const;
    const { ports } = kills < 20 ? struckPorts(world, fault) : world;
    await world.workOff(ports).catch(() => (kills += 1));
    if (await isDone()) break;
    world.clock.advance(limits.pollTimeoutSeconds * 6_000 + 60_000);
  }
  expect(kills).toBe(20);
  const records = (await world.events()).filter(({ type }) => type === 'record:created');
  expect(new Set(records.map(({ record_id: id }) => id)).size).toBe(size);
  expect(records).toHaveLength(size);
  const asked = Map.groupBy(world.provider.requests, ({ url }) => url);
  // The listing of 500 a page ends with a page that is not full.
  expect(asked.size).toBe(size / 500 + 1);
  expect(world.provider.requests.length).toBeLessThanOrEqual(asked.size + kills);
}, 600_000);

function listOf(rows: number) {
  return {
    path: '/things',
    records: 'rows',
    page: { number: { to: 'query.page' }, size: rows, size_to: 'query.size' },
    complete: true,
  };
}
