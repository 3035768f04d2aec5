import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  attemptSpan,
  isTraceId,
  publishSpan,
  readCorrelationId,
  requestSpan,
  shadowSpan,
  traceBeganAtMs,
  traceOfEvent,
  traceOfId,
  traceOfRequest,
  traceOfRun,
} from '../../../../lambdas/engine/trace/trace-ids.ts';

const nowMs = Date.parse('2026-11-30T12:00:00.000Z');
const random = '5e2f0c1b7a9d4e6f8a0b';
const rawId = `raw_${nowMs.toString(36)}_${random}`;
const runId = `run_${nowMs.toString(36).padStart(9, '0')}0123456789ab`;

describe('the trace of a webhook', () => {
  test('is the id of its request in hexadecimal, so requests of earlier versions have one', () => {
    expect(traceOfRequest(rawId)).toBe(`${nowMs.toString(16).padStart(12, '0')}${random}`);
  });

  test('is a trace id for every time and every random part, and another for another request', () => {
    const times = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2100, 0, 1) });
    const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 }).map((some) => Buffer.from(some).toString('hex'));
    const ids = fc.tuple(times, bytes).map(([ms, hex]) => `raw_${ms.toString(36)}_${hex}`);
    fc.assert(
      fc.property(ids, ids, (one, other) => {
        expect(isTraceId(traceOfRequest(one))).toBe(true);
        expect(traceOfRequest(one) === traceOfRequest(other)).toBe(one === other);
      }),
    );
  });

  test('says when the webhook was received', () => {
    expect(traceBeganAtMs(traceOfRequest(rawId), nowMs)).toBe(nowMs);
    expect(traceBeganAtMs(traceOfRequest(rawId), nowMs - 1)).toBeUndefined();
  });
});

test("a run's trace begins with the time of the run, and follows from its id", () => {
  expect(isTraceId(traceOfRun(runId))).toBe(true);
  expect(traceBeganAtMs(traceOfRun(runId), nowMs)).toBe(nowMs);
  expect(traceOfRun(runId)).toBe(traceOfRun(runId));
  expect(traceOfRun(`${runId.slice(0, -1)}c`)).not.toBe(traceOfRun(runId));
});

test('an event that nothing else began has the digits of its own id as its trace', () => {
  const digits = '5e2f0c1b7a9d4e6f8a0b2c4d6e8f0a1b';
  expect(traceOfEvent({ id: `evt_${digits}` })).toBe(digits);
  expect(traceOfEvent({ id: `evt_${digits}`, correlation_id: traceOfRequest(rawId) })).toBe(traceOfRequest(rawId));
});

test.each(['evt_1', `evt_${'0'.repeat(32)}`, 'raw_', 'run_x', ''])(
  'an unusual id has a trace all the same: %s',
  (id) => {
    for (const traceOf of [traceOfId, traceOfRequest, traceOfRun]) expect(isTraceId(traceOf(id))).toBe(true);
  },
);

test('spans have ids of 16 digits, one for each thing that they are about', () => {
  const spans = [
    requestSpan(traceOfRequest(rawId)),
    publishSpan('evt_1'),
    publishSpan('evt_2'),
    attemptSpan('evt_1', 'sub_1', 1),
    attemptSpan('evt_1', 'sub_1', 2),
    attemptSpan('evt_1', 'sub_2', 1),
    shadowSpan('evt_1', 'sub_1'),
    shadowSpan('evt_1', 'sub_2'),
  ];
  for (const span of spans) expect(span).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(spans).size).toBe(spans.length);
});

test('a correlation id is read in every form that people have it', () => {
  expect(readCorrelationId(traceOfRequest(rawId))).toBe(traceOfRequest(rawId));
  expect(readCorrelationId(rawId)).toBe(traceOfRequest(rawId));
  expect(readCorrelationId(runId)).toBe(traceOfRun(runId));
});

test.each(['', 'evt_1', '0'.repeat(32), 'raw_1', `${rawId}0`, 'F'.repeat(32)])('fails for another text: %s', (text) => {
  expect(readCorrelationId(text)).toBeUndefined();
});
