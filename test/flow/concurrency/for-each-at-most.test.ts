import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { forEachAtMost } from '../../../lambdas/flows/concurrency/for-each-at-most.ts';

/** Number of running items when each item began. */
async function underWay(atMost: number | (() => number), items: number, act = async (_item: number) => {}) {
  const seen: number[] = [];
  let running = 0;
  const list = Array.from({ length: items }, (_, index) => index);
  const ended = forEachAtMost(atMost, list, async (item) => {
    running += 1;
    seen.push(running);
    await setImmediate();
    running -= 1;
    await act(item);
  });
  return { seen, ended: await ended.then(() => 'ended', String) };
}

test('at most `atMost` items run at a time, and an empty list ends at once', async () => {
  expect(await underWay(2, 5)).toEqual({ seen: [1, 2, 2, 2, 2], ended: 'ended' });
  expect(await underWay(2, 0)).toEqual({ seen: [], ended: 'ended' });
});

test('a changed limit applies to the next start', async () => {
  let atMost = 4;
  const { seen } = await underWay(
    () => atMost,
    16,
    async (item) => {
      if (item === 0) atMost = 1;
      if (item === 8) atMost = 3;
    },
  );
  expect(Math.max(...seen.slice(0, 4))).toBe(4);
  expect(Math.max(...seen.slice(4, 9))).toBe(1);
  expect(Math.max(...seen.slice(9))).toBe(3);
});

test('a failure lowers the concurrency by one, and is thrown once all started items have ended', async () => {
  const fails = async (item: number) => {
    if (item === 0) throw new Error('broken');
  };
  expect(await underWay(1, 5, fails)).toEqual({ seen: [1], ended: 'Error: broken' });
  const two = await underWay(2, 5, fails);
  expect(two.seen).toHaveLength(5);
  expect(two.ended).toBe('Error: broken');
});
