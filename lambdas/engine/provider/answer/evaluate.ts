import type jsonata from 'jsonata';
import { compileJsonata } from '../../expression/compile-jsonata.ts';
import { toExpression } from '../language/words.ts';

/** What expressions read besides their input: `$header(name)`, `$status`, `$context`. */
export interface Bindings {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly context: Readonly<Record<string, unknown>>;
}

/** An expression of the definition that failed. */
export class ExpressionFault extends Error {}

const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 1_000;

/** Evaluate an expression of a definition. @throws {ExpressionFault} with its code and place, and no value. */
export async function evaluate(
  text: string,
  input: unknown,
  { status, headers, context }: Bindings,
  timeoutMs?: number,
) {
  const key = `${timeoutMs ?? ''} ${text}`;
  let expression = compiled.get(key);
  if (expression === undefined) {
    expression = compileJsonata(toExpression(text), timeoutMs);
    if (compiled.size >= maxCompiled) compiled.clear();
    compiled.set(key, expression);
  }
  const header = (name: string) =>
    Object.hasOwn(headers, name.toLowerCase()) ? headers[name.toLowerCase()] : undefined;
  try {
    const value: unknown = await expression.evaluate(input, { status, header, context });
    return value;
  } catch (error) {
    const { code, position, token, message } = error as Partial<jsonata.JsonataError>;
    // The author of the definition wrote the message of $error.
    if (code === 'D3137') throw new ExpressionFault(message ?? code);
    throw new ExpressionFault(
      `JSONata ${code ?? 'failed'}${token === undefined ? '' : ` in "${token}"`} at character ${position ?? 0}`,
    );
  }
}

/** Truth as JSONata has it. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}
