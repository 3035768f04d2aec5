import { expect, test } from 'vitest';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import { hiddenSeconds } from '../../../../lambdas/engine/delivery/message-backoff.ts';

const receives = Array.from({ length: limits.maxReceiveCount }, (_, index) => index + 1);

test('hides a failed message for two seconds at first, and longer after each failure', () => {
  expect(receives.map((count) => hiddenSeconds(count, 0))).toEqual([2, 10, 40, 120, 360, 900, 1_800, 0]);
});

test('adds at most a quarter of jitter, in whole seconds', () => {
  for (const count of receives) {
    const [least, most] = [hiddenSeconds(count, 0), hiddenSeconds(count, 0.999_999)];
    expect(most).toBeGreaterThanOrEqual(least);
    expect(most).toBeLessThanOrEqual(Math.ceil(least * 1.25));
    expect(Number.isInteger(most)).toBe(true);
  }
});

test('an outage of 45 minutes dead-letters nothing', () => {
  const totalSeconds = receives.reduce((sum, count) => sum + hiddenSeconds(count, 0), 0);
  expect(totalSeconds).toBeGreaterThan(45 * 60);
});

test('does not hide a message whose receive count is missing or invalid', () => {
  for (const count of [0, -1, Number.NaN, 1_000]) expect(hiddenSeconds(count, 0.5)).toBe(0);
});
