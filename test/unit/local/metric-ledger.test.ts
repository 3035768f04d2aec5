import { expect, test } from 'vitest';
import { createMetricLedger } from '../../../lib/local/metric-ledger.ts';

const line = (values: object, dimensions: string[][] = [['service']]) =>
  JSON.stringify({
    _aws: {
      Timestamp: 1,
      CloudWatchMetrics: [
        {
          Namespace: 'Tributary',
          Dimensions: dimensions,
          Metrics: Object.keys(values).map((Name) => ({ Name, Unit: 'Count' })),
        },
      ],
    },
    service: 'deliver',
    tenant: 'acme',
    ...values,
  });

test('sums by name and by dimension set', () => {
  const ledger = createMetricLedger();
  expect(ledger.record(line({ delivered: 1, retried: [1, 2] }))).toBe(true);
  ledger.record(line({ delivered: 2 }, [['service'], ['tenant', 'service'], []]));
  expect(ledger.sum('delivered')).toBe(3);
  expect(ledger.sum('retried')).toBe(3);
  expect(ledger.sum('delivered', { service: 'deliver' })).toBe(3);
  expect(ledger.sum('delivered', { service: 'deliver', tenant: 'acme' })).toBe(2);
  expect(ledger.sum('delivered', {})).toBe(3);
  expect(ledger.sum('delivered', { service: 'drain' })).toBe(0);
  expect(ledger.sum('unknown')).toBe(0);
  expect(ledger.list()).toContainEqual({
    namespace: 'Tributary',
    name: 'retried',
    dimensions: { service: 'deliver' },
    sum: 3,
    samples: 2,
  });
});

test.each(['plain text', '{"CloudWatchMetrics": 1', '{"message":"\\"CloudWatchMetrics\\""}', '{"_aws":{}}'])(
  'does not take %s for metrics',
  (text) => {
    expect(createMetricLedger().record(text)).toBe(false);
  },
);

test('counts the metrics of a log line, and leaves the line in the log', () => {
  const ledger = createMetricLedger();
  const told = JSON.stringify({ level: 'INFO', message: 'request received', ...JSON.parse(line({ accepted: 1 })) });
  expect(ledger.record(told)).toBe(false);
  expect(ledger.sum('accepted', { service: 'deliver' })).toBe(1);
});
