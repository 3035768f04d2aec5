import { describe, expect, test } from 'vitest';
import {
  createDynamoStatisticsReader,
  createDynamoStatisticsWriter,
} from '../../lambdas/adapters/dynamo/stores/statistics-store.ts';
import type { HourlyCounts, StatisticsReader, StatisticsWriter } from '../../lambdas/ports/runtime/statistics-store.ts';
import { createInMemoryStatistics } from '../fakes/in-memory-statistics.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';

interface Statistics {
  readonly store: StatisticsWriter & StatisticsReader;
  readonly clock: ManualClock;
}

const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Statistics>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      return { clock, store: createInMemoryStatistics(clock) };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('statistics');
      return {
        clock,
        store: {
          ...createDynamoStatisticsWriter(tables.client(), table),
          ...createDynamoStatisticsReader(tables.client(), table, clock),
        },
      };
    },
  ],
];

const someCounts = (change: Partial<HourlyCounts> = {}): HourlyCounts => ({
  scope: 'acme',
  integration: 'github',
  hour: '2026-11-21T12',
  counts: { verified: 1, 'dead-lettered': 1, 'rejected:signature-mismatch': 2 },
  ...change,
});

const keyOf = ({ scope, hour, integration }: HourlyCounts) => `${scope} ${hour} ${integration}`;

async function read(store: StatisticsReader, scope: string | undefined, fromHour: string, toHour: string) {
  const { hours, isComplete } = await store.read(scope, fromHour, toHour);
  expect(isComplete).toBe(true);
  return [...hours].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const all = ['2026-11-01T00', '2026-12-31T23'] as const;

describe.each(implementations)('statistics on %s', (_, open) => {
  test('add up each count separately', async () => {
    const { store } = await open();
    await store.add(someCounts());
    await store.add(someCounts({ counts: { verified: 3, mapped: 5, 'rejected:signature-mismatch': 1 } }));
    await store.add(someCounts({ counts: {} }));
    const counts = { verified: 4, mapped: 5, 'dead-lettered': 1, 'rejected:signature-mismatch': 3 };
    expect(await read(store, 'acme', ...all)).toEqual([someCounts({ counts })]);
  });

  test('lose no concurrent addition', async () => {
    const { store } = await open();
    await Promise.all(Array.from({ length: 20 }, () => store.add(someCounts({ counts: { published: 2 } }))));
    expect(await read(store, 'acme', ...all)).toEqual([someCounts({ counts: { published: 40 } })]);
  });

  test('are empty where nothing was counted', async () => {
    const { store } = await open();
    await store.add(someCounts({ counts: {} }));
    expect(await read(store, 'acme', ...all)).toEqual([]);
    expect(await read(store, undefined, ...all)).toEqual([]);
  });

  test('can be read for one tenant, or for all together (invariant 3)', async () => {
    const { store } = await open();
    const [acme, globex, withoutTenant] = ['acme', 'globex', '*'].map((scope) => someCounts({ scope })) as [
      HourlyCounts,
      HourlyCounts,
      HourlyCounts,
    ];
    for (const counts of [acme, globex, withoutTenant]) await store.add(counts);
    expect(await read(store, 'acme', ...all)).toEqual([acme]);
    expect(await read(store, 'globex', ...all)).toEqual([globex]);
    expect(await read(store, 'acme2', ...all)).toEqual([]);
    expect(await read(store, undefined, ...all)).toEqual([withoutTenant, acme, globex]);
  });

  test.each(['acme', undefined])('are read by the hour, both ends included, for %s', async (scope) => {
    const { store } = await open();
    const hours = ['2026-11-19T23', '2026-11-20T00', '2026-11-20T13', '2026-11-21T11', '2026-11-21T12'];
    for (const hour of hours) {
      await store.add(someCounts({ hour }));
      await store.add(someCounts({ hour, integration: 'a-very-early-name' }));
      await store.add(someCounts({ hour, integration: 'zz-9' }));
      await store.add(someCounts({ hour, integration: '*' }));
    }
    const hoursOf = async (from: string, to: string) => (await read(store, scope, from, to)).map(({ hour }) => hour);
    const fourTimes = (...hours: readonly string[]) => hours.flatMap((hour) => [hour, hour, hour, hour]);
    expect(await hoursOf('2026-11-20T00', '2026-11-21T11')).toEqual(
      fourTimes('2026-11-20T00', '2026-11-20T13', '2026-11-21T11'),
    );
    expect(await hoursOf('2026-11-20T01', '2026-11-20T23')).toEqual(fourTimes('2026-11-20T13'));
    expect(await hoursOf('2026-11-21T12', '2026-11-21T12')).toEqual(fourTimes('2026-11-21T12'));
    expect(await hoursOf('2026-11-21T12', '2026-11-21T11')).toEqual([]);
    expect(await hoursOf(...all)).toEqual(fourTimes(...hours));
  });

  test('are kept for 35 days', async () => {
    const { store, clock } = await open();
    await store.add(someCounts());
    clock.advance(35 * msPerDay - 1);
    expect(await read(store, 'acme', ...all)).toHaveLength(1);
    expect(await read(store, undefined, ...all)).toHaveLength(1);
    clock.advance(1);
    expect(await read(store, 'acme', ...all)).toEqual([]);
    expect(await read(store, undefined, ...all)).toEqual([]);
  });
});
