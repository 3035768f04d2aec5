import { describe, expect, test } from 'vitest';
import { createMetricLedger } from '../../../../lib/local/metric-ledger.ts';
import { evaluateAlarm } from '../../../../lib/local/metrics/evaluate-alarm.ts';
import { parseMetricMath } from '../../../../lib/local/metrics/metric-math.ts';
import { createMetricStore, minuteMs } from '../../../../lib/local/metrics/metric-store.ts';
import type { AlarmModel } from '../../../../lib/local/metrics/read-alarms.ts';

const key = { namespace: 'AWS/SQS', name: 'Age', dimensions: { QueueName: 'q' } };
const start = 1_700_000_040_000;

function alarm(change: Partial<AlarmModel> = {}): AlarmModel {
  return {
    logicalId: 'Stuck',
    path: 'Queue/Stuck',
    description: '',
    metrics: [{ id: 'm', key, statistic: 'Maximum' }],
    expression: undefined,
    periodMs: minuteMs,
    periods: 3,
    toAlarm: 3,
    threshold: 300,
    whenBelow: false,
    missingIsBeyond: false,
    ...change,
  };
}

/** Evaluate over one sample each minute, the last of them in the current minute. */
function over(samples: readonly (number | undefined)[], change: Partial<AlarmModel> = {}) {
  const store = createMetricStore();
  for (const [minute, sample] of samples.entries())
    if (sample !== undefined) store.add(key, [sample], start + minute * minuteMs);
  return evaluateAlarm(alarm(change), store, start + (samples.length - 1) * minuteMs + 500, 1_000).state;
}

describe('an alarm fires', () => {
  test('only after every period that it looks at is beyond the threshold', () => {
    expect(over([299, 300, 301])).toBe('OK');
    expect(over([300, 300, 301])).toBe('ALARM');
    expect(over([300, 300, 301, 0])).toBe('OK');
    expect(over([300, 0, 301], { toAlarm: 2 })).toBe('ALARM');
  });

  test('on missing data only where it counts as beyond the threshold', () => {
    expect(over([300, undefined, 300])).toBe('OK');
    const silent = { whenBelow: true, threshold: 1, periods: 1, toAlarm: 1, periodMs: 5 * minuteMs } as const;
    expect(over([undefined, undefined], silent)).toBe('OK');
    expect(over([undefined, undefined], { ...silent, missingIsBeyond: true })).toBe('ALARM');
    expect(over([1, undefined, undefined, undefined, undefined], { ...silent, missingIsBeyond: true })).toBe('OK');
    expect(over([1, undefined, undefined, undefined, undefined, undefined], { ...silent, missingIsBeyond: true })).toBe(
      'ALARM',
    );
  });

  test('on an expression of its metrics, and on a quota', () => {
    const expression = parseMetricMath('100 * m / SERVICE_QUOTA(m)');
    expect(over([799, 800, 800], { expression, threshold: 80 })).toBe('OK');
    expect(over([800, 800, 800], { expression, threshold: 80 })).toBe('ALARM');
  });
});

test.each([
  ['Sum', 1_110],
  ['SampleCount', 12],
  ['Average', 92.5],
  ['Minimum', 10],
  ['Maximum', 1_000],
  ['p50', 10],
  ['p90', 10],
  ['p99', 1_000],
])('%s of the samples of two minutes', (statistic, expected) => {
  const store = createMetricStore();
  store.add(key, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10], start);
  store.add(key, [10, 1_000], start + minuteMs);
  store.add(key, [99_999], start + 2 * minuteMs);
  expect(store.read(key, statistic, start, start + 2 * minuteMs)).toBe(expected);
  expect(store.read({ ...key, dimensions: {} }, statistic, start, start + 2 * minuteMs)).toBeUndefined();
});

test('what functions log has the time of the line, and each set of dimensions', () => {
  const store = createMetricStore();
  const line = {
    _aws: {
      Timestamp: start,
      CloudWatchMetrics: [
        {
          Namespace: 'Tributary',
          Dimensions: [['service'], ['service', 'reason']],
          Metrics: [{ Name: 'latency', Unit: 'Milliseconds' }],
        },
      ],
    },
    service: 'deliver',
    reason: 'none',
    latency: [5, 7],
  };
  createMetricLedger(store).record(JSON.stringify(line));
  for (const dimensions of [{ service: 'deliver' }, { reason: 'none', service: 'deliver' }])
    expect(
      store.read({ namespace: 'Tributary', name: 'latency', dimensions }, 'Maximum', start, start + minuteMs),
    ).toBe(7);
});
