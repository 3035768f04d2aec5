import type { DeclaredCall } from '../../../../../lambdas/engine/definition/calls-of.ts';
import { contextForCalls } from '../../../../../lambdas/engine/definition/context-for-calls.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import {
  type CallPlaceholder,
  parseCallTemplate,
  placeholdersIn,
} from '../../../../../lambdas/engine/provider/request/call-template.ts';
import type { CallValues } from '../../../../../lambdas/engine/provider/request/call-values.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
import { valueAt, withValueAt } from '../expressions/expression-place.ts';

/** Values with which a call can be made: those of an exchange of the call, else invented ones. */
export function inventedValues(
  definition: Definition,
  { method, resource, spec }: DeclaredCall,
  exchanges: readonly Exchanges[],
  context: Readonly<Record<string, unknown>>,
  ids: readonly string[],
): { readonly values: CallValues; readonly baseUrl: string | undefined } {
  const shown = exchanges.find((one) => one.method === method && one.resource === resource);
  const given: CallValues = {
    context: contextForCalls(definition, { ...context, ...shown?.account.context }),
    id: shown?.id ?? ids[0] ?? 'x1',
    ids: shown?.ids ?? (ids.length === 0 ? ['x1'] : ids),
    since: shown?.since ?? '2026-11-20T09:30:00.000Z',
    until: '2026-11-21T09:30:00.000Z',
    address: shown?.address ?? {},
    filter: shown?.filter ?? {},
    body: shown?.body ?? {},
  };
  const needed = [...placeholdersOf([definition.api?.base_url, definition.api?.headers, definition.api?.query, spec])];
  const values = needed.reduce<unknown>((made, { root, path, isOptional, transforms }) => {
    const isSettled = root === 'page' || root === 'where' || root === 'value' || isOptional;
    if (isSettled || transforms.some(({ name }) => name === 'default') || valueAt(made, [root, ...path]) !== undefined)
      return made;
    // A text that every transform takes.
    const isNumber = transforms.some(({ name }) => name === 'number');
    const isTime = transforms.some(({ name }) => /^(epoch|iso|date|time|http_date|earlier)/.test(name));
    const text = isTime ? '2026-11-20T09:30:00.000Z' : isNumber ? '71' : 'x1';
    return withValueAt(made, [root, ...path], text);
  }, given);
  return { values: values as CallValues, baseUrl: shown?.account.base_url };
}

/** The placeholders of every template within a value. */
function* placeholdersOf(value: unknown): Generator<CallPlaceholder> {
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      // Expressions over answers, and the texts of queries, are no templates.
      if (['records', 'record', 'expect', 'graphql', 'page', 'where'].includes(name)) continue;
      yield* placeholdersOf(inner);
    }
    return;
  }
  const parsed = typeof value === 'string' && value.includes('{') ? parseCallTemplate(value) : undefined;
  if (parsed?.kind === 'template') yield* placeholdersIn(parsed.template);
}
