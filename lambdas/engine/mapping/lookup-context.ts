import type jsonata from 'jsonata';
import { compileMapping } from './compile-mapping.ts';
import { contextValues } from './context-values.ts';
import type { MappingInput } from './map-request.ts';

/** A request that names more is none that a provider sends. */
const maxContexts = 1000;

/** Lookups by their text: there is one for each integration that has a URL for all accounts. */
const compiled = new Map<string, jsonata.Expression>();
const maxCompiled = 500;

/**
 * The values by which a request names whose it is, each once.
 *
 * @param text - JSONata: the definition's `context_lookup_field`.
 * @param timeoutMs - By the wall clock. @default 2 s
 * @returns Undefined where the expression failed.
 */
export async function lookupContexts(
  text: string,
  input: MappingInput,
  timeoutMs?: number,
): Promise<readonly string[] | undefined> {
  try {
    const key = `${timeoutMs ?? ''} ${text}`;
    const expression = compiled.get(key) ?? compileMapping(text, timeoutMs);
    if (compiled.size >= maxCompiled) compiled.clear();
    compiled.set(key, expression);
    const found: unknown = await expression.evaluate(input);
    return contextValues(found).slice(0, maxContexts);
  } catch {
    return undefined;
  }
}
