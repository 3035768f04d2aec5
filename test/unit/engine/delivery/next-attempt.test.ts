import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Attempt,
  type Decision,
  defaultRetryPolicy,
  nextAttempt,
  parseRetryAfter,
  type RetryPolicy,
} from '../../../../lambdas/engine/delivery/next-attempt.ts';

const policy: RetryPolicy = { scheduleMs: [1000, 10_000], jitterRatio: 0.5, maxAgeMs: 60_000 };

test.each<readonly [string, Omit<Attempt, 'ageMs'> & Partial<Attempt>, number, Decision]>([
  ['200 delivers', { number: 1, status: 200 }, 0, { kind: 'delivered' }],
  ['204 delivers', { number: 1, status: 204 }, 0, { kind: 'delivered' }],
  ['299 delivers, at the last attempt too', { number: 3, status: 299 }, 0, { kind: 'delivered' }],
  ['a 2xx delivers and ignores Retry-After', { number: 1, status: 202, retryAfterMs: 5000 }, 0, { kind: 'delivered' }],
  ['410 exhausts at once', { number: 1, status: 410, retryAfterMs: 5000 }, 0, { kind: 'exhausted', reason: 'gone' }],
  ['no answer is retried', { number: 1, status: undefined }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['199 is retried', { number: 1, status: 199 }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['301 is retried: redirects are not followed', { number: 1, status: 301 }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['400 is retried', { number: 1, status: 400 }, 0, { kind: 'retry-later', delayMs: 1000 }],
  ['404 is retried', { number: 2, status: 404 }, 0, { kind: 'retry-later', delayMs: 10_000 }],
  ['jitter is added', { number: 2, status: 500 }, 0.5, { kind: 'retry-later', delayMs: 12_500 }],
  [
    'a longer Retry-After is obeyed',
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
    'a Retry-After is bounded by the age',
    { number: 1, status: 503, ageMs: 10_000, retryAfterMs: 61_000 },
    0,
    { kind: 'retry-later', delayMs: 50_000 },
  ],
  [
    'an infinite Retry-After is bounded',
    { number: 1, status: 503, retryAfterMs: Number.POSITIVE_INFINITY },
    0,
    { kind: 'retry-later', delayMs: 60_000 },
  ],
  [
    'jitter is bounded by the age',
    { number: 2, status: 500, ageMs: 49_000 },
    0.5,
    { kind: 'retry-later', delayMs: 11_000 },
  ],
  [
    'a wait that ends at the maximum age is allowed',
    { number: 2, status: 500, ageMs: 50_000 },
    0,
    { kind: 'retry-later', delayMs: 10_000 },
  ],
  [
    'a wait beyond the maximum age exhausts',
    { number: 2, status: 500, ageMs: 50_001 },
    0,
    { kind: 'exhausted', reason: 'too-old' },
  ],
  ['a 2xx delivers at any age', { number: 2, status: 200, ageMs: 500_000 }, 0, { kind: 'delivered' }],
  [
    'the attempt after the last wait is the last attempt',
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
  expect(nextAttempt(policy, { ageMs: 0, ...attempt }, random)).toEqual(decision);
});

const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  scheduleMs: fc.array(fc.integer({ min: 0, max: 86_400_000 }), { maxLength: 12 }),
  jitterRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  maxAgeMs: fc.integer({ min: 1, max: 200_000_000 }),
});
const failures = fc.option(
  fc.integer({ min: 100, max: 599 }).filter((status) => (status < 200 || status >= 300) && status !== 410),
  { nil: undefined },
);
const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('waits at least the schedule and Retry-After, at most that plus jitter, and never past the maximum age', () => {
  fc.assert(
    fc.property(
      policies,
      fc.nat(13),
      failures,
      fc.nat(200_000_000),
      fc.nat(250_000_000),
      fractions,
      (policy, index, status, ageMs, retryAfterMs, random) => {
        const decision = nextAttempt(policy, { number: index + 1, status, ageMs, retryAfterMs }, random);
        const waitMs = policy.scheduleMs[index];
        fc.pre(waitMs !== undefined);
        const leftMs = policy.maxAgeMs - ageMs;
        expect(decision.kind).toBe(waitMs > leftMs ? 'exhausted' : 'retry-later');
        if (decision.kind !== 'retry-later') return;
        const { delayMs } = decision;
        expect(delayMs).toBeGreaterThanOrEqual(Math.min(Math.max(waitMs, retryAfterMs), leftMs));
        expect(delayMs).toBeLessThanOrEqual(
          Math.min(Math.max(waitMs * (1 + policy.jitterRatio), retryAfterMs), leftMs),
        );
      },
    ),
  );
});

/** Fail every attempt, each at its due time, until no more follows. @returns The age at each attempt. */
function failOnAndOn(policy: RetryPolicy, status: number | undefined, random: number): readonly number[] {
  const agesMs = [0];
  for (;;) {
    const ageMs = agesMs.at(-1) ?? 0;
    const decision = nextAttempt(policy, { number: agesMs.length, status, ageMs }, random);
    if (decision.kind !== 'retry-later') return agesMs;
    agesMs.push(ageMs + decision.delayMs);
  }
}

test('makes at most one more attempt than waits, none past the maximum age', () => {
  fc.assert(
    fc.property(policies, failures, fractions, (policy, status, random) => {
      const agesMs = failOnAndOn(policy, status, random);
      expect(agesMs.length).toBeLessThanOrEqual(policy.scheduleMs.length + 1);
      for (const ageMs of agesMs) expect(ageMs).toBeLessThanOrEqual(policy.maxAgeMs);
      const untiring = failOnAndOn({ ...policy, maxAgeMs: Number.POSITIVE_INFINITY }, status, random);
      expect(untiring).toHaveLength(policy.scheduleMs.length + 1);
    }),
  );
});

test('makes ten attempts in 75 to 91 hours by default, depending on jitter', () => {
  const hours = [0, 0.999_999].map((random) => {
    const agesMs = failOnAndOn(defaultRetryPolicy, 500, random);
    expect(agesMs).toHaveLength(10);
    return (agesMs.at(-1) ?? 0) / 3_600_000;
  });
  expect(hours[0]).toBeCloseTo(75.6, 1);
  expect(hours[1]).toBeCloseTo(90.7, 1);
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

  test('never returns a negative delay, for any text', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const delayMs = parseRetryAfter(header, nowMs);
        expect(delayMs ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
