import { limits } from '../../contracts/limits.ts';
import type { CanonicalEvent } from '../event/canonical-event.ts';
import { writeJson } from '../expression/json-text.ts';
import { compileExpression, runExpression } from '../expression/run-expression.ts';

export type MappedDown =
  | { readonly kind: 'data'; readonly data: CanonicalEvent['data'] }
  /** The reason never quotes the data, except for text that the mapping passes to `$error`. */
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Map a record's data to the previous major version.
 *
 * @param down - JSONata; the resource check has compiled it once, so it compiles here.
 * @param timeoutMs - Wall-clock limit. @default 2 s
 */
export async function mapDown(down: string, data: CanonicalEvent['data'], timeoutMs?: number): Promise<MappedDown> {
  const compilation = compileExpression(down, timeoutMs);
  if (compilation.kind === 'fault') return { kind: 'failed', reason: compilation.message };
  const result = await runExpression(compilation.expression, data);
  if (result.kind === 'failed') return result;
  const { value } = result;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { kind: 'failed', reason: `gave ${nameOf(value)}, expected an object` };
  const written = writeJson(value, limits.maxEventBytes);
  return written.kind === 'fault'
    ? { kind: 'failed', reason: `gave ${written.message}` }
    : { kind: 'data', data: JSON.parse(written.text) };
}

function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
