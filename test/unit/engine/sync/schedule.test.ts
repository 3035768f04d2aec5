import { describe, expect, test } from 'vitest';
import {
  failurePauseMs,
  intervalOf,
  nextInterval,
  nextReconcileMs,
  nextRunMs,
} from '../../../../lambdas/engine/sync/schedule.ts';
import type { SyncTiming } from '../../../../lambdas/engine/sync/sync-job.ts';

const timing = (change: Partial<SyncTiming> = {}): SyncTiming => ({
  emit: 'records',
  snapshot: 'events',
  max_missing: 0.1,
  ...change,
});
const noon = Date.parse('2026-11-29T12:00:00Z');

describe('the next run', () => {
  test('is an interval apart, at a place of the sync of its own', () => {
    const intervalMs = intervalOf(timing({ every: '5m' }));
    const first = nextRunMs(timing(), 'acc_1#tickets', intervalMs, noon);
    expect(first).toBeGreaterThan(noon);
    expect(first).toBeLessThanOrEqual(noon + intervalMs);
    expect(nextRunMs(timing(), 'acc_1#tickets', intervalMs, first)).toBe(first + intervalMs);
    expect(nextRunMs(timing(), 'acc_1#tickets', intervalMs, first - 1)).toBe(first);
  });

  test('of a thousand syncs is spread over the interval, so that they do not come together', () => {
    const minutes = new Map<number, number>();
    for (let id = 0; id < 1_000; id += 1) {
      const minute = Math.floor((nextRunMs(timing(), `acc_${id}#x`, 600_000, noon) - noon) / 60_000);
      minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    }
    expect(Math.max(...minutes.values())).toBeLessThan(150);
    expect(minutes.size).toBeGreaterThanOrEqual(10);
  });

  test('is never less than a minute away', () => {
    expect(intervalOf(timing({ every: '1s' }))).toBe(60_000);
  });

  test.each([
    ['0 3 * * *', 'UTC', '2026-11-30T03:00:00Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-11-30T02:00:00Z'],
    ['30 9 * * 1', 'America/New_York', '2026-11-30T14:30:00Z'],
  ])('follows cron %s in %s', (cron, time_zone, expected) => {
    expect(nextRunMs(timing({ cron, time_zone }), 'any', 60_000, noon)).toBe(Date.parse(expected));
  });

  test('after the clocks change is at the same time of day', () => {
    // Berlin leaves daylight time on 25 October 2026.
    const cron = timing({ cron: '0 8 * * *', time_zone: 'Europe/Berlin' });
    expect(nextRunMs(cron, 'x', 1, Date.parse('2026-10-24T12:00:00Z'))).toBe(Date.parse('2026-10-25T07:00:00Z'));
    expect(nextRunMs(cron, 'x', 1, Date.parse('2026-10-23T12:00:00Z'))).toBe(Date.parse('2026-10-24T06:00:00Z'));
  });
});

test('a comparison of all records comes once a day by default, when its cron says, or never', () => {
  const next = nextReconcileMs(timing(), 'acc_1#tickets', noon) ?? 0;
  expect(next).toBeGreaterThan(noon);
  expect(next).toBeLessThanOrEqual(noon + 86_400_000);
  expect(nextReconcileMs(timing({ reconcile: '0 4 * * 0' }), 'x', noon)).toBe(Date.parse('2026-12-06T04:00:00Z'));
  expect(nextReconcileMs(timing({ reconcile: 'off' }), 'x', noon)).toBeUndefined();
});

test('the interval follows what changes, within its bounds', () => {
  const bound = timing({ every: '4m', between: ['1m', '10m'] });
  const after = (current: number, changed: number, isShort = false) =>
    nextInterval(bound, current, { changed, isShort }) / 60_000;
  expect(after(240_000, 0)).toBe(6);
  expect(after(600_000, 0)).toBe(10);
  expect(after(240_000, 3)).toBe(2);
  expect(after(60_000, 3)).toBe(1);
  // A quota that is nearly used up goes before news.
  expect(after(240_000, 3, true)).toBe(8);
  expect(nextInterval(timing({ every: '4m' }), 240_000, { changed: 0, isShort: false })).toBe(240_000);
});

test('the pause after failures doubles up to six hours', () => {
  expect([1, 2, 3, 20].map((failures) => failurePauseMs(failures, 0.5))).toEqual([
    60_000, 120_000, 240_000, 21_600_000,
  ]);
});
