import { expect, test } from 'vitest';
import { parseSchedule } from '../../../../lib/local/sources/schedule-expression.ts';

const start = Date.UTC(2026, 0, 1, 0, 0, 30);

test.each([
  ['rate(1 minute)', '2026-01-01T00:00:30Z', '2026-01-01T00:01:30Z'],
  ['rate(5 minutes)', '2026-01-01T00:07:00Z', '2026-01-01T00:10:30Z'],
  ['rate(1 day)', '2026-01-02T00:00:30Z', '2026-01-03T00:00:30Z'],
  ['cron(* * * * ? *)', '2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z'],
  ['cron(0/15 * * * ? *)', '2026-01-01T00:16:00Z', '2026-01-01T00:30:00Z'],
  ['cron(0 10 * * ? *)', '2026-01-01T10:00:00Z', '2026-01-02T10:00:00Z'],
  ['cron(0 18 ? * MON-FRI *)', '2026-01-02T18:00:00Z', '2026-01-05T18:00:00Z'],
  ['cron(15,45 8-9 1 JAN,jul ? *)', '2026-01-01T09:45:00Z', '2026-07-01T08:15:00Z'],
  ['cron(0 0 L * ? *)', '2026-02-01T00:00:00Z', '2026-02-28T00:00:00Z'],
  ['cron(0 0 29 2 ? *)', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['cron(0 0 1 1 ? 2027)', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
])('%s after %s is due at %s', (expression, after, expected) => {
  expect(parseSchedule(expression, start).nextAfter(Date.parse(after))).toBe(Date.parse(expected));
});

test.each(['cron(0 0 1 1 ? 2020)', 'cron(0 0 31 2 ? *)'])('%s is never due', (expression) => {
  expect(parseSchedule(expression, start).nextAfter(start)).toBeUndefined();
});

test.each([
  'rate(0 minutes)',
  'rate(1 minutes)',
  'rate(2 minute)',
  'cron(* * * * * *)',
  'cron(* * ? * ? *)',
  'cron(60 * * * ? *)',
  'cron(5-1 * * * ? *)',
  'cron(0 0 ? * 2#1 *)',
  'cron(0 0 15W * ? *)',
  'cron(0 0 * * ?)',
  'every minute',
])('fails when the schedule is %s', (expression) => {
  expect(() => parseSchedule(expression, start)).toThrow(RangeError);
});
