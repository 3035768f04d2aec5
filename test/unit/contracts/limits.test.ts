import { expect, test } from 'vitest';
import { limits } from '../../../lambdas/contracts/limits.ts';
import { tokenTimeoutMs } from '../../../lambdas/flows/provider/request-token.ts';

/** Longest time from the begin of an attempt to its last record. */
const attemptMs =
  limits.tokenTimeoutMs + limits.maxCallbackTimeoutMs + limits.callbackReadingMs + limits.sendingOverheadMs;

test('the last post that deliver begins ends, and is recorded, before the function times out', () => {
  expect(limits.deliverBeginPostsMs + attemptMs).toBeLessThan(limits.deliverTimeoutSeconds * 1000);
});

test('the last round of a drain run ends, and is recorded, before the function times out', () => {
  expect(limits.drainRunMs + limits.drainRoundMs + attemptMs).toBeLessThan(limits.drainTimeoutSeconds * 1000);
});

test('the last call that a run of enrich begins ends, with another token, before the function times out', () => {
  // A definition may let a call take 60 s.
  const callMs = tokenTimeoutMs + 60_000;
  expect(limits.enrichRunMs + callMs + limits.sendingOverheadMs).toBeLessThan(limits.enrichTimeoutSeconds * 1000);
});

test('the last page that a run of a sync reads is published before the function times out', () => {
  // A definition may let a call take 60 s, and its page be published in the longest time that numbers may be written.
  const pageMs = tokenTimeoutMs + 60_000 + limits.sequenceWriteEndMs;
  expect(limits.pollRunMs + pageMs + limits.sendingOverheadMs).toBeLessThan(limits.pollTimeoutSeconds * 1000);
});

test('an attempt leaves time to write a record with all its tries', () => {
  // See `clientSettings`: three tries of 2.5 s, and the pauses between them.
  expect(limits.sendingOverheadMs).toBeGreaterThanOrEqual(9_000);
  expect(limits.recordTryMs).toBeGreaterThanOrEqual(9_000);
});

/** Longest time of a post, without its record. */
const postMs = limits.tokenTimeoutMs + limits.maxCallbackTimeoutMs + limits.callbackReadingMs;

test('a record is retried for longer than one write takes to give up, even after the longest post', () => {
  // Six rounds of a batch, with a pause of 50 ms that doubles each time.
  const roundsMs = 1_550;
  const leftOf = (timeoutSeconds: number, beginsPostsMs: number) =>
    timeoutSeconds * 1000 - beginsPostsMs - postMs - limits.recordTryMs;
  expect(leftOf(limits.deliverTimeoutSeconds, limits.deliverBeginPostsMs)).toBeGreaterThanOrEqual(1.5 * roundsMs);
  const drainBeginsMs = limits.drainRunMs + limits.drainRoundMs;
  expect(leftOf(limits.drainTimeoutSeconds, drainBeginsMs)).toBeGreaterThanOrEqual(limits.recordRetryMs);
});
