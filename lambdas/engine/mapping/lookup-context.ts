import type jsonata from 'jsonata';
import type { Definition } from '../definition/schema.ts';
import { compileMapping } from './compile-mapping.ts';
import type { MappingInput } from './map-request.ts';

/** How requests of the URL for all accounts find theirs. */
export interface PreparedRouting {
  readonly expression: jsonata.Expression;
  readonly accountContext: string;
}

/** A request that names more is none that a provider sends. */
const maxContexts = 1000;
const maxContextCharacters = 512;

export function prepareRouting(routing: NonNullable<Definition['routing']>): PreparedRouting {
  return { expression: compileMapping(routing.context_lookup_field), accountContext: routing.account_context };
}

/**
 * The values by which a request names whose it is, each once.
 *
 * @returns Undefined where the expression failed.
 */
export async function lookupContexts(
  routing: PreparedRouting,
  input: MappingInput,
): Promise<readonly string[] | undefined> {
  try {
    const found: unknown = await routing.expression.evaluate(input);
    return contextValues(found).slice(0, maxContexts);
  } catch {
    return undefined;
  }
}

/** The values that an account, or a request, has for a context: one, or a list; text or numbers, as text. */
export function contextValues(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = list.flatMap((one) => (typeof one === 'string' || typeof one === 'number' ? [String(one)] : []));
  return [...new Set(texts)].filter((text) => text !== '' && text.length <= maxContextCharacters);
}
