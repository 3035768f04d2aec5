import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareRanks,
  type VersionKind,
  versionOrdinal,
  versionTimeMs,
} from '../../../../lambdas/engine/records/rank.ts';

describe('a version of kind', () => {
  test.each<[VersionKind, string, string]>([
    ['time', '2026-11-29T06:00:00Z', '2026-11-29T06:00:01Z'],
    ['time', '2026-11-29T06:00:00.000000001Z', '2026-11-29T06:00:00.000000002Z'],
    ['time', '2026-11-29T06:00:00.9Z', '2026-11-29T06:00:01Z'],
    // As text, the first would be the larger.
    ['time', '2026-11-28T23:00:00-07:00', '2026-11-28T22:30:00-08:00'],
    ['time', '2026-11-29T06:00:00+0100', '2026-11-29T06:00:00Z'],
    ['time', '2026-11-29 06:00:00', '2026-11-29 06:00:01'],
    ['epoch_s', '9', '10'],
    ['epoch_s', '1764396000', '1764396000.25'],
    ['epoch_s', '-2', '-1.5'],
    ['epoch_ms', '1764396000999', '1764396001000'],
    ['ms_date', '/Date(999)/', '/Date(1000+0000)/'],
    ['ms_date', '/Date(-1)/', '/Date(0)/'],
    ['integer', '9', '10'],
    ['integer', '-10', '-9'],
    ['integer', '99999999999999999998', '99999999999999999999'],
  ])('%s orders %s before %s', (kind, first, second) => {
    const [one, other] = [
      { version: first, atMs: 5 },
      { version: second, atMs: 5 },
    ];
    expect(compareRanks(kind, one, other)).toBe(-1);
    expect(compareRanks(kind, other, one)).toBe(1);
    expect(compareRanks(kind, one, { ...one, atMs: 9 })).toBe(0);
  });

  test.each<[VersionKind, string]>([
    ['time', 'yesterday'],
    ['time', '2026-13-40T06:00:00Z'],
    ['epoch_s', '1e9'],
    ['epoch_ms', ''],
    ['ms_date', '/Date()/'],
    ['integer', '1.5'],
    ['integer', '9'.repeat(65)],
    ['opaque', '"etag"'],
  ])('%s has no place for %s', (kind, version) => {
    expect(versionOrdinal(kind, version)).toBeUndefined();
    // Then the times decide.
    expect(compareRanks(kind, { version, atMs: 1 }, { version: `${version}x`, atMs: 2 })).toBe(-1);
    expect(compareRanks(kind, { version, atMs: 1 }, { version, atMs: 2 })).toBe(0);
  });

  test('that is a time has its milliseconds, and no other has', () => {
    expect(versionTimeMs('time', '1970-01-01T00:00:01.5+00:00')).toBe(1_500);
    expect(versionTimeMs('epoch_s', '2')).toBe(2_000);
    expect(versionTimeMs('epoch_ms', '3')).toBe(3);
    expect(versionTimeMs('ms_date', '/Date(4)/')).toBe(4);
    expect(versionTimeMs('integer', '5')).toBeUndefined();
    expect(versionTimeMs('opaque', '6')).toBeUndefined();
    expect(versionTimeMs('time', 'never')).toBeUndefined();
  });
});

test('ranks of which one has no version compare by time', () => {
  expect(compareRanks('integer', { atMs: 1 }, { version: '1', atMs: 2 })).toBe(-1);
  expect(compareRanks('integer', { version: '1', atMs: 3 }, { atMs: 2 })).toBe(1);
  expect(compareRanks('time', { atMs: 2 }, { atMs: 2 })).toBe(0);
});

test('the order of versions is total (property)', () => {
  const version = fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
    .map((date) => date.toISOString());
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      const order = (one: string, other: string) =>
        compareRanks('time', { version: one, atMs: 0 }, { version: other, atMs: 0 });
      expect(order(a, b) + order(b, a)).toBe(0);
      const isChain = order(a, b) <= 0 && order(b, c) <= 0;
      expect(!isChain || order(a, c) <= 0).toBe(true);
    }),
  );
});

test('any text compares without throwing (property)', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('/Date(1)/', '1', '2026-01-01T00:00:00Z', '0x10', '-'));
  const kind = fc.constantFrom<VersionKind>('time', 'epoch_s', 'epoch_ms', 'ms_date', 'integer', 'opaque');
  fc.assert(
    fc.property(kind, text, text, (of, one, other) => {
      const order = compareRanks(of, { version: one, atMs: 1 }, { version: other, atMs: 2 });
      expect([-1, 0, 1]).toContain(order);
    }),
  );
});
