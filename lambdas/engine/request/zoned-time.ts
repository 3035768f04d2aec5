/** ISO 8601 without a fraction: `2026-11-29T12:00:00Z`. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Write a time as a provider expects it.
 *
 * @param format - Of `yyyy`, `MM`, `dd`, `HH`, `mm`, `ss`, `SSS` and `XXX` (the offset); text in double quotes and all
 *   other characters stay as they are.
 * @returns Undefined if the zone does not exist.
 */
export function zonedTime(ms: number, format: string, zone: string): string | undefined {
  const parts = partsOf(ms, zone);
  if (parts === undefined) return undefined;
  return format.replace(/"([^"]*)"|yyyy|MM|dd|HH|mm|ss|SSS|XXX/g, (token, quoted?: string) =>
    quoted === undefined ? (parts[token as keyof typeof parts] ?? token) : quoted,
  );
}

/**
 * Read a time that is written without an offset: `2026-11-29 13:00:00`, `2026-11-29T13:00`, or a day.
 *
 * @returns ISO 8601 in UTC. Of the hour that comes twice when summer time ends it takes the first, so that a cursor never
 *   runs ahead. Undefined if the text is no time, or the zone does not exist. A text with an offset keeps it.
 */
export function fromZone(text: string, zone: string): string | undefined {
  const trimmed = text.trim();
  const local = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(\.\d{1,9})?)?)?$/.exec(trimmed);
  if (local === null) {
    const ms = /([zZ]|[+-]\d\d:?\d\d)$/.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
    return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
  }
  const [, day = '', time = '00:00', seconds = '00', fraction = ''] = local;
  const wallMs = Date.parse(`${day}T${time}:${seconds}${fraction.slice(0, 4)}Z`);
  if (Number.isNaN(wallMs)) return undefined;
  const offsets = [wallMs - 86_400_000, wallMs + 86_400_000].map((ms) => offsetMs(ms, zone));
  if (offsets.includes(undefined)) return undefined;
  // Where the offset changes within these days, one of them fits; the larger one gives the earlier time.
  const fitting = (offsets as number[]).filter((offset) => offsetMs(wallMs - offset, zone) === offset);
  const offset = Math.max(...(fitting.length > 0 ? fitting : (offsets as number[])));
  return new Date(wallMs - offset).toISOString();
}

function offsetMs(ms: number, zone: string): number | undefined {
  const parts = partsOf(ms, zone);
  if (parts === undefined) return undefined;
  const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] =
    /^([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(parts.XXX) ?? [];
  return (sign === '-' ? -1 : 1) * ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
}

function partsOf(ms: number, zone: string) {
  try {
    let formatter = formats.get(zone);
    if (formatter === undefined) {
      formatter = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        timeZoneName: 'longOffset',
      });
      if (formats.size > 100) formats.clear();
      formats.set(zone, formatter);
    }
    const found = Object.fromEntries(formatter.formatToParts(ms).map(({ type, value }) => [type, value]));
    const offset = (found['timeZoneName'] ?? '').replace(/^GMT/, '');
    return {
      yyyy: (found['year'] ?? '').padStart(4, '0'),
      MM: found['month'],
      dd: found['day'],
      HH: found['hour'],
      mm: found['minute'],
      ss: found['second'],
      SSS: String(((ms % 1000) + 1000) % 1000).padStart(3, '0'),
      XXX: offset === '' ? 'Z' : offset,
    };
  } catch {
    return undefined;
  }
}
