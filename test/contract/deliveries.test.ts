import { describe, expect, test } from 'vitest';
import {
  createDynamoDeliveryLog,
  createDynamoDeliveryStore,
} from '../../lambdas/adapters/aws/dynamo-delivery-store.ts';
import type { Delivery, DeliveryLog, DeliveryStore } from '../../lambdas/ports/delivery-store.ts';
import { createInMemoryDeliveries } from '../fakes/in-memory-deliveries.ts';
import { createManualClock, type ManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';
import { readAllPages } from './read-all-pages.ts';

interface Deliveries {
  readonly deliveries: DeliveryStore & DeliveryLog;
  readonly clock: ManualClock;
}

const retentionDays = 30;
const msPerDay = 86_400_000;

const tables = useTables();
const implementations: readonly (readonly [string, () => Promise<Deliveries>])[] = [
  [
    'the fake',
    async () => {
      const clock = createManualClock();
      return { clock, deliveries: createInMemoryDeliveries(clock, { retentionDays }) };
    },
  ],
  [
    'DynamoDB',
    async () => {
      const clock = createManualClock();
      const table = await tables.create('deliveries');
      return {
        clock,
        deliveries: {
          ...createDynamoDeliveryStore(tables.client(), table, { clock, retentionDays }),
          ...createDynamoDeliveryLog(tables.client(), table, clock),
        },
      };
    },
  ],
];

function aDelivery(number: number, change: Partial<Delivery> = {}): Delivery {
  return {
    subscription: 'sub_1',
    event: `evt_${number}`,
    tenant: 'acme',
    sequence: number,
    timestamp: new Date(Date.parse('2026-11-21T12:00:00.000Z') + number * 1000).toISOString(),
    state: 'retrying',
    exhaustedBy: undefined,
    attempts: [
      {
        number: 1,
        at: '2026-11-21T12:00:01.000Z',
        durationMs: 7,
        status: 503,
        error: undefined,
        response: 'später “☂”',
      },
      {
        number: 2,
        at: '2026-11-21T12:00:09.000Z',
        durationMs: 15_000,
        status: undefined,
        error: 'slow',
        response: undefined,
      },
    ],
    nextAttemptAt: '2026-11-21T12:01:00.000Z',
    ...change,
  };
}

const byEvent = (all: readonly Delivery[]) => [...all].sort((a, b) => a.sequence - b.sequence);

describe.each(implementations)('delivery store on %s', (_, open) => {
  test('gives back what was put, and leaves out what was not', async () => {
    const { deliveries } = await open();
    const delivered = aDelivery(2, { state: 'delivered', nextAttemptAt: undefined });
    await deliveries.putMany([aDelivery(1), delivered, aDelivery(3, { subscription: 'sub_2' })]);
    const keys = [aDelivery(3), aDelivery(2), aDelivery(1), aDelivery(1), aDelivery(4)];
    expect(byEvent(await deliveries.getMany(keys))).toEqual([aDelivery(1), delivered]);
    expect(await deliveries.getMany([])).toEqual([]);
  });

  test('replaces a delivery by its key', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([aDelivery(1)]);
    const delivered = aDelivery(1, { state: 'delivered', nextAttemptAt: undefined });
    await deliveries.putMany([delivered]);
    await deliveries.putMany([]);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual([delivered]);
  });

  test('puts and gets more than the store takes at once', async () => {
    const { deliveries } = await open();
    const all = Array.from({ length: 120 }, (_, index) => aDelivery(index + 1));
    await deliveries.putMany(all);
    expect(byEvent(await deliveries.getMany(all))).toEqual(all);
  });

  test('counts expired deliveries as absent', async () => {
    const { deliveries, clock } = await open();
    await deliveries.putMany([aDelivery(1)]);
    clock.advance((retentionDays + 1) * msPerDay);
    expect(await deliveries.getMany([aDelivery(1)])).toEqual([]);
    expect((await deliveries.list('sub_1', 10, undefined)).items).toEqual([]);
  });
});

describe.each(implementations)('delivery log on %s', (_, open) => {
  test('lists the deliveries of a subscription newest first, page by page', async () => {
    const { deliveries } = await open();
    await deliveries.putMany([3, 1, 5, 2, 4].map((number) => aDelivery(number)));
    await deliveries.putMany([aDelivery(6, { subscription: 'sub_2' })]);
    const pages = await readAllPages((after) => deliveries.list('sub_1', 2, after));
    expect(pages.flat()).toEqual([5, 4, 3, 2, 1].map((number) => aDelivery(number)));
    expect(pages.every((page) => page.length <= 2)).toBe(true);
  });
});
