/** Widths of the fields of a time format, as the transform `time` writes them. */
const fields: Readonly<Record<string, string>> = {
  yyyy: '\\d{4}',
  MM: '\\d\\d',
  dd: '\\d\\d',
  HH: '\\d\\d',
  mm: '\\d\\d',
  ss: '\\d\\d',
  SSS: '\\d{3}',
  XXX: 'Z|[+-]\\d\\d:\\d\\d',
};
const tokens = /"([^"]*)"|yyyy|MM|dd|HH|mm|ss|SSS|XXX/g;

/** The regular expression of times in a format. Its groups are named for the fields. */
export function timeFormatPattern(format: string, isNamed = false): string {
  let pattern = '';
  let end = 0;
  for (const match of format.matchAll(tokens)) {
    pattern += escapeRegex(format.slice(end, match.index));
    const [token, quoted] = match;
    const group = isNamed ? `?<${token}>` : '?:';
    pattern += quoted === undefined ? `(${group}${fields[token] ?? ''})` : escapeRegex(quoted);
    end = match.index + token.length;
  }
  return pattern + escapeRegex(format.slice(end));
}

/** Epoch milliseconds of a time in a format. A time without an offset counts as UTC. */
export function readTimeFormat(text: string, format: string): number | undefined {
  const groups = new RegExp(`^${timeFormatPattern(format, true)}$`).exec(text)?.groups;
  if (groups === undefined) return undefined;
  const { yyyy = '1970', MM = '01', dd = '01', HH = '00', mm = '00', ss = '00', SSS = '000', XXX = 'Z' } = groups;
  const ms = Date.parse(`${yyyy}-${MM}-${dd}T${HH}:${mm}:${ss}.${SSS}${XXX}`);
  return Number.isNaN(ms) ? undefined : ms;
}

export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

const isoText = /^(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d(?::\d\d)?)(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?$/;
const msDateText = /^(\/Date\()(-?\d+)([+-]\d{4})?(\)\/)$/;
/** Numbers above are milliseconds: as seconds, they would be in the year 5138. */
const mostSeconds = 1e11;
/** Numbers below are counters, not times. */
const leastSeconds = 1e8;

/** Epoch milliseconds of a value that looks like a time, whatever its form. */
export function readTime(value: unknown): number | undefined {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (/^\d{9,13}(\.\d+)?$/.test(text)) {
    const number = Number(text);
    return number < leastSeconds ? undefined : Math.round(number > mostSeconds ? number : number * 1000);
  }
  const [, , ms] = msDateText.exec(text) ?? [];
  if (ms !== undefined) return Number(ms);
  const [, day, , time = '00:00', fraction = '', offset = 'Z'] = isoText.exec(text) ?? [];
  if (day === undefined) return undefined;
  const read = Date.parse(`${day}T${time}${time.length === 5 ? ':00' : ''}${fraction}${colonInOffset(offset)}`);
  return Number.isNaN(read) ? undefined : read;
}

/**
 * Write a time in the form of another one: as number or text, with its precision and its offset.
 *
 * @returns Undefined if the example is not a time.
 */
export function writeTimeLike(example: unknown, ms: number): string | number | undefined {
  if (readTime(example) === undefined) return undefined;
  const text = String(example);
  if (/^\d+(\.\d+)?$/.test(text)) {
    const number = Number(text) > mostSeconds ? ms : Math.floor(ms / 1000);
    return typeof example === 'number' ? number : String(number);
  }
  const [, start, , zone = '', end] = msDateText.exec(text) ?? [];
  if (start !== undefined) return `${start}${ms}${zone}${end}`;
  const [, , middle, time, fraction = '', offset = ''] = isoText.exec(text) ?? [];
  const local = new Date(ms + offsetMs(offset)).toISOString();
  if (middle === undefined) return local.slice(0, 10);
  const digits = Math.max(0, fraction.length - 1);
  const written = digits === 0 ? '' : `.${local.slice(20, 23).padEnd(digits, '0').slice(0, digits)}`;
  return `${local.slice(0, 10)}${middle}${local.slice(11, time?.length === 5 ? 16 : 19)}${written}${offset}`;
}

function colonInOffset(offset: string): string {
  return /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
}

function offsetMs(offset: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(offset) ?? [];
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}
