import type { CallSpec } from '../language/call-schema.ts';
import { parseCallTemplate, placeholdersIn } from './call-template.ts';
import type { CallSource } from './call-values.ts';

/** The filters that a call offers, as `<name>.<operator>`: those that its templates or its `where` read. */
export function filtersOf(spec: CallSpec): readonly string[] {
  const fromWhere = Object.keys(spec.where ?? {}).map((name) => (name.includes('.') ? name : `${name}.eq`));
  return [...new Set([...fromWhere, ...filtersIn(spec)])].sort();
}

/** Whether a call reads a filter. */
export function callReads(spec: CallSpec, name: string, operator: string): boolean {
  return filtersOf(spec).includes(`${name}.${operator}`);
}

/** The filters without which a call cannot be made, as `<name>.<operator>`. */
export function neededFilters(spec: CallSpec): readonly string[] {
  const { where: _, ...always } = spec as CallSpec & { readonly where?: unknown };
  return [...new Set(filtersIn(always, true))];
}

/**
 * Whether a template of a call reads a source, such as `since`.
 *
 * @param onlyNeeded - Whether the call cannot be made without it. @default false
 */
export function readsSource(spec: object, source: CallSource, onlyNeeded = false): boolean {
  return [...textsIn(spec)].some((text) => {
    const parsed = text.includes('{') ? parseCallTemplate(text) : undefined;
    return (
      parsed?.kind === 'template' &&
      placeholdersIn(parsed.template).some(({ root, isOptional }) => root === source && !(onlyNeeded && isOptional))
    );
  });
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner);
}

function* filtersIn(value: unknown, onlyNeeded = false): Generator<string> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* filtersIn(inner, onlyNeeded);
    return;
  }
  const parsed = typeof value === 'string' && value.includes('{') ? parseCallTemplate(value) : undefined;
  if (parsed?.kind !== 'template') return;
  for (const { root, path, isOptional } of placeholdersIn(parsed.template))
    if (root === 'filter' && !(onlyNeeded && isOptional)) yield path.join('.');
}
