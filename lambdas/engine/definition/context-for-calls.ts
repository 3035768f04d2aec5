import type { Definition } from './schema.ts';

/** The context as calls read it: with defaults, and with the declared names in the place of older ones. */
export function contextForCalls(
  { context: declared = {} }: Pick<Definition, 'context'>,
  context: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const filled: Record<string, unknown> = { ...context };
  for (const [name, said] of Object.entries(declared)) {
    if (typeof said === 'string' || filled[name] !== undefined) continue;
    const value = (said.alias === undefined ? undefined : context[said.alias]) ?? said.default;
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

/** A context in which a value has its name, and its older one: requests are routed by either. */
export function withAliases(
  { context: declared = {} }: Pick<Definition, 'context'>,
  context: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const filled: Record<string, unknown> = { ...context };
  for (const [name, said] of Object.entries(declared)) {
    if (typeof said === 'string' || said.alias === undefined) continue;
    const value = context[name] ?? context[said.alias];
    if (value !== undefined) Object.assign(filled, { [name]: value, [said.alias]: value });
  }
  return filled;
}
