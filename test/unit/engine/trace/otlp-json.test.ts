import { expect, test } from 'vitest';
import { readOtlpHeaders, toOtlpJson } from '../../../../lambdas/engine/trace/otlp-json.ts';
import type { Span } from '../../../../lambdas/engine/trace/span.ts';

const span: Span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'deliver',
  kind: 'client',
  startedAtMs: 1_795_000_000_000,
  endedAtMs: 1_795_000_000_007,
  attributes: { text: 'a', whole: 3, part: 0.5, flag: true, missing: undefined },
};
const source = { stage: 'prod', function: 'deliver' };
const parsed = (...spans: Span[]) => JSON.parse(toOtlpJson(spans, source)).resourceSpans[0];

test('is an ExportTraceServiceRequest in the JSON encoding of OTLP', () => {
  const { resource, scopeSpans } = parsed(span);
  expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'tributary' } });
  expect(resource.attributes).toContainEqual({ key: 'faas.name', value: { stringValue: 'deliver' } });
  expect(scopeSpans[0].spans).toEqual([
    {
      traceId: span.traceId,
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      name: 'deliver',
      kind: 3,
      startTimeUnixNano: '1795000000000000000',
      endTimeUnixNano: '1795000000007000000',
      attributes: [
        { key: 'text', value: { stringValue: 'a' } },
        { key: 'whole', value: { intValue: '3' } },
        { key: 'part', value: { doubleValue: 0.5 } },
        { key: 'flag', value: { boolValue: true } },
      ],
      status: {},
    },
  ]);
});

test('says why a step failed, and what else caused it', () => {
  const links = [{ traceId: span.traceId, spanId: '1111111111111111' }];
  const [{ spans }] = parsed({ ...span, links, fault: 'x'.repeat(1_000) }).scopeSpans;
  expect(spans[0]).toMatchObject({ links, status: { code: 2, message: 'x'.repeat(256) } });
});

test('a span never ends before it begins, whatever the clocks of two functions say', () => {
  const [{ spans }] = parsed({ ...span, endedAtMs: span.startedAtMs - 5 }).scopeSpans;
  expect(spans[0].endTimeUnixNano).toBe(spans[0].startTimeUnixNano);
});

test('headers are read as OTEL_EXPORTER_OTLP_HEADERS has them', () => {
  expect(readOtlpHeaders('Authorization=Bearer%20abc==, x-team = ops')).toEqual({
    authorization: 'Bearer abc==',
    'x-team': 'ops',
  });
  expect(readOtlpHeaders('')).toEqual({});
});

test.each(['no value', '=v', 'a b=c', 'a=%0Ab', 'a=%E0%A4%A', 'a=b\u0000'])(
  'fails for headers that are none: %j',
  (text) => {
    expect(readOtlpHeaders(text)).toBeUndefined();
  },
);
