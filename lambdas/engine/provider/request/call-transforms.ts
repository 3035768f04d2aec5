import { createHash } from 'node:crypto';
import { isoSeconds, zonedTime } from '../../request/zoned-time.ts';

/** A step of a placeholder in a call: `epoch_s`, `join(',')`. */
export interface CallTransform {
  readonly name: CallTransformName;
  readonly arguments: readonly string[];
}

interface Known {
  /** Descriptions of the arguments, for messages. */
  readonly takes: readonly string[];
  /** How many arguments may be left out at the end. @default 0 */
  readonly optional?: number;
  /** Whether the result may stand within a query language without quotes. @default false */
  readonly isSafe?: true;
  /** @returns Undefined where the value has not the form that the transform reads. */
  readonly apply: (value: unknown, args: readonly string[]) => unknown;
}

/** Of a list, each text. */
const onText =
  (apply: (text: string, args: readonly string[]) => unknown): Known['apply'] =>
  (value, args) => {
    if (Array.isArray(value)) {
      const texts = listOf(value)?.map((text) => apply(text, args));
      return texts === undefined || texts.includes(undefined) ? undefined : texts;
    }
    const text = textOf(value);
    return text === undefined ? undefined : apply(text, args);
  };

const onTime =
  (apply: (ms: number, args: readonly string[]) => unknown): Known['apply'] =>
  (value, args) => {
    const ms = timeOf(value);
    return ms === undefined ? undefined : apply(ms, args);
  };

/** How a query language writes a text. */
const quotes = {
  /** @see https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm */
  soql: (text: string) => `'${escaped(text, /[\\']/g)}'`,
  suiteql: (text: string) => `'${text.replaceAll("'", "''")}'`,
  jql: (text: string) => `"${escaped(text, /[\\"]/g)}"`,
  intuit: (text: string) => `'${escaped(text, /[\\']/g)}'`,
  shopify: (text: string) => `'${escaped(text, /[\\']/g)}'`,
  odata: (text: string) => `'${text.replaceAll("'", "''")}'`,
  graphql: (text: string) => JSON.stringify(text),
} as const;

/** The transforms of calls by name. */
export const callTransforms = {
  lower: { takes: [], apply: onText((text) => text.toLowerCase()) },
  upper: { takes: [], apply: onText((text) => text.toUpperCase()) },
  trim: { takes: [], apply: onText((text) => text.trim()) },
  /** Stands for a value that is unset, also for the empty text. */
  default: { takes: ['a text'], apply: (value, [text = '']) => value ?? text },
  append: { takes: ['a text'], apply: onText((text, [end = '']) => text + end) },
  prepend: { takes: ['a text'], apply: onText((text, [start = '']) => start + text) },
  replace: {
    takes: ['a text', 'its replacement'],
    apply: onText((text, [from = '', to = '']) => text.replaceAll(from, to)),
  },
  /** A part of a text between separators: `part('/', 1)`. */
  part: {
    takes: ['a separator', 'the number of the part, from 0'],
    apply: onText((text, [separator = '', number = '0']) => text.split(separator)[Number(number)]),
  },
  base64_encode: { takes: [], isSafe: true, apply: onText((text) => Buffer.from(text).toString('base64')) },
  base64_decode: { takes: [], apply: onText((text) => Buffer.from(text, 'base64').toString()) },
  url_encode: { takes: [], isSafe: true, apply: onText((text) => encodeURIComponent(text)) },
  sha256: { takes: [], isSafe: true, apply: onText((text) => createHash('sha256').update(text).digest('hex')) },
  number: {
    takes: [],
    isSafe: true,
    apply: onText((text) => (/^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : undefined)),
  },
  text: { takes: [], apply: (value) => textOf(value) ?? JSON.stringify(value) },
  join: {
    takes: ['a separator'],
    apply: (value, [separator = '']) => listOf(value)?.join(separator),
  },
  /** Of a list, an object for each text: `wrap(id)` gives `{ "id": … }`. */
  wrap: {
    takes: ['the name of a member'],
    apply: (value, [name = '']) =>
      Array.isArray(value) ? listOf(value)?.map((text) => ({ [name]: text })) : { [name]: value },
  },
  quote: {
    takes: [`one of ${Object.keys(quotes).join(', ')}`],
    isSafe: true,
    apply: onText((text, [language = '']) => quotes[language as keyof typeof quotes](text)),
  },
  epoch_s: { takes: [], isSafe: true, apply: onTime((ms) => Math.floor(ms / 1000)) },
  epoch_ms: { takes: [], isSafe: true, apply: onTime((ms) => ms) },
  iso: { takes: [], isSafe: true, apply: onTime((ms) => new Date(ms).toISOString()) },
  iso_s: { takes: [], isSafe: true, apply: onTime((ms) => isoSeconds(ms)) },
  date: { takes: [], isSafe: true, apply: onTime((ms) => new Date(ms).toISOString().slice(0, 10)) },
  http_date: { takes: [], apply: onTime((ms) => new Date(ms).toUTCString()) },
  time: {
    takes: ["a format such as 'yyyy-MM-dd HH:mm:ss'", 'a time zone'],
    optional: 1,
    isSafe: true,
    apply: onTime((ms, [format = '', zone = 'UTC']) => zonedTime(ms, format, zone)),
  },
  /** Goes back in time, for an exclusive bound that must include its second: `earlier(1s)`. */
  earlier: {
    takes: ['a duration such as 1s or 5m'],
    apply: onTime((ms, [by = '']) => {
      const duration = durationMs(by);
      // Providers refuse times before the epoch.
      return duration === undefined ? undefined : new Date(Math.max(0, ms - duration)).toISOString();
    }),
  },
} as const satisfies Record<string, Known>;

export type CallTransformName = keyof typeof callTransforms;

/** Whether a value that has passed these transforms may stand in a text of a query language. */
export function isSafeInQuery(transforms: readonly CallTransform[]): boolean {
  return transforms.some(({ name }) => (callTransforms[name] as Known).isSafe === true);
}

/** Parse `name` or `name(argument, 'another')`. @returns A fault's message if it is not a transform. */
export function parseCallTransform(written: string): CallTransform | string {
  const [, name = '', inner] = /^([a-z0-9_]+)(?:\((.*)\))?$/s.exec(written) ?? [];
  if (!Object.hasOwn(callTransforms, name))
    return `got the transform "${written}", expected one of ${Object.keys(callTransforms).join(', ')}`;
  const { takes, optional = 0 }: Known = callTransforms[name as CallTransformName];
  const args = inner === undefined ? [] : readArguments(inner);
  if (args === undefined || args.length > takes.length || args.length < takes.length - optional)
    return takes.length === 0
      ? `got "${written}", but ${name} takes no argument`
      : `got "${written}", expected ${name}(…) with ${takes.join(' and ')}`;
  const fault = argumentFault(name as CallTransformName, args);
  return fault === undefined ? { name: name as CallTransformName, arguments: args } : `got "${written}", ${fault}`;
}

function argumentFault(name: CallTransformName, [first = '', second]: readonly string[]): string | undefined {
  if (name === 'quote' && !Object.hasOwn(quotes, first)) return `expected ${callTransforms.quote.takes[0]}`;
  if (name === 'earlier' && durationMs(first) === undefined) return `expected ${callTransforms.earlier.takes[0]}`;
  if (name === 'part' && !/^\d{1,3}$/.test(second ?? '')) return `expected ${callTransforms.part.takes[1]}`;
  if (name === 'time' && second !== undefined && !second.startsWith('context.') && !isZone(second))
    return 'expected a time zone such as Europe/Berlin, or context.<name>';
  return undefined;
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Arguments between commas; one in single quotes may hold commas and spaces. */
function readArguments(inner: string): readonly string[] | undefined {
  const args: string[] = [];
  const pattern = /\s*(?:'([^']*)'|([^,']*?))\s*(?:,|$)/gy;
  while (pattern.lastIndex < inner.length) {
    const found = pattern.exec(inner);
    if (found === null) return undefined;
    args.push(found[1] ?? found[2] ?? '');
  }
  return inner.endsWith(',') && !/'\s*,$/.test(inner) ? [...args, ''] : args;
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `90s`, `5m` or `30d`; undefined if the text is not one. */
export function durationMs(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(count) * durationUnits[unit as keyof typeof durationUnits];
}

/** The text of a scalar; undefined for null, lists and objects. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

function listOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const texts = value.map(textOf);
  return texts.some((text) => text === undefined) ? undefined : (texts as readonly string[]);
}

/** Epoch milliseconds of ISO text, or of a number that already is that. */
function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return undefined;
  // Text without a zone is in UTC, as everywhere in the engine.
  const hasTime = value.length > 10;
  const ms = Date.parse(!hasTime || /(Z|[+-]\d\d:?\d\d)$/i.test(value) ? value : `${value.replace(' ', 'T')}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

function escaped(text: string, characters: RegExp): string {
  return text.replace(characters, (character) => `\\${character}`);
}
