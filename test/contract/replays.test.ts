import { describe, expect, test } from 'vitest';
import { createDynamoReplayStore } from '../../lambdas/adapters/dynamo/stores/replay-store.ts';
import type { Replay, ReplayStore } from '../../lambdas/ports/delivery/replay-store.ts';
import { createInMemoryReplays } from '../fakes/in-memory-replays.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

interface Replays {
  readonly replays: ReplayStore;
  readonly clock: ManualClock;
}

const retentionDays = 30;
const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Replays>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      return { clock, replays: createInMemoryReplays(clock, { retentionDays }) };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('deliveries');
      return { clock, replays: createDynamoReplayStore(tables.client(), table, { clock, retentionDays }) };
    },
  ],
];

function aReplay(number: number, change: Partial<Replay> = {}): Replay {
  return {
    id: `rpl_${number}`,
    subscription: 'sub_1',
    scope: 'acme',
    tenant: 'acme',
    mode: 'missing',
    afterSequence: 10,
    upToSequence: 4_211,
    position: 10,
    ratePerSecond: 0.5,
    state: 'running',
    scanned: 0,
    replayed: 0,
    createdAt: '2026-11-21T12:00:00.000Z',
    endedAt: undefined,
    revision: 1,
    ...change,
  };
}

describe.each(implementations)('replay store on %s', (_, open) => {
  test('finds a created replay by its subscription and id', async () => {
    const { replays } = await open();
    await replays.create(aReplay(1));
    expect(await replays.find('sub_1', 'rpl_1')).toEqual(aReplay(1));
    expect(await replays.find('sub_2', 'rpl_1')).toBeUndefined();
    expect(await replays.find('sub_1', 'rpl_2')).toBeUndefined();
  });

  test('replaces a replay that was read, and fails when another caller wrote in between', async () => {
    const { replays } = await open();
    await replays.create(aReplay(1));
    expect(await replays.replace(aReplay(1, { position: 110, scanned: 100, replayed: 7 }))).toBe(true);
    expect(await replays.replace(aReplay(1, { state: 'cancelled' }))).toBe(false);
    const stored = aReplay(1, { position: 110, scanned: 100, replayed: 7, revision: 2 });
    expect(await replays.find('sub_1', 'rpl_1')).toEqual(stored);
    const ended = { ...stored, state: 'cancelled' as const, endedAt: '2026-11-21T12:01:00.000Z' };
    expect(await replays.replace(ended)).toBe(true);
    expect(await replays.find('sub_1', 'rpl_1')).toEqual({ ...ended, revision: 3 });
    expect(await replays.replace(aReplay(9))).toBe(false);
  });

  test('lists the replays of a subscription, newest first, page by page', async () => {
    const { replays } = await open();
    for (const number of [3, 1, 5, 2, 4]) await replays.create(aReplay(number));
    await replays.create(aReplay(6, { subscription: 'sub_2' }));
    const pages = await readAllPages((after) => replays.list('sub_1', 2, after));
    expect(pages.flat()).toEqual([5, 4, 3, 2, 1].map((number) => aReplay(number)));
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });

  test('counts expired replays as absent', async () => {
    const { replays, clock } = await open();
    await replays.create(aReplay(1));
    clock.advance((retentionDays + 1) * msPerDay);
    expect(await replays.find('sub_1', 'rpl_1')).toBeUndefined();
    expect((await replays.list('sub_1', 10, undefined)).items).toEqual([]);
  });
});
