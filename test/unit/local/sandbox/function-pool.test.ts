import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFunctionPool } from '../../../../lib/local/sandbox/function-pool.ts';
import type { InvocationOutcome, Sandbox, SandboxOptions } from '../../../../lib/local/sandbox/sandbox.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A pool of sandboxes whose invocations take the time that their event says, in milliseconds. */
function createPool({ isBusy = false } = {}) {
  let started = 0;
  const start = (): Sandbox => {
    started += 1;
    return {
      initialized: Promise.resolve(undefined),
      ended: new Promise(() => {}),
      isBusy: () => false,
      invoke: (event) =>
        new Promise<InvocationOutcome>((resolve) => {
          setTimeout(() => resolve({ kind: 'succeeded', payload: 'null' }), event as number);
        }),
      kill: async () => {},
    };
  };
  const options = { model: { arn: 'arn:aws:lambda:us-east-1:000000000000:function:work' } } as SandboxOptions;
  const pool = createFunctionPool(options, 10, { isBusy: () => isBusy }, { began() {}, ended() {} }, start);
  return { pool, started: () => started };
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('callers that meet a busy sandbox once in a while wait for it', async () => {
  const { pool, started } = createPool();
  for (let round = 0; round < 10; round += 1) {
    const both = Promise.all([pool.invoke(50), pool.invoke(50)]);
    await pass(300);
    await both;
  }
  expect(started()).toBe(1);
});

test('a pool that is at work most of the time grows to the number of cores', async () => {
  const { pool, started } = createPool();
  const callers = [1, 2, 3].map(async () => {
    for (let call = 0; call < 100; call += 1) await pool.invoke(20);
  });
  await pass(499);
  expect(started()).toBe(1);
  await pass(5_000);
  await Promise.all(callers);
  expect(started()).toBe(Math.min(3, availableParallelism()));
});

test('a pool does not grow on busy cores', async () => {
  const { pool, started } = createPool({ isBusy: true });
  const callers = [1, 2].map(async () => {
    for (let call = 0; call < 20; call += 1) await pool.invoke(20);
  });
  await pass(2_000);
  await Promise.all(callers);
  expect(started()).toBe(1);
});

test('an invocation that waits for something else does not hold up the next', async () => {
  const { pool, started } = createPool();
  const long = [pool.invoke(60_000), pool.invoke(60_000), pool.invoke(60_000)];
  const next = pool.invoke(10);
  await pass(2_500);
  await next;
  expect(started()).toBe(4);
  await pass(60_000);
  await Promise.all(long);
});
