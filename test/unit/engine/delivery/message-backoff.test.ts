import { expect, test } from 'vitest';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import { hiddenSeconds } from '../../../../lambdas/engine/delivery/message-backoff.ts';

const receives = Array.from({ length: limits.maxReceiveCount }, (_, index) => index + 1);

test('a message that failed once comes again in two seconds, and later after each failure', () => {
  expect(receives.map((count) => hiddenSeconds(count, 0))).toEqual([2, 10, 40, 120, 360, 900, 1_800, 0]);
});

test('chance adds at most a quarter, in whole seconds that SQS takes', () => {
  for (const count of receives) {
    const [least, most] = [hiddenSeconds(count, 0), hiddenSeconds(count, 0.999_999)];
    expect(most).toBeGreaterThanOrEqual(least);
    expect(most).toBeLessThanOrEqual(Math.ceil(least * 1.25));
    expect(Number.isInteger(most)).toBe(true);
  }
});

test('an outage of three quarters of an hour dead-letters nothing', () => {
  const totalSeconds = receives.reduce((sum, count) => sum + hiddenSeconds(count, 0), 0);
  expect(totalSeconds).toBeGreaterThan(45 * 60);
});

test('a count that is missing or odd hides a message for no time, but never for a wrong one', () => {
  for (const count of [0, -1, Number.NaN, 1_000]) expect(hiddenSeconds(count, 0.5)).toBe(0);
});
