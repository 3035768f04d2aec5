/** The due instants of a schedule. */
export interface Schedule {
  /** First due instant after `afterMs`; undefined if there is none. */
  nextAfter(afterMs: number): number | undefined;
}

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/**
 * Read an EventBridge schedule: `rate(5 minutes)` or `cron(0 10 ? * MON-FRI *)`, in UTC.
 *
 * @param startMs - When the schedule began; rates count from there.
 * @throws {RangeError} when the expression is malformed, or uses `W` or `#`.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseSchedule(expression: string, startMs: number): Schedule {
  const rate = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression);
  if (rate !== null) return parseRate(expression, rate, startMs);
  const fields = /^cron\(([^()]+)\)$/.exec(expression)?.[1]?.trim().split(/\s+/);
  if (fields?.length === 6) return parseCron(expression, fields);
  throw new RangeError(`Schedule ${expression}: expected rate(<n> minutes|hours|days) or cron(<six fields>)`);
}

function parseRate(expression: string, [, count, unit, plural]: RegExpExecArray, startMs: number): Schedule {
  const value = Number(count);
  if (value < 1 || (value === 1) !== (plural === '')) {
    throw new RangeError(`Schedule ${expression}: expected 'rate(1 minute)' or 'rate(2 minutes)'`);
  }
  const periodMs = value * unitMs[unit as keyof typeof unitMs];
  return {
    nextAfter: (afterMs) => startMs + (Math.max(0, Math.floor((afterMs - startMs) / periodMs)) + 1) * periodMs,
  };
}

function parseCron(expression: string, fields: readonly string[]): Schedule {
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new RangeError(`Schedule ${expression}: expected '?' in exactly one of day-of-month and day-of-week`);
  }
  const read = (field: string, from: number, to: number, names: readonly string[] = [], firstName = from) =>
    parseField(expression, field, from, to, names, firstName);
  const minutes = read(minute, 0, 59);
  const hours = read(hour, 0, 23);
  const months = read(month, 1, 12, monthNames);
  const years = read(year, 1970, 2199);
  const lastDay = dayOfMonth === 'L';
  const days = dayOfMonth === '?' || lastDay ? undefined : read(dayOfMonth, 1, 31);
  const weekdays = dayOfWeek === '?' ? undefined : read(dayOfWeek.replace(/^L$/, 'SAT'), 1, 7, dayNames);

  const matchesDay = (date: Date): boolean => {
    if (!years.has(date.getUTCFullYear()) || !months.has(date.getUTCMonth() + 1)) return false;
    if (weekdays !== undefined) return weekdays.has(date.getUTCDay() + 1);
    if (days !== undefined) return days.has(date.getUTCDate());
    return new Date(date.getTime() + unitMs.day).getUTCDate() === 1;
  };
  const lastYear = Math.max(...years);
  return {
    nextAfter(afterMs) {
      const firstMs = Math.floor(afterMs / unitMs.minute) * unitMs.minute + unitMs.minute;
      for (let dayMs = Math.floor(firstMs / unitMs.day) * unitMs.day; ; dayMs += unitMs.day) {
        const date = new Date(dayMs);
        // 29 February may be eight years away; after nine years no day will match.
        if (date.getUTCFullYear() > lastYear || dayMs - firstMs > 9 * 366 * unitMs.day) return undefined;
        if (!matchesDay(date)) continue;
        for (const hourOfDay of hours) {
          for (const minuteOfHour of minutes) {
            const dueMs = dayMs + hourOfDay * unitMs.hour + minuteOfHour * unitMs.minute;
            if (dueMs >= firstMs) return dueMs;
          }
        }
      }
    },
  };
}

/** The values of one field in ascending order. */
function parseField(
  expression: string,
  field: string,
  from: number,
  to: number,
  names: readonly string[],
  firstName: number,
): ReadonlySet<number> {
  const fail = (): never => {
    throw new RangeError(
      `Schedule ${expression}: got the field '${field}', expected ${from}-${to}, lists, ranges and steps (W and # are not supported)`,
    );
  };
  const value = (text: string): number => {
    const named = names.indexOf(text.toUpperCase());
    const number = named === -1 ? Number(text) : named + firstName;
    return text !== '' && Number.isInteger(number) && number >= from && number <= to ? number : fail();
  };
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', stepText, ...more] = part.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    if (more.length > 0 || !Number.isInteger(step) || step < 1) fail();
    const [low = '', high, ...bounds] = range.split('-');
    if (bounds.length > 0) fail();
    const first = range === '*' ? from : value(low);
    const last = high !== undefined ? value(high) : range === '*' || stepText !== undefined ? to : first;
    if (last < first) fail();
    for (let next = first; next <= last; next += step) values.add(next);
  }
  return new Set([...values].sort((a, b) => a - b));
}
