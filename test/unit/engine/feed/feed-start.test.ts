import { expect, test } from 'vitest';
import { parseFeedStart } from '../../../../lambdas/engine/feed/feed-start.ts';

const at = (iso: string) => ({ kind: 'time', timeMs: Date.parse(iso) });

test.each([
  ['now', { kind: 'now' }],
  ['beginning', { kind: 'beginning' }],
  ['0', { kind: 'sequence', sequence: 0 }],
  ['4211', { kind: 'sequence', sequence: 4211 }],
  ['2026', { kind: 'sequence', sequence: 2026 }],
  ['2026-11-21', at('2026-11-21T00:00:00.000Z')],
  ['2026-11-21T12:00', at('2026-11-21T12:00:00.000Z')],
  ['2026-11-21T12:00:00', at('2026-11-21T12:00:00.000Z')],
  ['2026-11-21T12:00:00.5Z', at('2026-11-21T12:00:00.500Z')],
  ['2026-11-21T12:00:00.123456789Z', at('2026-11-21T12:00:00.123Z')],
  ['2026-11-21T13:00:00+01:00', at('2026-11-21T12:00:00.000Z')],
])('accepts %s', (text, start) => {
  expect(parseFeedStart(text)).toEqual(start);
});

test.each([
  '',
  'NOW',
  'yesterday',
  '-1',
  '1.5',
  '1e3',
  '1234567890123456',
  '2026-13-01',
  '2026-11-21T25:00:00Z',
  '2026-11-21 12:00:00Z',
  '2026-11-21T12:00:00 01:00',
  'Sat, 21 Nov 2026 12:00:00 GMT',
])('fails when a start is "%s"', (text) => {
  expect(parseFeedStart(text)).toBeUndefined();
});
