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
});
