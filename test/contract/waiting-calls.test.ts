import { describe, expect, test } from 'vitest';
import { createDynamoWaitingCalls } from '../../lambdas/adapters/dynamo/stores/waiting-calls.ts';
import { systemRandomness } from '../../lambdas/adapters/node/system-randomness.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { WaitingBucket, WaitingCalls, WaitingEntry } from '../../lambdas/ports/events/waiting-calls.ts';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import { createInMemoryWaitingCalls } from '../fakes/in-memory-waiting-calls.ts';
import { createManualClock } from '../fakes/manual-clock.ts';
import { countRequests, useTables } from './emulated-aws.ts';

const tables = useTables();
/** Creates one shared count; each call of the result is another function that shares it. */
const implementations: readonly (readonly [string, (clock: Clock) => Promise<() => WaitingCalls>])[] = [
  [
    'the fake',
    async (clock) => {
      const waiting = createInMemoryWaitingCalls(clock);
      return () => waiting;
    },
  ],
  [
    'DynamoDB',
    async (clock) => {
      const table = await tables.create('limits');
      return () => createDynamoWaitingCalls(tables.client(), table, clock, systemRandomness);
    },
  ],
];
const key = { name: 'key#one', most: 3 };
const tenant = { name: 'tenant#acme', most: 5 };
const kindsOf = (entries: readonly WaitingEntry[]) => entries.map(({ kind }) => kind);
const leave = async (entry: WaitingEntry | undefined) => {
  if (entry?.kind === 'entered') await entry.leave();
};

describe.each(implementations)('waiting calls on %s', (_, open) => {
  test('enter while there is room, across all functions, and again when one has left', async () => {
    const clock = createManualClock();
    const newFunction = await open(clock);
    const untilMs = clock.nowMs() + 20_000;
    const entries = [];
    for (let call = 0; call < 4; call += 1) entries.push(await newFunction().enter([key], untilMs));
    expect(entries.slice(0, 3).map(({ kind }) => kind)).toEqual(['entered', 'entered', 'entered']);
    expect(entries[3]).toEqual({ kind: 'full', name: 'key#one' });
    await leave(entries[1]);
    await leave(entries[1]);
    expect((await newFunction().enter([key], untilMs)).kind).toBe('entered');
    expect((await newFunction().enter([key], untilMs)).kind).toBe('full');
  });

  test('never exceed the limit, however many come at once', async () => {
    const clock = createManualClock();
    const newFunction = await open(clock);
    const enterAtOnce = async (buckets: readonly WaitingBucket[]) => {
      const enter = () => newFunction().enter(buckets, clock.nowMs() + 20_000);
      const entries = await Promise.all(Array.from({ length: 8 }, () => enter().catch(() => undefined)));
      const entered = entries.filter((entry) => entry?.kind === 'entered');
      await Promise.all(entered.map(leave));
      expect((await enter()).kind).toBe('entered');
      return entered.length;
    };
    expect(await enterAtOnce([key, { name: 'tenant#roomy', most: 8 }])).toBe(3);
    // A call that the key refuses briefly holds a place of the tenant, which may refuse another call.
    expect(await enterAtOnce([{ name: 'key#two', most: 3 }, tenant])).toBeLessThanOrEqual(3);
  });

  test('take no place in any bucket when one bucket is full', async () => {
    const clock = createManualClock();
    const waiting = (await open(clock))();
    const untilMs = clock.nowMs() + 20_000;
    for (let call = 0; call < 3; call += 1) await waiting.enter([key], untilMs);
    for (let call = 0; call < 6; call += 1)
      expect(await waiting.enter([key, tenant], untilMs)).toEqual({ kind: 'full', name: 'key#one' });
    const others = [];
    for (let call = 0; call < 6; call += 1) others.push(await waiting.enter([tenant], untilMs));
    expect(kindsOf(others)).toEqual([...Array.from({ length: 5 }, () => 'entered'), 'full']);
  });

  test('of two buckets are independent', async () => {
    const clock = createManualClock();
    const waiting = (await open(clock))();
    const untilMs = clock.nowMs() + 20_000;
    for (let call = 0; call < 3; call += 1) await waiting.enter([key], untilMs);
    expect((await waiting.enter([{ name: 'key#two', most: 3 }], untilMs)).kind).toBe('entered');
  });

  test('that died without leaving no longer count after their end', async () => {
    const clock = createManualClock();
    const waiting = (await open(clock))();
    for (let call = 0; call < 3; call += 1) await waiting.enter([key], clock.nowMs() + 20_000);
    clock.advance(19_999);
    expect((await waiting.enter([key], clock.nowMs() + 20_000)).kind).toBe('full');
    clock.advance(limits.clockSkewMs + 1);
    const entries = [];
    for (let call = 0; call < 4; call += 1) entries.push(await waiting.enter([key], clock.nowMs() + 20_000));
    expect(kindsOf(entries)).toEqual(['entered', 'entered', 'entered', 'full']);
  });
});

test('a call costs one DynamoDB request to enter, one to leave, and two where the bucket is full', async () => {
  const clock = createManualClock();
  const table = await tables.create('limits');
  const waiting = createDynamoWaitingCalls(tables.client(), table, clock, systemRandomness);
  const untilMs = clock.nowMs() + 20_000;
  await waiting.enter([key], untilMs);
  const requests = countRequests(tables.client());
  const second = await waiting.enter([key], untilMs);
  expect(requests.count()).toBe(1);
  await leave(second);
  expect(requests.count()).toBe(2);
  await waiting.enter([key], untilMs);
  await waiting.enter([key], untilMs);
  expect((await waiting.enter([key], untilMs)).kind).toBe('full');
  expect(requests.count()).toBe(6);
  requests.end();
});
