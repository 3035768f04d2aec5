import type jsonata from 'jsonata';
import { compileMapping } from '../mapping/compile-mapping.ts';

export type Compilation =
  | { readonly kind: 'compiled'; readonly expression: jsonata.Expression }
  /** The message quotes the expression only, and says at which character. */
  | { readonly kind: 'fault'; readonly message: string };

export type ExpressionResult =
  /** `value` is undefined where the expression gave nothing. */
  { readonly kind: 'gave'; readonly value: unknown } | { readonly kind: 'failed'; readonly reason: string };

/** Compiled expressions by their text, the one used longest ago first. They hold nothing of the events that they saw. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 1000;

const bounds: Readonly<Record<string, string>> = {
  D1011: 'stack overflow',
  D1012: 'timeout',
  D2015: 'too many values',
};
/** Codes of `$error` and `$assert`, whose messages are the author's own words. */
const raisedByAuthor: readonly unknown[] = ['D3137', 'D3141'];
const maxMessageCharacters = 200;

/** Compile a subscriber's JSONata, with the functions and the bounds of mappings; each text once. */
export function compileExpression(text: string): Compilation {
  const known = compiled.get(text);
  if (known !== undefined) {
    compiled.delete(text);
    compiled.set(text, known);
    return { kind: 'compiled', expression: known };
  }
  try {
    const expression = compileMapping(text);
    const [oldest] = compiled.keys();
    if (compiled.size >= maxCompiled && oldest !== undefined) compiled.delete(oldest);
    compiled.set(text, expression);
    return { kind: 'compiled', expression };
  } catch (error) {
    const { code, position, message } = error as Partial<jsonata.JsonataError>;
    // No code of JSONata's: its parser ran out of stack.
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
 * JSONata marks arrays of its input (`items[]` leaves a property behind that changes what a later expression
 * gives), so it gets a copy: one subscription's expression must not touch what another is sent.
 */
export async function runExpression(expression: jsonata.Expression, input: object): Promise<ExpressionResult> {
  try {
    return { kind: 'gave', value: await expression.evaluate(structuredClone(input)) };
  } catch (error) {
    return { kind: 'failed', reason: describeFailure(error) };
  }
}

/** Where and how an expression failed. JSONata's own messages quote the values at fault, which may be ones to hide. */
function describeFailure(error: unknown): string {
  const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
  if (typeof code !== 'string') return 'the expression threw';
  if (raisedByAuthor.includes(code)) return (message ?? code).slice(0, maxMessageCharacters);
  const meaning = bounds[code] === undefined ? '' : ` (${bounds[code]})`;
  return `JSONata ${code}${meaning}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`;
}
