import type jsonata from 'jsonata';
import { limits } from '../../contracts/limits.ts';
import type { CanonicalEvent } from '../event/canonical-event.ts';
import { compileJsonata } from './compile-jsonata.ts';
import { type JsonText, writeJson } from './json-text.ts';

export type Compilation =
  | { readonly kind: 'compiled'; readonly expression: jsonata.Expression }
  /** The message gives the position, and quotes nothing but the expression. */
  | { readonly kind: 'fault'; readonly message: string };

export type ExpressionResult =
  /** `value` is undefined if the expression returned nothing. */
  { readonly kind: 'gave'; readonly value: unknown } | { readonly kind: 'failed'; readonly reason: string };

/** Compiled expressions by text, least recently used first. They keep no data of events. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 1000;

const bounds: Readonly<Record<string, string>> = {
  D1011: 'stack overflow',
  D1012: 'timeout',
  D2015: 'too many values',
};
/** Codes of `$error` and `$assert`, whose messages the author wrote. */
const raisedByAuthor: readonly unknown[] = ['D3137', 'D3141'];
/** Codes of the engine's own bounds, whose messages quote nothing. */
const raisedByEngine: readonly unknown[] = ['pad', 'eval', 'search'];
const maxMessageCharacters = 200;

/**
 * Compile a subscriber's JSONata with the functions and bounds of mappings, once for each text.
 *
 * @param timeoutMs - Wall-clock time of one evaluation. @default 2 s
 */
export function compileExpression(text: string, timeoutMs?: number): Compilation {
  const key = `${timeoutMs ?? ''} ${text}`;
  const known = compiled.get(key);
  if (known !== undefined) {
    compiled.delete(key);
    compiled.set(key, known);
    return { kind: 'compiled', expression: known };
  }
  try {
    const expression = compileJsonata(text, timeoutMs);
    const [oldest] = compiled.keys();
    if (compiled.size >= maxCompiled && oldest !== undefined) compiled.delete(oldest);
    compiled.set(key, expression);
    return { kind: 'compiled', expression };
  } catch (error) {
    const { code, position, message } = error as Partial<jsonata.JsonataError>;
    // Without a JSONata code, the parser ran out of stack.
    if (typeof code !== 'string') return { kind: 'fault', message: 'nested too deeply' };
    return {
      kind: 'fault',
      message: `at character ${position ?? 0}: ${(message ?? code).slice(0, maxMessageCharacters)}`,
    };
  }
}

/**
 * Evaluate an expression over an event, or the data of one.
 *
 * JSONata marks arrays of its input: `items[]` leaves a property behind that changes the result of a later expression.
 * So it gets a copy, and one subscription's expression cannot affect what another receives.
 */
export async function runExpression(expression: jsonata.Expression, input: object): Promise<ExpressionResult> {
  try {
    return { kind: 'gave', value: await expression.evaluate(structuredClone(input)) };
  } catch (error) {
    return { kind: 'failed', reason: describeFailure(error) };
  }
}

/** Result of a filter. A filter that fails leaves the event undecided. */
export type Verdict =
  | { readonly kind: 'wanted' }
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'undecided'; readonly reason: string };

/** Run a filter over an event. */
export async function judgeEvent(filter: string, event: CanonicalEvent, timeoutMs?: number): Promise<Verdict> {
  const result = await evaluate(filter, event, timeoutMs);
  if (result.kind === 'failed') return { kind: 'undecided', reason: `filter failed: ${result.reason}` };
  return { kind: isTrue(result.value) ? 'wanted' : 'unwanted' };
}

/** Result of a transform, as JSON. */
export type Transformed = Extract<JsonText, { kind: 'text' }> | { readonly kind: 'failed'; readonly reason: string };

/** Run a transform over an event, and write its result. */
export async function transformEvent(
  transform: string,
  event: CanonicalEvent,
  timeoutMs?: number,
): Promise<Transformed> {
  const result = await evaluate(transform, event, timeoutMs);
  if (result.kind === 'failed') return { kind: 'failed', reason: `transform failed: ${result.reason}` };
  if (result.value === undefined) return { kind: 'failed', reason: 'transform returned nothing' };
  const written = writeJson(result.value, limits.maxEventBytes);
  return written.kind === 'fault' ? { kind: 'failed', reason: `transform returned ${written.message}` } : written;
}

async function evaluate(text: string, event: CanonicalEvent, timeoutMs: number | undefined): Promise<ExpressionResult> {
  const compilation = compileExpression(text, timeoutMs);
  if (compilation.kind === 'fault') return { kind: 'failed', reason: compilation.message };
  return runExpression(compilation.expression, event);
}

/** Truth in JSONata: any value except false, null, 0 and empty values; a list is true if one of its items is. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

/** Where and how an expression failed. JSONata's own messages quote values, which may be private. */
function describeFailure(error: unknown): string {
  const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
  if (typeof code !== 'string') return 'the expression threw';
  if (raisedByAuthor.includes(code) || raisedByEngine.includes(code))
    return (message ?? code).slice(0, maxMessageCharacters);
  const meaning = bounds[code] === undefined ? '' : ` (${bounds[code]})`;
  return `JSONata ${code}${meaning}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`;
}
