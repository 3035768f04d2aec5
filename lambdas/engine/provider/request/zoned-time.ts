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
