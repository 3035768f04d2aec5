import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTelemetry, publishMetrics } from '../../../../lambdas/functions/invocation/telemetry.ts';
import { createMetricLedger } from '../../../../lib/local/metric-ledger.ts';

let lines: string[];

beforeEach(() => {
  lines = [];
  // Powertools writes to the streams, so a patched console does not see its lines.
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      lines.push(...String(text).trim().split('\n'));
      return true;
    });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

test('a call logs what it did and what it counted in one line', () => {
  const { outcomes, tell, metrics } = createTelemetry('deliver', 'prod');
  outcomes.count('delivered', 2);
  outcomes.count('retried');
  tell('deliveries attempted', { deliveries: [{ event: 'evt_1' }] });
  publishMetrics(metrics).after();

  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'INFO',
    message: 'deliveries attempted',
    service: 'deliver',
    deliveries: [{ event: 'evt_1' }],
    delivered: 2,
    retried: 1,
  });
  const ledger = createMetricLedger();
  ledger.record(lines[0] ?? '');
  expect(ledger.sum('delivered', { service: 'deliver' })).toBe(2);
  expect(ledger.sum('retried', { service: 'deliver' })).toBe(1);
  // Alarms read the stage too, because the stages of one account share the namespace.
  expect(ledger.list().map(({ dimensions }) => dimensions)).toEqual(
    ['delivered', 'retried'].map(() => ({ service: 'deliver', stage: 'prod' })),
  );
});

test('a line without counts publishes no metrics', () => {
  const { tell, metrics } = createTelemetry('deliver', 'prod');
  tell('deliveries attempted', { deliveries: [] });
  publishMetrics(metrics).after();
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('CloudWatchMetrics');
});

test('counts are published even if the log level drops the line', () => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'WARN');
  const { outcomes, tell, metrics } = createTelemetry('deliver', 'prod');
  outcomes.count('delivered');
  tell('deliveries attempted', {});
  expect(lines).toEqual([]);
  publishMetrics(metrics).after();
  expect(lines).toHaveLength(1);
  const ledger = createMetricLedger();
  expect(ledger.record(lines[0] ?? '')).toBe(true);
  expect(ledger.sum('delivered')).toBe(1);
});

test('counts that follow the line are published in a line of their own', () => {
  const { outcomes, tell, metrics } = createTelemetry('deliver', 'prod');
  outcomes.count('delivered');
  tell('deliveries attempted', {});
  outcomes.count('delivered');
  publishMetrics(metrics).onError();
  const ledger = createMetricLedger();
  for (const line of lines) ledger.record(line);
  expect(lines).toHaveLength(2);
  expect(ledger.sum('delivered')).toBe(2);
});
