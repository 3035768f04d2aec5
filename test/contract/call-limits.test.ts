import { describe, expect, test } from 'vitest';
import { createDynamoCallLimits } from '../../lambdas/adapters/dynamo/stores/call-limits.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { CallLimits } from '../../lambdas/ports/tenants/call-limits.ts';
import { createInMemoryCallLimits } from '../fakes/in-memory-call-limits.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { useTables } from './emulated-aws.ts';

const tables = useTables();
const implementations: readonly (readonly [string, (clock: Clock) => Promise<CallLimits>])[] = [
  ['the fake', async (clock) => createInMemoryCallLimits(clock)],
  ['DynamoDB', async (clock) => createDynamoCallLimits(tables.client(), await tables.create('limits'), clock)],
];
const limit = { bucket: 'key#one', calls: 4, windowMs: 60_000 };

describe.each(implementations)('call limits on %s', (_, open) => {
  test('admit as many calls at once as the limit allows, then one per step', async () => {
    const clock = createManualClock();
    const limits = await open(clock);
    for (const remaining of [3, 2, 1, 0])
      expect(await limits.take(limit)).toMatchObject({
        kind: 'admitted',
        remaining,
        fullInMs: (4 - remaining) * 15_000,
      });
    expect(await limits.take(limit)).toEqual({ kind: 'limited', retryAfterMs: 15_000 });
    clock.advance(14_999);
    expect(await limits.take(limit)).toEqual({ kind: 'limited', retryAfterMs: 1 });
    clock.advance(1);
    expect(await limits.take(limit)).toMatchObject({ kind: 'admitted', remaining: 0 });
    expect(await limits.take(limit)).toMatchObject({ kind: 'limited' });
  });

  test('are full again after a window without calls', async () => {
    const clock = createManualClock();
    const limits = await open(clock);
    for (let call = 0; call < 4; call += 1) await limits.take(limit);
    clock.advance(60_000);
    expect(await limits.take(limit)).toMatchObject({ kind: 'admitted', remaining: 3 });
  });

  test.each([1, 7, 11, 13, 17, 19])('admit exactly the limit, where it is %i a minute', async (calls) => {
    const limits = await open(createManualClock(Date.parse('2026-11-21T12:00:00.123Z')));
    const kinds = [];
    for (let call = 0; call <= calls; call += 1) kinds.push((await limits.take({ ...limit, calls })).kind);
    expect(kinds).toEqual([...Array.from({ length: calls }, () => 'admitted'), 'limited']);
  });

  test('of two buckets are independent', async () => {
    const limits = await open(createManualClock());
    for (let call = 0; call < 4; call += 1) await limits.take(limit);
    expect(await limits.take({ ...limit, bucket: 'key#two' })).toMatchObject({ kind: 'admitted', remaining: 3 });
  });

  test('take several calls at once, all or none', async () => {
    const clock = createManualClock();
    const limits = await open(clock);
    const ten = { ...limit, calls: 10 };
    expect(await limits.take({ ...ten, cost: 4 })).toMatchObject({ kind: 'admitted', remaining: 6, fullInMs: 24_000 });
    expect(await limits.take({ ...ten, cost: 4 })).toMatchObject({ kind: 'admitted', remaining: 2 });
    // Two calls are left: a block of four gets none of them.
    expect(await limits.take({ ...ten, cost: 4 })).toEqual({ kind: 'limited', retryAfterMs: 12_000 });
    expect(await limits.take({ ...ten, cost: 2 })).toMatchObject({ kind: 'admitted', remaining: 0 });
    expect(await limits.take(ten)).toEqual({ kind: 'limited', retryAfterMs: 6_000 });
    clock.advance(24_000);
    expect(await limits.take({ ...ten, cost: 4 })).toMatchObject({ kind: 'admitted', remaining: 0 });
  });

  test('admit the whole limit at once, and no more', async () => {
    const limits = await open(createManualClock());
    expect(await limits.take({ ...limit, cost: 4 })).toMatchObject({ kind: 'admitted', remaining: 0 });
    expect(await limits.take({ ...limit, cost: 4 })).toEqual({ kind: 'limited', retryAfterMs: 60_000 });
  });

  test('never exceed the limit, however many concurrent calls ask for blocks', async () => {
    const limits = await open(createManualClock());
    const hundred = { ...limit, calls: 100, cost: 12 };
    const taken = await Promise.all(Array.from({ length: 20 }, () => limits.take(hundred)));
    expect(taken.filter(({ kind }) => kind === 'admitted')).toHaveLength(8);
  });

  test('never exceed the limit, however many concurrent calls there are', async () => {
    const limits = await open(createManualClock());
    const taken = await Promise.all(Array.from({ length: 12 }, () => limits.take(limit)));
    expect(taken.filter(({ kind }) => kind === 'admitted')).toHaveLength(4);
  });
});
