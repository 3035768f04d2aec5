import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import { faultsAt, injectFault } from '../../fakes/inject-fault.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { at, many, shop, type Thing, thing } from '../sync/a-shop.ts';
import { createSyncWorld, shopWith } from '../sync/sync-world.ts';

/** More calls than a run makes. */
const calls = Array.from({ length: 45 }, (_, place) => place + 1);

/** A world that knows the things, whose subscriber has been sent them. */
async function known(things: Thing[], change: Parameters<typeof shopWith>[0] = {}) {
  const world = await createSyncWorld(shopWith(change));
  await world.engine.subscriptions.create(aSubscription());
  world.provider.respond(shop(things));
  await world.begin();
  await world.workOff();
  return world;
}

type World = Awaited<ReturnType<typeof known>>;

function struckPorts({ ports }: World, fault: Parameters<typeof injectFault>[1]) {
  const { api, ...provider } = ports.provider;
  const struck = injectFault({ ...ports, api, clock: ports.clock }, fault).ports;
  const { api: struckApi, ...rest } = struck;
  return { ...rest, provider: { ...provider, api: struckApi } } as SyncPorts;
}

async function recover(world: World): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    world.clock.advance(limits.pollTimeoutSeconds * 6_000 + 60_000);
    await world.pass(1);
  }
}

async function unsent({ engine, events }: World): Promise<readonly string[]> {
  const sent = new Set(
    engine.deliveryQueue.messages().map(({ body }) => (JSON.parse(body) as { event: string }).event),
  );
  const ofRecords = (await events()).filter(({ type }) => type.startsWith('record:'));
  return ofRecords.filter(({ id }) => !sent.has(id)).map(({ type, record_id: id }) => `${type} ${id}`);
}

describe('an event of a run that fails or dies after it was written is sent all the same (invariant 2)', () => {
  test.each(calls)('a run by schedule with one page, at call %i', async (place) => {
    for (const fault of faultsAt(place)) {
      const things = many(5);
      const world = await known(things);
      things[1] = thing(2, 40, 'changed');
      world.clock.advance(300_000);
      await world.look(struckPorts(world, fault)).catch(() => {});
      await recover(world);
      expect({ fault, unsent: await unsent(world) }).toEqual({ fault, unsent: [] });
      expect((await world.events()).filter(({ type }) => type === 'record:updated')).toHaveLength(1);
    }
  });

  test.each(calls)('a comparison that finds a deleted record, at call %i', async (place) => {
    for (const fault of faultsAt(place)) {
      const things = many(5);
      const world = await known(things);
      things[1] = { ...thing(2), gone: true, changed: at(0) };
      await world.ask('products', 'reconcile');
      await world.workOff(struckPorts(world, fault)).catch(() => {});
      await recover(world);
      expect({ fault, unsent: await unsent(world) }).toEqual({ fault, unsent: [] });
      expect((await world.events()).filter(({ type }) => type === 'record:deleted')).toHaveLength(1);
    }
  });
});
