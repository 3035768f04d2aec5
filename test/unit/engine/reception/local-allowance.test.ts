import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  granted,
  type LocalAllowance,
  newAllowance,
  type Rate,
  refused,
  refusedForMs,
  spend,
  unasked,
} from '../../../../lambdas/engine/reception/local-allowance.ts';

const minute = (calls: number): Rate => ({ calls, windowMs: 60_000 });
const usual = minute(12_000);

/** A bucket that all instances share, as the limits table keeps it. */
function sharedBucket({ calls, windowMs }: Rate) {
  let fullAtMs = Number.NEGATIVE_INFINITY;
  const stepMs = windowMs / calls;
  const taken = { calls: 0, requests: 0 };
  return {
    taken,
    take(cost: number, nowMs: number): { readonly retryAfterMs: number } {
      taken.requests += 1;
      const next = Math.max(fullAtMs, nowMs) + stepMs * cost;
      const excessMs = next - (nowMs + windowMs);
      if (excessMs > 1e-6) return { retryAfterMs: Math.ceil(excessMs) };
      fullAtMs = next;
      taken.calls += cost;
      return { retryAfterMs: 0 };
    },
  };
}

/** Instances that share one bucket. */
function instancesOf(rate: Rate, count: number) {
  const bucket = sharedBucket(rate);
  const allowances: LocalAllowance[] = Array.from({ length: count }, () => newAllowance);
  return {
    bucket,
    /** @returns Whether the call is admitted. */
    call(instance: number, nowMs: number): boolean {
      const spending = spend(rate, allowances[instance] ?? newAllowance, nowMs);
      allowances[instance] = spending.allowance;
      if (spending.kind !== 'ask') return spending.kind === 'admitted';
      const { retryAfterMs } = bucket.take(spending.block, nowMs);
      allowances[instance] =
        retryAfterMs > 0
          ? refused(spending.allowance, retryAfterMs, nowMs)
          : granted(spending.allowance, spending.block);
      return retryAfterMs === 0;
    },
  };
}

/** Make calls at an even pace, by instances in turn. @returns How many calls were admitted. */
function playEvenly(rate: Rate, instances: number, calls: number, durationMs: number) {
  const played = instancesOf(rate, instances);
  let admitted = 0;
  for (let call = 0; call < calls; call += 1)
    if (played.call(call % instances, (call * durationMs) / calls)) admitted += 1;
  return { admitted, requests: played.bucket.taken.requests };
}

describe('one call', () => {
  const since = { ...newAllowance, windowStartMs: 0 };
  test.each<[string, Rate, Partial<LocalAllowance>, number, object]>([
    ['is free at the start of a window', usual, {}, 0, { kind: 'admitted', allowance: { spent: 1, left: 0 } }],
    [
      'is free up to the last call of the free share',
      usual,
      { spent: 19 },
      1,
      { kind: 'admitted', allowance: { spent: 20 } },
    ],
    ['asks for a quarter of the spent calls', usual, { spent: 20 }, 1, { kind: 'ask', block: 5 }],
    ['asks for at most a hundredth of the rate', usual, { spent: 9_000 }, 1, { kind: 'ask', block: 120 }],
    ['spends taken calls first', usual, { spent: 3, left: 2 }, 1, { kind: 'admitted', allowance: { left: 1 } }],
    [
      'keeps taken calls for one more window',
      usual,
      { spent: 99, left: 2 },
      60_000,
      { allowance: { left: 1, spent: 1 } },
    ],
    ['drops calls taken two windows ago', usual, { left: 2 }, 120_000, { allowance: { left: 0, spent: 1 } }],
    ['is free again in the next window', usual, { spent: 99 }, 60_000, { kind: 'admitted', allowance: { spent: 1 } }],
    [
      'is refused while the bucket is empty',
      usual,
      { refusedUntilMs: 900 },
      400,
      { kind: 'limited', retryAfterMs: 500 },
    ],
    ['asks again after the refusal', usual, { spent: 40, refusedUntilMs: 900 }, 900, { kind: 'ask', block: 10 }],
    ['always asks when the rate is low', minute(5), {}, 0, { kind: 'ask', block: 1 }],
    ['passes while the bucket cannot be read', usual, { spent: 40, unaskedUntilMs: 900 }, 400, { kind: 'admitted' }],
    [
      'starts a new window when the clock went back',
      usual,
      { spent: 40, windowStartMs: 5_000 },
      0,
      { kind: 'admitted' },
    ],
  ])('%s', (_, rate, before, nowMs, expected) => {
    expect(spend(rate, { ...since, ...before }, nowMs)).toMatchObject(expected);
  });

  test('reports a refusal without counting the call', () => {
    const allowance = refused(newAllowance, 700, 1_000);
    expect(refusedForMs(allowance, 1_200)).toBe(500);
    expect(refusedForMs(allowance, 1_700)).toBe(0);
    expect(refusedForMs(newAllowance, 0)).toBe(0);
  });

  test('passes for five seconds after the bucket was unavailable', () => {
    const allowance = unasked({ ...since, spent: 50 }, 1_000);
    expect(spend(usual, allowance, 5_999).kind).toBe('admitted');
    expect(spend(usual, allowance, 6_000).kind).toBe('ask');
  });
});

describe('instances together', () => {
  test('admit at most the calls from the bucket and the free share of each instance per window', () => {
    const scenario = fc.record({
      calls: fc.integer({ min: 1, max: 20_000 }),
      instances: fc.integer({ min: 1, max: 40 }),
      steps: fc.array(fc.tuple(fc.nat(39), fc.nat(3_000)), { minLength: 1, maxLength: 400 }),
    });
    fc.assert(
      fc.property(scenario, ({ calls, instances, steps }) => {
        const rate = minute(calls);
        const played = instancesOf(rate, instances);
        let nowMs = 0;
        let admitted = 0;
        for (const [instance, waitMs] of steps) {
          nowMs += waitMs;
          // A short burst at each step.
          for (let call = 0; call < 7; call += 1) if (played.call(instance % instances, nowMs)) admitted += 1;
        }
        const windows = Math.floor(nowMs / rate.windowMs) + 1;
        const free = Math.floor(calls / 600) * instances * windows;
        expect(admitted).toBeLessThanOrEqual(played.bucket.taken.calls + free);
        // The total of the bucket: it starts full and refills at its rate.
        expect(played.bucket.taken.calls).toBeLessThanOrEqual(calls * (1 + nowMs / rate.windowMs) + 1);
      }),
    );
  });

  test.each([1, 3, 10, 50, 90, 160, 250, 1_000])(
    'admit 10,000 webhooks per minute at the usual rate, with %i instances',
    (instances) => {
      expect(playEvenly(usual, instances, 10_000, 60_000).admitted).toBe(10_000);
    },
  );

  test.each([1, 10, 100])(
    'limit a flood of 60,000 per minute to about twice the rate, with %i instances',
    (instances) => {
      // The full bucket and its refill during the minute.
      const { admitted } = playEvenly(usual, instances, 60_000, 60_000);
      expect(admitted).toBeLessThanOrEqual(24_000 + 20 * instances * 2);
      expect(admitted).toBeGreaterThan(20_000);
    },
  );

  test('ask about once per second at a steady hundred calls per second', () => {
    expect(playEvenly(usual, 1, 6_000, 60_000).requests).toBeLessThanOrEqual(65);
  });

  test('never ask at a slow steady rate', () => {
    expect(playEvenly(usual, 1, 200, 600_000).requests).toBe(0);
  });

  test('ask at most about twice per admitted call during a flood', () => {
    const { admitted, requests } = playEvenly(minute(60), 1, 6_000, 60_000);
    expect(admitted).toBeLessThanOrEqual(120);
    expect(requests).toBeLessThanOrEqual(2 * admitted + 1);
  });
});
