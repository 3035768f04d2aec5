import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import { parseJsonExactly } from '../verification/decode-body.ts';
import { readXml } from '../verification/read-xml.ts';
import { LinearRegex } from './linear-regex.ts';

const mappingTimeoutMs = 2000;
/** JSONata asks for its timeout at every node, and is told it at every few. */
const timeoutReads = 8;

/** Bounds of one mapping: a definition is data, and data must not be able to hang a function. */
class MappingOptions implements jsonata.JsonataOptions {
  readonly stack = 200;
  readonly sequence = 100_000;
  readonly RegexEngine = LinearRegex as unknown as RegExpConstructor;
  private reads = 0;

  /**
   * Where there is a timeout, JSONata reads the clock, which takes as long as many a node does. NaN is none:
   * no time is above it. A comparison reads the timeout twice, so it is told twice in a row.
   */
  get timeout(): number {
    this.reads = (this.reads + 1) % timeoutReads;
    return this.reads < 2 ? mappingTimeoutMs : Number.NaN;
  }
}

/** Values in what is copied: an expression can make few that are shared, and many once they are written down. */
const maxCopied = 1_000_000;

/**
 * The functions that mappings have beside JSONata's own, or in place of them. None reaches the process, the network or a
 * prototype; each gives the same for the same arguments.
 */
const functions: Readonly<
  Record<string, { readonly signature: string; readonly apply: (...args: never[]) => unknown }>
> = {
  /** `$mapValues(value, map, lower?, default?)`: the map's value for a value (for each, of a list), else the default, else the value itself. */
  mapValues: {
    signature: '<xob?x?:x>',
    apply: (value: unknown, map: Record<string, unknown>, lower?: boolean, fallback?: unknown) =>
      Array.isArray(value)
        ? value.map((one) => mapValue(one, map, lower, fallback))
        : mapValue(value, map, lower, fallback),
  },
  /** JSONata's own, with which `|…|…|` begins, rounds numbers to 15 digits. */
  clone: { signature: '<(oa)-:o>', apply: (value: unknown) => copyExactly(value, { left: maxCopied }) },
  /** Hexadecimal SHA-256 of a text. */
  sha256: { signature: '<s:s>', apply: (text: string) => createHash('sha256').update(text).digest('hex') },
  /** JSON within a text; nothing where it is none. */
  parseJson: { signature: '<s:x>', apply: (text: string) => orNothing(() => parseJsonExactly(text)) },
  /** A form's fields, of a text. */
  parseForm: { signature: '<s:o>', apply: (text: string) => Object.fromEntries(new URLSearchParams(text)) },
  /** XML within a text, as `decode: xml` reads it; nothing where it is none. */
  parseXml: { signature: '<s:x>', apply: (text: string) => orNothing(() => readXml(text)) },
};

/**
 * Compile JSONata with the functions, the bounds and the regular expressions of mappings.
 *
 * @throws {jsonata.JsonataError} where the text is no JSONata, with its position; an error of code
 *   `regex` where a pattern needs backtracking.
 */
export function compileMapping(text: string): jsonata.Expression {
  const expression = jsonata(text, new MappingOptions());
  for (const pattern of patternsOf(expression.ast())) assertLinear(pattern);
  for (const [name, { apply, signature }] of Object.entries(functions))
    expression.registerFunction(name, apply as (...args: unknown[]) => unknown, signature);
  return expression;
}

function copyExactly(value: unknown, bound: { left: number }): unknown {
  bound.left -= 1;
  if (bound.left < 0) throw Object.assign(new Error('too many values'), { code: 'D2015' });
  if (Array.isArray(value)) return value.map((item) => copyExactly(item, bound));
  if (typeof value !== 'object' || value === null || isPrivate(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyExactly(member, bound)]));
}

/** Functions of JSONata's are objects, and so are regular expressions. */
function isPrivate(value: object): boolean {
  return '_jsonata_function' in value || '_jsonata_lambda' in value || value instanceof RegExp;
}

function mapValue(value: unknown, map: Record<string, unknown>, lower?: boolean, fallback?: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return fallback ?? value;
  const name = lower === true ? String(value).toLowerCase() : String(value);
  return Object.hasOwn(map, name) ? map[name] : (fallback ?? value);
}

function orNothing(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function assertLinear({ pattern, position }: { pattern: RegExp; position: number }): void {
  try {
    new LinearRegex(pattern);
  } catch {
    const message = `the pattern ${pattern} needs backtracking (look-around, back-reference), which mappings do not have`;
    throw Object.assign(new Error(message), { code: 'regex', position, token: pattern.source });
  }
}

/** Every regular expression of an expression's tree. */
function* patternsOf(node: unknown): Generator<{ pattern: RegExp; position: number }> {
  if (typeof node !== 'object' || node === null) return;
  const { value, position } = node as { readonly value?: unknown; readonly position?: number };
  if (value instanceof RegExp) {
    yield { pattern: value, position: position ?? 0 };
    return;
  }
  for (const child of Object.values(node)) yield* patternsOf(child);
}
