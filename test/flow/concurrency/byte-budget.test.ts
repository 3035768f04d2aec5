import { expect, test } from 'vitest';
import { createByteBudget } from '../../../lambdas/flows/concurrency/byte-budget.ts';

/** Start work of these sizes together. @returns The most bytes held at a time, and the order in which work began. */
async function work(maxBytes: number, sizes: readonly number[], failing = -1) {
  const budget = createByteBudget(maxBytes);
  const begun: number[] = [];
  let held = 0;
  let most = 0;
  const ended = await Promise.allSettled(
    sizes.map((bytes, index) =>
      budget.hold(bytes, async () => {
        begun.push(index);
        held += bytes;
        most = Math.max(most, held);
        await new Promise((resolve) => setImmediate(resolve));
        held -= bytes;
        if (index === failing) throw new Error('it failed');
        return index;
      }),
    ),
  );
  return { begun, most, ended: ended.map(({ status }) => status) };
}

test('work runs concurrently up to the budget, first in, first out', async () => {
  const { begun, most } = await work(10, [4, 4, 4, 1, 1, 9, 1]);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBeLessThanOrEqual(10);
  expect(most).toBeGreaterThan(4);
});

test('work larger than the budget runs alone', async () => {
  expect(await work(10, [3, 25, 3])).toMatchObject({ begun: [0, 1, 2], most: 25 });
});

test('failed work returns its bytes to the budget', async () => {
  const { ended } = await work(10, [10, 10, 10], 0);
  expect(ended).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});
