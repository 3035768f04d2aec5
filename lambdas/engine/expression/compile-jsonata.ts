import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import { parseJsonExactly } from '../request/decode-body.ts';
import { readXml } from '../request/read-xml.ts';
import { fromZone } from '../request/zoned-time.ts';
import { LinearRegex } from './linear-regex.ts';

/** Wall-clock time for an expression; JSONata checks it between two nodes. */
const defaultTimeoutMs = 2000;
/** JSONata reads its timeout at every node; it gets one every eight reads. */
const timeoutReads = 8;

/**
 * Bounds within one evaluation. They stop most expressions that run too long, with a message that says where. They
 * cannot stop a native function that is running: for that, deployed functions evaluate in a child process
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
   * With a timeout, JSONata reads the clock at each node, which costs as much as many a node. NaN switches the check
   * off, because no time is greater. One check reads the timeout twice, so two reads in a row return it.
   */
  get timeout(): number {
    this.reads = (this.reads + 1) % timeoutReads;
    return this.reads < 2 ? this.timeoutMs : Number.NaN;
  }
}

/** Values in one copy. An expression can build a small value whose shared parts multiply when they are copied. */
const maxCopied = 1_000_000;
/** Characters that `$pad` may return. */
const maxPadded = 1_000_000;

/**
 * Functions that mappings have in addition to JSONata's own, or instead of them. They cannot reach the process, the
 * network or a prototype, and return the same result for the same arguments.
 */
const functions: Readonly<
  Record<string, { readonly signature: string; readonly apply: (...args: never[]) => unknown }>
> = {
  /** `$mapValues(value, map, lower?, default?)`: looks a value (or each value of a list) up in the map, else returns the default, else the value. */
  mapValues: {
    signature: '<xob?x?:x>',
    apply: (value: unknown, map: Record<string, unknown>, lower?: boolean, fallback?: unknown) =>
      Array.isArray(value)
        ? value.map((one) => mapValue(one, map, lower, fallback))
        : mapValue(value, map, lower, fallback),
  },
  /** As JSONata's, but bounded: `$pad("x", 100000000)` would exhaust memory. */
  pad: {
    signature: '<s-ns?:s>',
    apply: (text: string, width: number, fill?: string) => pad(text, width, fill),
  },
  /** Disabled: JSONata's own runs text as an expression that no check has seen. */
  eval: {
    signature: '<sx?:x>',
    apply: () => {
      throw failure('eval', '$eval is not available');
    },
  },
  /** `|…|…|` calls it first. JSONata's own rounds numbers to 15 digits. */
  clone: { signature: '<(oa)-:o>', apply: (value: unknown) => copyExactly(value, { left: maxCopied }) },
  /** Hexadecimal SHA-256 of a text. */
  sha256: { signature: '<s:s>', apply: (text: string) => createHash('sha256').update(text).digest('hex') },
  /** Parses JSON in a text; returns nothing if it is invalid. */
  parseJson: { signature: '<s:x>', apply: (text: string) => orNothing(() => parseJsonExactly(text)) },
  /** Fields of a form-encoded text. */
  parseForm: { signature: '<s:o>', apply: (text: string) => Object.fromEntries(new URLSearchParams(text)) },
  /** Parses XML in a text as `decode: xml` does; returns nothing if it is invalid. */
  parseXml: { signature: '<s:x>', apply: (text: string) => orNothing(() => readXml(text)) },
  /** `$fromZone(text, zone)`: a time without an offset, of a time zone such as `Europe/Stockholm`, as ISO 8601 in UTC. */
  fromZone: {
    signature: '<xx:x>',
    apply: (text: unknown, zone: unknown) => timeFromZone(text, zone),
  },
};

/**
 * Compile JSONata with the functions, bounds and regular expressions of mappings.
 *
 * @throws {jsonata.JsonataError} when the text is not JSONata, with the position of the fault.
 * @throws {Error} with code `regex` when a pattern needs backtracking, and with code `eval` when the text uses `$eval`.
 */
export function compileJsonata(text: string, timeoutMs = defaultTimeoutMs): jsonata.Expression {
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

/** Whether a value is a function or a regular expression, which JSONata represents as objects. */
function isPrivate(value: object): boolean {
  return '_jsonata_function' in value || '_jsonata_lambda' in value || value instanceof RegExp;
}

function mapValue(value: unknown, map: Record<string, unknown>, lower?: boolean, fallback?: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return fallback ?? value;
  const name = lower === true ? String(value).toLowerCase() : String(value);
  return Object.hasOwn(map, name) ? map[name] : (fallback ?? value);
}

/** Nothing for a value that is no time, as of a row without one. A zone that does not exist would give wrong times. */
function timeFromZone(text: unknown, zone: unknown): string | undefined {
  if (typeof zone !== 'string' || fromZone('2000-01-01', zone) === undefined)
    throw failure('fromZone', '$fromZone got no time zone that exists, expected one such as Europe/Stockholm');
  return typeof text === 'string' ? fromZone(text, zone) : undefined;
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
    const message = `the pattern ${pattern} needs backtracking (look-around, back-reference), which mappings do not support`;
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

/** Pad as JSONata does: on the right, or on the left if the width is negative. */
function pad(text: string, width: number, fill: string | undefined): string {
  if (Math.abs(width) > maxPadded) throw failure('pad', `$pad: got ${width}, expected at most ${maxPadded} characters`);
  const characters = Array.from(text);
  const missing = Math.abs(width) - characters.length;
  if (missing <= 0) return text;
  const unit = Array.from(fill === undefined || fill === '' ? ' ' : fill);
  const padding = Array.from({ length: missing }, (_, index) => unit[index % unit.length]).join('');
  return width < 0 ? padding + text : text + padding;
}

/** An error with a code, like JSONata's own errors. */
function failure(code: string, message: string): Error & { code: string } {
  return Object.assign(new Error(message), { code });
}
