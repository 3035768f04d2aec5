import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../../../lambdas/contracts/limits.ts';
import {
  defaultRetryPolicy,
  nextAttempt,
  parseRetryAfter,
  type RetryPolicy,
} from '../../../../lambdas/engine/retry/next-attempt.ts';

const policy: RetryPolicy = { scheduleMs: [1000, 10_000], jitterRatio: 0.5, maxDelayMs: 60_000 };

test.each([
  ['200 delivers', { number: 1, status: 200 }, 0, { kind: 'delivered' }],
  ['204 delivers', { number: 1, status: 204 }, 0, { kind: 'delivered' }],
  ['299 delivers, at the last attempt too', { number: 3, status: 299 }, 0, { kind: 'delivered' }],
  [
    'a 2xx delivers whatever its Retry-After says',
    { number: 1, status: 202, retryAfterMs: 5000 },
    0,
    { kind: 'delivered' },
  ],
  ['410 ends it at once', { number: 1, status: 410, retryAfterMs: 5000 }, 0, { kind: 'exhausted', reason: 'gone' }],
  ['no answer is tried again', { number: 1, status: undefined }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['199 is tried again', { number: 1, status: 199 }, 0, { kind: 'retry-later', delayMs: 1000 }],
  [
    '301 is tried again: no redirect is followed',
    { number: 1, status: 301 },
    0,
    { kind: 'retry-later', delayMs: 1000 },
  ],
  ['400 is tried again', { number: 1, status: 400 }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['404 is tried again', { number: 2, status: 404 }, 0, { kind: 'retry-later', delayMs: 10_000 }],
  ['jitter is added', { number: 2, status: 500 }, 0.5, { kind: 'retry-later', delayMs: 12_500 }],
  [
    'a longer Retry-After is kept to',
    { number: 1, status: 429, retryAfterMs: 5000 },
    0.9,
    { kind: 'retry-later', delayMs: 5000 },
  ],
  [
    'a shorter Retry-After changes nothing',
    { number: 2, status: 503, retryAfterMs: 5000 },
    0,
    { kind: 'retry-later', delayMs: 10_000 },
  ],
  [
    'a Retry-After is bounded',
    { number: 1, status: 503, retryAfterMs: 61_000 },
    0,
    { kind: 'retry-later', delayMs: 60_000 },
  ],
  [
    'an endless Retry-After is bounded',
    { number: 1, status: 503, retryAfterMs: Number.POSITIVE_INFINITY },
    0,
    { kind: 'retry-later', delayMs: 60_000 },
  ],
  [
    'the attempt after the last wait is the last',
    { number: 3, status: 500 },
    0,
    { kind: 'exhausted', reason: 'attempts-exhausted' },
  ],
  [
    'a Retry-After adds no attempt',
    { number: 3, status: 429, retryAfterMs: 1 },
    0,
    { kind: 'exhausted', reason: 'attempts-exhausted' },
  ],
])('%s', (_name, attempt, random, decision) => {
  expect(nextAttempt(policy, attempt, random)).toEqual(decision);
});

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  scheduleMs: fc.array(fc.integer({ min: 0, max: 86_400_000 }), { maxLength: 12 }),
  jitterRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  maxDelayMs: fc.integer({ min: 1, max: 86_400_000 }),
});
const failures = fc.option(
  fc.integer({ min: 100, max: 599 }).filter((status) => (status < 200 || status >= 300) && status !== 410),
  { nil: undefined },
);
const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('waits as long as the receiver asks and at least the schedule, with no more than its jitter, within the bound', () => {
  fc.assert(
    fc.property(
      policies,
      fc.nat(13),
      failures,
      fc.nat(200_000_000),
      fractions,
      (policy, index, status, retryAfterMs, random) => {
        const decision = nextAttempt(policy, { number: index + 1, status, retryAfterMs }, random);
        const waitMs = policy.scheduleMs[index];
        fc.pre(waitMs !== undefined);
        const { delayMs } = decision as { delayMs: number };
        expect(delayMs).toBeGreaterThanOrEqual(Math.min(Math.max(waitMs, retryAfterMs), policy.maxDelayMs));
        expect(delayMs).toBeLessThanOrEqual(
          Math.min(Math.max(waitMs * (1 + policy.jitterRatio), retryAfterMs), policy.maxDelayMs),
        );
      },
    ),
  );
});

test('ends after one attempt more than there are waits', () => {
  fc.assert(
    fc.property(policies, failures, fractions, (policy, status, random) => {
      let number = 1;
      while (nextAttempt(policy, { number, status }, random).kind === 'retry-later') number += 1;
      expect(number).toBe(policy.scheduleMs.length + 1);
    }),
  );
});

test('by default never waits longer than a queue can delay a message, with the whole of its jitter', () => {
  expect(defaultRetryPolicy.maxDelayMs).toBeLessThanOrEqual(limits.queueMaxDelayMs);
  for (const [index, waitMs] of defaultRetryPolicy.scheduleMs.entries()) {
    const { delayMs } = nextAttempt(defaultRetryPolicy, { number: index + 1, status: 500 }, 0.999_999) as {
      delayMs: number;
    };
    expect(delayMs).toBeGreaterThan(waitMs);
    expect(delayMs).toBeLessThan(limits.queueMaxDelayMs);
  }
});

describe('parseRetryAfter', () => {
  const nowMs = Date.parse('2026-11-22T12:00:00.000Z');

  test.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['1.5', 1500],
    ['007', 7000],
    ['9'.repeat(400), Number.POSITIVE_INFINITY],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    [' Sun, 22 Nov 2026 12:00:30 GMT ', 30_000],
    ['Sun, 22 Nov 2026 11:59:00 GMT', 0],
  ])('reads "%s"', (header, delayMs) => {
    expect(parseRetryAfter(header, nowMs)).toBe(delayMs);
  });

  test.each([
    undefined,
    '',
    ' ',
    '-1',
    '+1',
    '1e3',
    '0x10',
    '1,5',
    '5 seconds',
    'soon',
    '2026-11-22T12:00:30Z',
    'Sun, 22 Nov 2026 12:00:30',
    'Sun, 99 Nov 2026 12:00:30 GMT',
    'Infinity',
    'NaN',
    '120, 60',
  ])('finds nothing in "%s"', (header) => {
    expect(parseRetryAfter(header, nowMs)).toBeUndefined();
  });

  test('gives of any text a delay that is no negative number, or nothing', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const delayMs = parseRetryAfter(header, nowMs);
        expect(delayMs ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
