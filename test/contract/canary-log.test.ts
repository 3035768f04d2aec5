import { describe, expect, test } from 'vitest';
import { createExpiries } from '../../lambdas/adapters/dynamo/rows/tenant-expiry.ts';
import { createDynamoCanaryReader, createDynamoCanaryWriter } from '../../lambdas/adapters/dynamo/stores/canary-log.ts';
import {
  createDynamoStatisticsReader,
  createDynamoStatisticsWriter,
} from '../../lambdas/adapters/dynamo/stores/statistics-store.ts';
import { createDynamoPartitionEraser } from '../../lambdas/adapters/dynamo/stores/tenant-erasers.ts';
import {
  type CanaryDifference,
  type CanaryReader,
  type CanaryWriter,
  maxKeptDifferences,
} from '../../lambdas/ports/accounts/canary-log.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import type { TenantPolicies } from '../../lambdas/ports/tenants/tenant-store.ts';
import { createInMemoryCanaries } from '../fakes/in-memory-canaries.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';

interface Canaries {
  readonly store: CanaryWriter & CanaryReader;
  readonly eraser: Eraser;
  readonly clock: ManualClock;
}

const msPerDay = 86_400_000;
const policies: TenantPolicies = {
  getMany: async (names) =>
    new Map(names.map((name) => [name, { eventsDays: name === 'brief' ? 1 : undefined, isErasing: false }])),
};

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Canaries>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      const store = createInMemoryCanaries(clock, policies);
      return { clock, store, eraser: store.eraser };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('statistics');
      const client = tables.client();
      const expiries = createExpiries({ clock, retentionDays: 30, policies });
      return {
        clock,
        store: {
          ...createDynamoCanaryWriter(client, table, { clock, expiries }),
          ...createDynamoCanaryReader(client, table, clock),
        },
        eraser: createDynamoPartitionEraser(client, table, {
          partition: 'scope',
          sort: 'hourIntegration',
          kind: 'statistics',
        }),
      };
    },
  ],
];

const aKey = { tenant: 'acme', integration: 'staff', account: 'acc_1', version: 'v1' };
const counts = { compared: 3, different: 1, failed: 0 };
const difference = (second: number): CanaryDifference => ({
  at: new Date(Date.parse('2026-11-21T12:00:00.000Z') + second * 1000).toISOString(),
  input: `raw_${second}`,
  published: 'current',
  failures: { candidate: 'it “failed” \u{1F600}' },
  events: [
    {
      kind: 'changed',
      resource: 'hris/employees',
      record_id: '1',
      differences: [{ path: 'data.name', current: null, candidate: { nested: [1, 'two'] } }],
      more: 2,
    },
  ],
  more: 0,
});

describe.each(implementations)('the log of trials (%s)', (_, create) => {
  test('adds up counts, and keeps differences, newest first', async () => {
    const { store } = await create();
    expect(await store.list('acme', 'staff', 'v1')).toEqual([]);
    await store.add(aKey, counts, [difference(1)]);
    await store.add(aKey, { compared: 1, different: 1, failed: 1 }, [difference(2)]);
    await store.add(aKey, { compared: 5, different: 0, failed: 0 }, []);
    expect(await store.list('acme', 'staff', 'v1')).toEqual([
      {
        account: 'acc_1',
        counts: { compared: 9, different: 2, failed: 1 },
        differences: [difference(2), difference(1)],
      },
    ]);
  });

  test('keeps the newest differences only, over one call and over many', async () => {
    const { store } = await create();
    const seconds = Array.from({ length: maxKeptDifferences + 7 }, (__, index) => index);
    await store.add(aKey, counts, seconds.map(difference));
    for (const second of [100, 101]) await store.add(aKey, counts, [difference(second)]);
    const [trial] = await store.list('acme', 'staff', 'v1');
    expect(trial?.differences.map(({ input }) => input)).toEqual(
      [...seconds, 100, 101]
        .slice(-maxKeptDifferences)
        .reverse()
        .map((second) => `raw_${second}`),
    );
  });

  test('keeps trials of other tenants, integrations, versions and accounts apart', async () => {
    const { store } = await create();
    const others = [
      { ...aKey, tenant: 'globex' },
      { ...aKey, integration: 'staff-2' },
      { ...aKey, version: 'v10' },
      { ...aKey, account: 'acc_10' },
    ];
    for (const [index, key] of [aKey, ...others].entries()) await store.add(key, counts, [difference(index)]);
    const found = await store.list('acme', 'staff', 'v1');
    expect(new Map(found.map(({ account, differences }) => [account, differences.map(({ input }) => input)]))).toEqual(
      new Map([
        ['acc_1', ['raw_0']],
        ['acc_10', ['raw_4']],
      ]),
    );
  });

  test('forgets them after seven days, or after the retention of the tenant', async () => {
    const { store, clock } = await create();
    await store.add(aKey, counts, [difference(1)]);
    await store.add({ ...aKey, tenant: 'brief' }, counts, [difference(1)]);
    clock.advance(msPerDay - 1_000);
    expect(await store.list('brief', 'staff', 'v1')).toHaveLength(1);
    clock.advance(2_000);
    expect(await store.list('brief', 'staff', 'v1')).toEqual([]);
    clock.advance(6 * msPerDay - 3_000);
    expect(await store.list('acme', 'staff', 'v1')).toHaveLength(1);
    clock.advance(3_000);
    expect(await store.list('acme', 'staff', 'v1')).toEqual([]);
  });

  test('are erased with their tenant', async () => {
    const { store, eraser } = await create();
    await store.add(aKey, counts, [difference(1)]);
    await store.add({ ...aKey, tenant: 'globex' }, counts, [difference(1)]);
    for (
      let page = await eraser.find('acme', undefined);
      page.items.length > 0;
      page = await eraser.find('acme', undefined)
    )
      await eraser.remove('acme', page.items);
    expect(await store.list('acme', 'staff', 'v1')).toEqual([]);
    expect(await store.list('globex', 'staff', 'v1')).toHaveLength(1);
  });
});

test('rows of trials are no hours of the statistics, which share their table', async () => {
  const clock = createManualClock();
  const table = await tables.create('statistics');
  const expiries = createExpiries({ clock, retentionDays: 30 });
  const client = tables.client();
  await createDynamoCanaryWriter(client, table, { clock, expiries }).add(aKey, counts, [difference(1)]);
  const hour = { scope: 'acme', integration: 'staff', hour: '2026-11-21T12', counts: { mapped: 1 } } as const;
  await createDynamoStatisticsWriter(client, table).add(hour);
  const statistics = createDynamoStatisticsReader(client, table, clock);
  for (const scope of ['acme', undefined])
    expect((await statistics.read(scope, '2026-11-01T00', '2026-12-31T23')).hours).toEqual([hour]);
});
