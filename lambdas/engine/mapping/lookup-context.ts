import type jsonata from 'jsonata';
import { compileJsonata } from '../expression/compile-jsonata.ts';
import { contextValues } from './context-values.ts';
import type { MappingInput } from './map-request.ts';

/** No provider names more values in one request. */
const maxContexts = 1000;

/** Compiled lookups by text: one for each integration with a URL that serves all accounts. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 500;

/**
 * The distinct values by which a request names its accounts.
 *
 * @param text - JSONata: the definition's `context_lookup_field`.
 * @param timeoutMs - Wall-clock time. @default 2 s
 * @returns Undefined if the expression failed.
 */
export async function lookupContexts(
  text: string,
  input: MappingInput,
  timeoutMs?: number,
): Promise<readonly string[] | undefined> {
  try {
    const key = `${timeoutMs ?? ''} ${text}`;
    const expression = compiled.get(key) ?? compileJsonata(text, timeoutMs);
    if (compiled.size >= maxCompiled) compiled.clear();
    compiled.set(key, expression);
    const found: unknown = await expression.evaluate(input);
    return contextValues(found).slice(0, maxContexts);
  } catch {
    return undefined;
  }
}
