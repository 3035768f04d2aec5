import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { createStatisticsBuffer } from '../../../lambdas/flows/statistics/statistics-buffer.ts';
import { createDispatchHandler } from '../../../lambdas/functions/dispatch/handler.ts';
import { createPollHandler } from '../../../lambdas/functions/poll/handler.ts';
import { createFakeEngine } from '../../fakes/fake-engine.ts';
import { aSyncRow } from '../../fakes/in-memory-syncs.ts';
import { noTelemetry } from '../../fakes/no-telemetry.ts';
import { createOutcomeTally } from '../../fakes/outcome-tally.ts';
import { aSubscription } from '../../fakes/samples.ts';
import { many, shop } from './a-shop.ts';
import { createSyncWorld, shopWith } from './sync-world.ts';

const log = new Logger({ logLevel: 'SILENT' });
const pollIt = JSON.stringify({ kind: 'poll', account: 'acc_1', sync: 'products' });

/** A world whose messages the handler receives. */
async function prepare(things = many(5)) {
  const world = await createSyncWorld(shopWith());
  world.provider.respond(shop(things));
  await world.begin();
  const [outcomes, outcomesNow] = [createOutcomeTally(), createOutcomeTally()];
  const { statistics, clock } = world.engine;
  const create = (ports = world.ports) =>
    createPollHandler({
      ports,
      log,
      ...noTelemetry,
      outcomes,
      outcomesNow,
      statistics: createStatisticsBuffer({ statistics, clock }),
    });
  const give = async (handle: ReturnType<typeof create>, receiveCount: number, ...bodies: readonly string[]) =>
    handle({
      Records: bodies.map((body, index) => ({
        messageId: `m${index}`,
        receiptHandle: `m${index}`,
        body,
        attributes: { ApproximateReceiveCount: String(receiveCount) },
      })),
    } as unknown as SQSEvent);
  return { ...world, outcomes, outcomesNow, create, give };
}

describe('a message of the poll queue', () => {
  test('runs its sync, and counts what has become of the records', async () => {
    const { engine, outcomes, outcomesNow, create, give, clock } = await prepare();
    await engine.subscriptions.create(aSubscription());
    expect(await give(create(), 1, pollIt)).toEqual({ batchItemFailures: [] });
    expect(outcomesNow.sum('published')).toBe(5);
    expect(outcomesNow.sum('enqueued')).toBe(5);
    expect(outcomes.sum('sync-runs-succeeded')).toBe(1);
    expect(outcomes.sum('sync-runs-failed')).toBe(0);
    const hours = await engine.statistics.read('acme', '2026-11-01T00', '2026-12-01T00');
    expect(hours.hours).toMatchObject([{ integration: 'shop', counts: { published: 5 } }]);
    clock.advance(300_000);
    await give(create(), 1, pollIt);
    expect(outcomesNow.sum('published')).toBe(5);
    expect(outcomes.sum('sync-runs-succeeded')).toBe(2);
  });

  test('counts what it published also where it dies when its cursor has moved', async () => {
    const { ports, outcomesNow, create, give, clock } = await prepare();
    const syncs = {
      ...ports.syncs,
      async putCursor(...cursor: Parameters<typeof ports.syncs.putCursor>) {
        await ports.syncs.putCursor(...cursor);
        throw new Error('killed');
      },
    };
    await give(create({ ...ports, syncs }), 1, pollIt);
    clock.advance(limits.pollTimeoutSeconds * 1_000 + 5_000);
    await give(create(), 2, pollIt);
    expect(outcomesNow.sum('published')).toBe(5);
  });

  test('counts a run that failed, which is no failure of the message', async () => {
    const { provider, outcomes, outcomesNow, create, give } = await prepare();
    provider.respond(() => 400);
    expect(await give(create(), 1, pollIt)).toEqual({ batchItemFailures: [] });
    expect(outcomes.sum('sync-runs-failed')).toBe(1);
    expect(outcomes.sum('sync-runs-succeeded') + outcomesNow.sum('published')).toBe(0);
  });

  test('of an unknown sync does nothing', async () => {
    const { outcomes, outcomesNow, create, give } = await prepare();
    const other = JSON.stringify({ kind: 'poll', account: 'acc_1', sync: 'none' });
    expect(await give(create(), 1, other)).toEqual({ batchItemFailures: [] });
    expect(outcomes.sum('sync-runs-succeeded', 'sync-runs-failed') + outcomesNow.sum('published')).toBe(0);
  });

  test.each(['{', '"poll"', '{"kind":"enrich","account":"acc_1","sync":"products"}', '{"kind":"poll","account":""}'])(
    'fails alone when it is not a poll message: %s (invariant 12)',
    async (poison) => {
      const { outcomesNow, create, give } = await prepare();
      expect(await give(create(), 1, poison, pollIt)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
      expect(outcomesNow.sum('published')).toBe(5);
    },
  );

  test('counts as a message when it fails for the last time', async () => {
    const { ports, outcomesNow, create, give } = await prepare();
    const syncs = { ...ports.syncs, get: () => Promise.reject(new Error('unavailable')) };
    const broken = create({ ...ports, syncs });
    const failing = { batchItemFailures: [{ itemIdentifier: 'm0' }] };
    expect(await give(broken, limits.maxReceiveCount - 1, pollIt)).toEqual(failing);
    expect(outcomesNow.sum('messages-dead-lettered')).toBe(0);
    expect(await give(broken, limits.maxReceiveCount, pollIt)).toEqual(failing);
    expect(outcomesNow.sum('messages-dead-lettered')).toBe(1);
    await give(create(), limits.maxReceiveCount, pollIt);
    expect(outcomesNow.sum('messages-dead-lettered')).toBe(1);
  });
});

test('a run of dispatch counts the syncs that it started, also where other work fails', async () => {
  const engine = createFakeEngine();
  for (const sync of ['contacts', 'deals'])
    await engine.syncs.replace(aSyncRow({ sync, dueAtMs: engine.clock.nowMs() }));
  const outcomes = createOutcomeTally();
  const fetches = { ...engine.fetches, listDueRuns: async () => Promise.reject(new Error('unreadable')) };
  const dispatch = createDispatchHandler({ ports: { ...engine.dispatchPorts, fetches }, log, outcomes });
  await expect(dispatch()).rejects.toThrow('some shards were not dispatched');
  expect(outcomes.sum('syncs-dispatched')).toBe(2);
  expect(engine.pollQueue.messages()).toHaveLength(2);
});
