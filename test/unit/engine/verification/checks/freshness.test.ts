import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FreshnessSpec, freshness } from '../../../../../lambdas/engine/verification/checks/freshness.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
const nowSeconds = nowMs / 1000;

function verify(timestamp: string | undefined, unit: FreshnessSpec['unit'], atMs = nowMs) {
  const spec: FreshnessSpec = { timestamp: '{header.X-Time}', unit, max_age_seconds: 300, max_ahead_seconds: 60 };
  const headers: Record<string, string> = timestamp === undefined ? {} : { 'x-time': timestamp };
  return freshness.prepare(spec)(
    {
      method: 'POST',
      url: 'https://hooks.example.com/',
      path: '/',
      headers,
      query: new URLSearchParams(),
      body: Buffer.alloc(0),
      decoded: undefined,
      secrets: {},
      vars: {},
    },
    { secrets: {}, keys: new Map(), nowMs: atMs },
  );
}

test.each([
  ['now', `${nowSeconds}`, 's'],
  ['the maximum age', `${nowSeconds - 300}`, 's'],
  ['the maximum time ahead', `${nowSeconds + 60}`, 's'],
  ['milliseconds', `${nowMs - 300_000}`, 'ms'],
  ['ISO 8601', '2026-11-22T11:55:00.000Z', 'iso8601'],
  ['ISO 8601 without milliseconds', '2026-11-22T12:01:00Z', 'iso8601'],
  ['ISO 8601 with an offset', '2026-11-22T13:00:00+01:00', 'iso8601'],
] as const)('accepts %s', (_name, timestamp, unit) => {
  expect(verify(timestamp, unit)).toEqual({ kind: 'verified' });
});

test.each([
  ['it is too old by a second', `${nowSeconds - 301}`, 's', 'timestamp-too-old'],
  ['it is too old by a millisecond', `${nowMs - 300_001}`, 'ms', 'timestamp-too-old'],
  ['it is ahead by a second too much', `${nowSeconds + 61}`, 's', 'timestamp-in-the-future'],
  ['it is ahead by a millisecond too much', `${nowMs + 60_001}`, 'ms', 'timestamp-in-the-future'],
  ['it has milliseconds but seconds are expected', `${nowMs}`, 's', 'timestamp-in-the-future'],
  ['it has seconds but milliseconds are expected', `${nowSeconds}`, 'ms', 'timestamp-too-old'],
  ['it is 0', '0', 's', 'timestamp-too-old'],
  ['it is empty', '', 's', 'timestamp-malformed'],
  ['it is negative', '-1', 's', 'timestamp-malformed'],
  ['it has a plus sign', `+${nowSeconds}`, 's', 'timestamp-malformed'],
  ['it has a leading space', ` ${nowSeconds}`, 's', 'timestamp-malformed'],
  ['it has a fraction', `${nowSeconds}.5`, 's', 'timestamp-malformed'],
  ['it has an exponent', '1e9', 's', 'timestamp-malformed'],
  ['it is hexadecimal', '0x6921f3c0', 's', 'timestamp-malformed'],
  ['it has too many digits', '9'.repeat(400), 's', 'timestamp-malformed'],
  ['it is not a number', 'NaN', 's', 'timestamp-malformed'],
  ['it is an ISO date but seconds are expected', '2026-11-22T12:00:00Z', 's', 'timestamp-malformed'],
  ['it is not an ISO date', 'now', 'iso8601', 'timestamp-malformed'],
  ['it is a date of another format', 'Sun, 22 Nov 2026 12:00:00 GMT', 'iso8601', 'timestamp-malformed'],
  ['it is a date without a time', '2026-11-22', 'iso8601', 'timestamp-malformed'],
  ['it has no time zone', '2026-11-22T12:00:00', 'iso8601', 'timestamp-malformed'],
  ['its month does not exist', '2026-13-22T12:00:00Z', 'iso8601', 'timestamp-malformed'],
] as const)('fails when %s', (_name, timestamp, unit, reason) => {
  expect(verify(timestamp, unit)).toMatchObject({ kind: 'rejected', reason });
});

test('fails when it is missing', () => {
  expect(verify(undefined, 's')).toEqual({ kind: 'rejected', reason: 'header-missing', detail: '{header.X-Time}' });
});

test('accepts exactly the times within its bounds', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), (offsetMs) => {
      const within = offsetMs >= -300_000 && offsetMs <= 60_000;
      expect(verify(`${nowMs + offsetMs}`, 'ms').kind).toBe(within ? 'verified' : 'rejected');
    }),
  );
});
