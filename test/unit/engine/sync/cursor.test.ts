import { describe, expect, test } from 'vitest';
import type { CursorSpec } from '../../../../lambdas/engine/provider/language/cursor-schema.ts';
import {
  edgeOf,
  hasExpired,
  laterOf,
  nextValue,
  planCursor,
  rowMark,
  sinceOf,
} from '../../../../lambdas/engine/sync/cursor.ts';

const planOf = (change: Partial<CursorSpec> = {}, form: Parameters<typeof planCursor>[1] = 'time') =>
  planCursor({ kind: 'time', url: false, bound: 'inclusive', settle: '0s', ...change }, form);
const ms = (text: string) => Date.parse(text);

describe('where a run begins', () => {
  test.each([
    [
      'the text of the provider, whatever its precision',
      planOf(),
      '2026-11-29T12:00:00.123456789Z',
      '2026-11-29T12:00:00.123456789Z',
    ],
    ['with its offset', planOf(), '2026-11-29T12:00:00+01:00', '2026-11-29T12:00:00+01:00'],
    ['earlier by the lag', planOf({ lag: '2m' }), '2026-11-29T12:00:00Z', '2026-11-29T11:58:00.000Z'],
    [
      'earlier by the lookback, which may be longer',
      planOf({ lag: '1m', lookback: '10m' }),
      '2026-11-29T12:00:00Z',
      '2026-11-29T11:50:00.000Z',
    ],
    [
      'before its own second, which the provider leaves out',
      planOf({ bound: 'exclusive', precision: '1s' }),
      '2026-11-29T12:00:00Z',
      '2026-11-29T11:59:59.000Z',
    ],
    ['of seconds', planOf({}, 'epoch_s'), '1796040000', '2026-11-30T12:00:00.000Z'],
    ['of milliseconds', planOf({}, 'epoch_ms'), '1796040000123', '2026-11-30T12:00:00.123Z'],
    ["of .NET's dates", planOf({}, 'ms_date'), '/Date(1796040000123+0000)/', '2026-11-30T12:00:00.123Z'],
    ['never before the epoch', planOf({ lag: '1h' }), '1970-01-01T00:00:01Z', '1970-01-01T00:00:00.000Z'],
    ['at the epoch, where the text is no time', planOf(), 'soon', '1970-01-01T00:00:00.000Z'],
  ])('%s', (_, plan, value, expected) => {
    expect(sinceOf(plan, value)).toBe(expected);
  });
});

describe('where the next run goes on', () => {
  const server = ms('2026-11-29T12:00:00Z');
  test.each([
    ['at the last change', planOf(), '2026-11-29T10:00:00Z', '2026-11-29T11:00:00Z', '2026-11-29T11:00:00Z'],
    ['where it was, if nothing changed', planOf(), '2026-11-29T10:00:00Z', undefined, '2026-11-29T10:00:00Z'],
    ['never earlier', planOf(), '2026-11-29T10:00:00Z', '2026-11-29T09:00:00Z', '2026-11-29T10:00:00Z'],
    ["not beyond the server's clock", planOf(), undefined, '2026-11-29T12:00:07Z', '2026-11-29T12:00:00.000Z'],
    [
      'behind the clock by the settle delay',
      planOf({ settle: '1m' }),
      undefined,
      '2026-11-29T11:59:30Z',
      '2026-11-29T11:59:00.000Z',
    ],
    ['in the form of the provider', planOf({ settle: '1m' }, 'epoch_s'), '1', '1795953599', '1795953540'],
    [
      'at half of what the provider keeps',
      planOf({ retention: '4d' }),
      '2026-11-20T00:00:00Z',
      undefined,
      '2026-11-27T12:00:00.000Z',
    ],
  ])('%s', (_, plan, before, top, expected) => {
    expect(nextValue(plan, before, top, server)).toBe(expected);
  });

  test('times in other zones and precisions are compared as instants', () => {
    expect(laterOf(planOf(), '2026-11-29T12:00:00+01:00', '2026-11-29T11:30:00Z')).toBe('2026-11-29T11:30:00Z');
    expect(laterOf(planOf(), '2026-11-29T12:00:00.0000002Z', '2026-11-29T12:00:00.0000001Z')).toBe(
      '2026-11-29T12:00:00.0000002Z',
    );
  });

  test('ids are compared as numbers', () => {
    const plan = planOf({ kind: 'id' });
    expect(laterOf(plan, '9', '10')).toBe('10');
    expect(laterOf(plan, '90071992547409931', '90071992547409930')).toBe('90071992547409931');
  });
});

describe('what the next run knows', () => {
  const row = { id: '1', version: '2', cursor: '2026-11-29T11:00:00Z', isAbsent: false, data: { a: 1 } };

  test('a row with other content has another mark, though its time is the same', () => {
    expect(rowMark(row)).toBe(rowMark({ ...row }));
    for (const other of [
      { ...row, data: { a: 2 } },
      { ...row, isAbsent: true },
      { ...row, version: '3' },
      { ...row, id: '2' },
    ])
      expect(rowMark(other)).not.toBe(rowMark(row));
  });

  test('a row that does not say when it changed is never known', () => {
    const { cursor: _, ...silent } = row;
    expect(rowMark(silent)).toBeUndefined();
  });

  test('is bounded, and reaches back as far as the next run reads', () => {
    const value = '2026-11-29T11:00:00Z';
    const at = (secondsBefore: number) => ({ mark: `m${secondsBefore}`, atMs: ms(value) - secondsBefore * 1_000 });
    expect(edgeOf(planOf({ lag: '1m' }), value, [at(0), at(30), at(90)])).toEqual(['m0', 'm30']);
    expect(
      edgeOf(
        planOf(),
        value,
        Array.from({ length: 3_000 }, (_, place) => ({ mark: `m${place}`, atMs: ms(value) })),
      ),
    ).toHaveLength(1_000);
  });
});

test('a cursor expires a little before the provider forgets', () => {
  const stored = { value: '2026-11-01T00:00:00Z', readAtMs: 0, edge: [] };
  const plan = planOf({ retention: '30d' });
  expect(hasExpired(plan, stored, ms('2026-11-27T00:00:00Z'))).toBe(false);
  expect(hasExpired(plan, stored, ms('2026-11-29T00:00:00Z'))).toBe(true);
  expect(hasExpired(planOf(), stored, ms('2030-01-01T00:00:00Z'))).toBe(false);
});
