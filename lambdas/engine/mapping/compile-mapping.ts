import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import { parseJsonExactly } from '../request/decode-body.ts';
import { readXml } from '../request/read-xml.ts';
import { LinearRegex } from './linear-regex.ts';

/** Time that an expression may take by the wall clock, asked between two nodes of it. */
const defaultTimeoutMs = 2000;
/** JSONata asks for its timeout at every node, and is told it at every few. */
const timeoutReads = 8;

/**
 * Bounds within one evaluation. They end most of what runs for too long with a message that says where. What one
 * native function does they cannot end: for that, deployed functions evaluate in a process of its own
 * (`ports/expressions.ts`).
 */
class MappingOptions implements jsonata.JsonataOptions {
  readonly stack = 200;
  readonly sequence = 100_000;
  readonly RegexEngine = LinearRegex as unknown as RegExpConstructor;
  private readonly timeoutMs: number;
  private reads = 0;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  /**
   * Where there is a timeout, JSONata reads the clock, which takes as long as many a node does. NaN is none:
   * no time is above it. A comparison reads the timeout twice, so it is told twice in a row.
   */
  get timeout(): number {
    this.reads = (this.reads + 1) % timeoutReads;
    return this.reads < 2 ? this.timeoutMs : Number.NaN;
  }
}

/** Values in what is copied: an expression can make few that are shared, and many once they are written down. */
const maxCopied = 1_000_000;
/** Characters that `$pad` makes: more is no text that anyone reads. */
const maxPadded = 1_000_000;

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
  /** JSONata's own, with a bound: `$pad("x", 100000000)` would take all memory at once. */
  pad: {
    signature: '<s-ns?:s>',
    apply: (text: string, width: number, fill?: string) => pad(text, width, fill),
  },
  /** JSONata's own runs text as an expression, which no check has seen. */
  eval: {
    signature: '<sx?:x>',
    apply: () => {
      throw failure('eval', '$eval is not available');
    },
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
 *   `regex` where a pattern needs backtracking, of code `eval` where `$eval` is used.
 */
export function compileMapping(text: string, timeoutMs = defaultTimeoutMs): jsonata.Expression {
  const expression = jsonata(text, new MappingOptions(timeoutMs));
  for (const node of nodesOf(expression.ast())) {
    if (node.value instanceof RegExp) assertLinear({ pattern: node.value, position: node.position ?? 0 });
    if (node.type === 'variable' && node.value === 'eval')
      throw Object.assign(failure('eval', '$eval is not available'), { position: node.position ?? 0, token: 'eval' });
  }
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

interface ExpressionNode {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly position?: number;
}

/** Every node of an expression's tree. */
function* nodesOf(node: unknown): Generator<ExpressionNode> {
  if (typeof node !== 'object' || node === null) return;
  yield node;
  if (node instanceof RegExp) return;
  for (const child of Object.values(node)) yield* nodesOf(child);
}

/** As JSONata's: to the right, or to the left where the width is negative. */
function pad(text: string, width: number, fill: string | undefined): string {
  if (Math.abs(width) > maxPadded) throw failure('pad', `$pad: got ${width}, expected at most ${maxPadded} characters`);
  const characters = Array.from(text);
  const missing = Math.abs(width) - characters.length;
  if (missing <= 0) return text;
  const unit = Array.from(fill === undefined || fill === '' ? ' ' : fill);
  const padding = Array.from({ length: missing }, (_, index) => unit[index % unit.length]).join('');
  return width < 0 ? padding + text : text + padding;
}

/** An error with a code, as JSONata's own have one. */
function failure(code: string, message: string): Error & { code: string } {
  return Object.assign(new Error(message), { code });
}
