import { describe, expect, test } from 'vitest';
import { type MathScope, type Point, parseMetricMath } from '../../../../lib/local/metrics/metric-math.ts';

const scope = (values: Readonly<Record<string, Point>>): MathScope => ({
  read: (id) => values[id],
  metrics: () => Object.values(values),
  quota: () => 1_000,
});

test.each<[string, Readonly<Record<string, Point>>, Point]>([
  ['SUM(FILL(METRICS(), 0))', { a: 2, b: undefined, c: 3 }, 5],
  ['SUM(FILL(METRICS(), 0))', { a: undefined }, 0],
  ['SUM(METRICS())', { a: undefined }, undefined],
  ['100 * used / SERVICE_QUOTA(used)', { used: 820 }, 82],
  ['100 * used / SERVICE_QUOTA(used)', { used: undefined }, undefined],
  ['1 + 2 * 3 - 4 / 2', {}, 5],
  ['(1 + 2) * 3', {}, 9],
  ['8 - 2 - 1', {}, 5],
  ['a / b', { a: 1, b: 0 }, undefined],
  [
    'IF(FILL(failed, 0) >= 50, 100 * failed / (failed + FILL(accepted, 0)), 0)',
    { failed: 50, accepted: undefined },
    100,
  ],
  ['IF(FILL(failed, 0) >= 50, 100 * failed / (failed + FILL(accepted, 0)), 0)', { failed: 49, accepted: 1 }, 0],
  ['IF(a < 2, 10, 20)', { a: 2 }, 20],
  ['IF(a < 2, 10, 20)', { a: undefined }, undefined],
])('%s of %j is %j', (text, values, expected) => {
  expect(parseMetricMath(text)(scope(values))).toBe(expected);
});

describe('rejections', () => {
  test.each([
    ['ANOMALY_DETECTION_BAND(a)', /expected SUM, FILL, METRICS, IF or SERVICE_QUOTA, got ANOMALY_DETECTION_BAND/],
    ['SUM(a', /expected ,, got the end/],
    ['a b', /expected the end, got b/],
    ['a ? 1', /expected metric math, got "\? 1"/],
    ['FILL(a)', /expected 2 operands of FILL, got 1/],
    ['* 2', /expected a number, an id or a function, got \*/],
  ])('fails when it is %s', (text, message) => {
    expect(() => parseMetricMath(text)).toThrow(message);
  });

  test('fails when a list is no value', () => {
    expect(() => parseMetricMath('METRICS()')(scope({ a: 1 }))).toThrow(/expected one value, got a list; use SUM/);
  });
});
