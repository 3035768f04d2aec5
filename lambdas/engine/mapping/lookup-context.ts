import type jsonata from 'jsonata';
import type { Definition } from '../definition/schema.ts';
import { compileMapping } from './compile-mapping.ts';
import { contextValues } from './context-values.ts';
import type { MappingInput } from './map-request.ts';

export { contextValues } from './context-values.ts';

/** How requests of the URL for all accounts find theirs. */
export interface PreparedRouting {
  readonly expression: jsonata.Expression;
  readonly accountContext: string;
}

/** A request that names more is none that a provider sends. */
const maxContexts = 1000;

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
