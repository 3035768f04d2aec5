import fc from 'fast-check';
import { expect, test } from 'vitest';
import { percentilesOf } from '../../../../lambdas/engine/statistics/percentiles.ts';

const oneTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test.each([
  ['no value', [], undefined],
  ['one value', [7], { p50: 7, p95: 7, p99: 7, max: 7 }],
  ['two values', [9, 1], { p50: 1, p95: 9, p99: 9, max: 9 }],
  ['equal values', [3, 3, 3, 3], { p50: 3, p95: 3, p99: 3, max: 3 }],
  ['a zero', [0], { p50: 0, p95: 0, p99: 0, max: 0 }],
  // 9 sorts before 10: numeric order, not text order.
  ['ten values', oneTo(10).reverse(), { p50: 5, p95: 10, p99: 10, max: 10 }],
  ['twenty values', oneTo(20), { p50: 10, p95: 19, p99: 20, max: 20 }],
  ['a hundred values', oneTo(100), { p50: 50, p95: 95, p99: 99, max: 100 }],
  ['a hundred and one values', oneTo(101), { p50: 51, p95: 96, p99: 100, max: 101 }],
])('percentiles of %s use the nearest rank', (_, values, expected) => {
  expect(percentilesOf(values)).toEqual(expected);
});

test('a percentile is the smallest value that the given share of values does not exceed (property)', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 300 }), (values) => {
      const before = [...values];
      const percentiles = percentilesOf(values);
      expect(values, 'the input stays unchanged').toEqual(before);
      for (const [percent, value] of [
        [50, percentiles?.p50],
        [95, percentiles?.p95],
        [99, percentiles?.p99],
        [100, percentiles?.max],
      ] as const) {
        const share = (limit: number) => values.filter((one) => one <= limit).length / values.length;
        expect(values).toContain(value);
        expect(share(value ?? 0)).toBeGreaterThanOrEqual(percent / 100);
        for (const smaller of values.filter((one) => one < (value ?? 0)))
          expect(share(smaller)).toBeLessThan(percent / 100);
      }
    }),
  );
});
