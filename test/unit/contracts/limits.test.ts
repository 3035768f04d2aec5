import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';

/** The longest that an attempt takes once it has begun, with all that follows it. */
const attemptMs =
  limits.tokenTimeoutMs + limits.maxCallbackTimeoutMs + limits.callbackReadingMs + limits.sendingOverheadMs;

test('the last post that deliver begins ends, and is recorded, before the function does', () => {
  expect(limits.deliverBeginPostsMs + attemptMs).toBeLessThan(limits.deliverTimeoutSeconds * 1000);
});

test('the last round that a run of a drain begins ends, and is recorded, before the function does', () => {
  expect(limits.drainRunMs + limits.drainRoundMs + attemptMs).toBeLessThan(limits.drainTimeoutSeconds * 1000);
});

test('an attempt leaves time for a record that is written with all its tries', () => {
  // As `clientSettings` says: three tries of 2.5 s, and the pauses between them.
  expect(limits.sendingOverheadMs).toBeGreaterThanOrEqual(9_000);
  expect(limits.recordTryMs).toBeGreaterThanOrEqual(9_000);
});

/** The longest that a post takes, without its record. */
const postMs = limits.tokenTimeoutMs + limits.maxCallbackTimeoutMs + limits.callbackReadingMs;

test('a record is tried again for longer than one write takes to give up, even after the longest post', () => {
  // Six rounds of a batch, with pauses of 50 ms and twice as long each time.
  const roundsMs = 1_550;
  const leftOf = (timeoutSeconds: number, beginsPostsMs: number) =>
    timeoutSeconds * 1000 - beginsPostsMs - postMs - limits.recordTryMs;
  expect(leftOf(limits.deliverTimeoutSeconds, limits.deliverBeginPostsMs)).toBeGreaterThanOrEqual(1.5 * roundsMs);
  const drainBeginsMs = limits.drainRunMs + limits.drainRoundMs;
  expect(leftOf(limits.drainTimeoutSeconds, drainBeginsMs)).toBeGreaterThanOrEqual(limits.recordRetryMs);
});
