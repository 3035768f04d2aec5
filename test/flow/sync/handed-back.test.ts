import { expect, test } from 'vitest';
import type { SyncPorts } from '../../../lambdas/flows/sync/sync-ports.ts';
import type { SyncRow } from '../../../lambdas/ports/sync/sync-store.ts';
import { many, shop } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

test('a run that is asked for while a function gives its sync back begins at once', async () => {
  const world = await createSyncWorld(shopWith());
  world.provider.respond(shop(many(3)));
  await world.begin();
  const { syncs, pollQueue } = world.ports;
  const wanted = [{ id: 'run_asked', mode: 'reconcile' as const }];
  let isAsked = false;
  const isHeld: boolean[] = [];
  const ports: SyncPorts = {
    ...world.ports,
    syncs: {
      ...syncs,
      async replace(row: SyncRow) {
        const stored = await syncs.get(row);
        if (!isAsked && stored?.lease !== undefined && row.lease === undefined) {
          isAsked = true;
          await syncs.replace({ ...stored, state: { ...stored.state, wanted } });
        }
        return syncs.replace(row);
      },
    },
    pollQueue: {
      ...pollQueue,
      async send(message, delayMs) {
        if (message.kind === 'poll') isHeld.push((await syncs.get(message))?.lease !== undefined);
        return pollQueue.send(message, delayMs);
      },
    },
  };
  await world.workOff(ports);
  expect((await world.row('products')).state.lastRun).toMatchObject({ id: 'run_asked', outcome: 'succeeded' });
  // A message that comes while the lease holds would start nothing.
  expect(isHeld).toEqual([false]);
});
