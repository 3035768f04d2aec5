import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

test('a level above info drops lines, and no count, even where Lambda sets a level of its own', () => {
  vi.stubEnv('AWS_LAMBDA_LOG_LEVEL', 'INFO');
  const { log, outcomes, tell, metrics } = createTelemetry('deliver', 'prod', { level: 'warn', sampleRatio: 1 });
  outcomes.count('delivered');
  tell('deliveries attempted', {});
  log.info('not written');
  log.warn('written');
  publishMetrics(metrics).after();
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['written', undefined]);
  const ledger = createMetricLedger();
  for (const line of lines) ledger.record(line);
  expect(ledger.sum('delivered', { service: 'deliver' })).toBe(1);
});

test('a ratio samples successes by their trace, the same in every function', () => {
  const { mayTell } = createTelemetry('deliver', 'prod', { level: 'info', sampleRatio: 0.5 });
  expect(mayTell(`${'0'.repeat(31)}1`)).toBe(true);
  expect(mayTell('f'.repeat(32))).toBe(false);
});

test('the trace of X-Ray is named only in invocations that it samples', () => {
  const { log } = createTelemetry('deliver', 'prod');
  const header = 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8';
  for (const sampled of [0, 1]) {
    vi.stubEnv('_X_AMZN_TRACE_ID', `${header};Sampled=${sampled}`);
    log.info('told');
  }
  expect(lines.map((line) => JSON.parse(line).xray_trace_id)).toEqual([
    undefined,
    '1-5759e988-bd862e3fe1be46a994272793',
  ]);
});

test('counts of a call are one number, measures are samples, so that percentiles work', () => {
  const { outcomes, measure, tell } = createTelemetry('deliver', 'prod');
  for (const latencyMs of [12.4, 80, -3]) {
    outcomes.count('delivered');
    measure('latency', latencyMs);
  }
  tell('deliveries attempted', {});
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ delivered: 3, latency: [12, 80, 0] });
  expect(lines[0]).toContain('{"Name":"latency","Unit":"Milliseconds"}');
});

describe('metrics with further dimensions', () => {
  const apart = {
    values: { 'verification-failed': 1 },
    dimensions: { integration: 'github', reason: 'signature-mismatch' },
    by: [[], ['integration'], ['reason']],
  } as const;

  test('are in the line of the call, which counts the others as before', () => {
    const { outcomes, tell, metrics } = createTelemetry('ingress', 'prod');
    outcomes.count('rejected');
    tell('request received', { integration: 'github', reason: 'signature-mismatch' }, apart);
    publishMetrics(metrics).after();
    expect(lines).toHaveLength(1);
    const ledger = createMetricLedger();
    ledger.record(lines[0] ?? '');
    const own = { service: 'ingress', stage: 'prod' };
    expect(ledger.list().map(({ name, dimensions, sum }) => [name, dimensions, sum])).toEqual([
      ['rejected', own, 1],
      ['verification-failed', own, 1],
      ['verification-failed', { ...own, integration: 'github' }, 1],
      ['verification-failed', { ...own, reason: 'signature-mismatch' }, 1],
    ]);
  });

  test('are in a line without other metrics, and in a warning, which leaves the metrics of the call alone', () => {
    const { outcomes, tell, warn, metrics } = createTelemetry('ingress', 'prod');
    tell('request received', {}, apart);
    outcomes.count('rejected');
    warn('something is odd', {}, apart);
    expect(metrics.hasStoredMetrics()).toBe(true);
    const ledger = createMetricLedger();
    for (const line of lines) ledger.record(line);
    expect(ledger.sum('verification-failed', { integration: 'github' })).toBe(2);
    expect(ledger.sum('rejected')).toBe(0);
  });

  test('are published even if the log level drops the line', () => {
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'CRITICAL');
    const { tell, warn } = createTelemetry('ingress', 'prod');
    tell('request received', {}, apart);
    warn('something is odd', {}, apart);
    const ledger = createMetricLedger();
    expect(lines.map((line) => ledger.record(line))).toEqual([true, true]);
    expect(ledger.sum('verification-failed', { service: 'ingress', stage: 'prod', reason: 'signature-mismatch' })).toBe(
      2,
    );
  });
});
