import { expect, test } from 'vitest';
import { fromZone, zonedTime } from '../../../../lambdas/engine/request/zoned-time.ts';

test.each([
  ['2026-01-15 12:00:00', 'America/New_York', '2026-01-15T17:00:00.000Z'],
  ['2026-07-15T12:00', 'America/New_York', '2026-07-15T16:00:00.000Z'],
  ['2026-07-15 12:00:00.25', 'Asia/Kolkata', '2026-07-15T06:30:00.250Z'],
  // Summer time begins: there is no half past two, and half past three follows half past one.
  ['2026-03-29 01:30:00', 'Europe/Stockholm', '2026-03-29T00:30:00.000Z'],
  ['2026-03-29 03:30:00', 'Europe/Stockholm', '2026-03-29T01:30:00.000Z'],
  // Summer time ends: half past two comes twice, and the first counts.
  ['2026-10-25 02:30:00', 'Europe/Stockholm', '2026-10-25T00:30:00.000Z'],
  ['2026-10-25 03:30:00', 'Europe/Stockholm', '2026-10-25T02:30:00.000Z'],
  ['2026-07-15T12:00:00+02:00', 'America/New_York', '2026-07-15T10:00:00.000Z'],
  ['2026-07-15T12:00:00Z', 'America/New_York', '2026-07-15T12:00:00.000Z'],
])('%s in %s is %s', (text, zone, utc) => {
  expect(fromZone(text, zone)).toBe(utc);
});

test.each([
  ['yesterday', 'UTC'],
  ['2026-13-01', 'UTC'],
  ['2026-07-15 12:00', 'Mars/Olympus'],
  ['', 'UTC'],
])('%j in %s is no time', (text, zone) => {
  expect(fromZone(text, zone)).toBeUndefined();
});

test('what is written in a zone is read as the same time, but for the hour that comes twice', () => {
  for (let ms = Date.parse('2026-10-24T00:00:00Z'); ms < Date.parse('2026-10-27T00:00:00Z'); ms += 1_200_000) {
    const read = Date.parse(
      fromZone(zonedTime(ms, 'yyyy-MM-dd HH:mm:ss', 'Europe/Stockholm') ?? '', 'Europe/Stockholm') ?? '',
    );
    expect([ms, ms - 3_600_000]).toContain(read);
  }
});
