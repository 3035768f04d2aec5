import type { SyncStep } from './sync-schema.ts';

type Query = SyncStep['query'];

/** A value that a text of a sync's query reads. */
export const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** Whether a filter only says that the listing is of what has changed since the last run. */
export function isSinceFilter(name: string, operator: string, value: unknown): boolean {
  return (
    name === 'updated_at' &&
    (operator === 'gt' || operator === 'gte') &&
    /^\{\{\s*previous_run_date\s*\}\}$/.test(String(value))
  );
}

/** A query without the filter that asks for changes since the last run: the cursor says that. */
export function withoutSinceFilter(query: Query): Query {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, written]): readonly (readonly [string, Query[string]])[] => {
      if (typeof written !== 'object') return [[name, written]];
      const left = Object.entries(written).filter(([operator, value]) => !isSinceFilter(name, operator, value));
      return left.length === 0 ? [] : [[name, Object.fromEntries(left)]];
    }),
  );
}

interface QueryText {
  /** Within the query. */
  readonly path: readonly string[];
  readonly text: string;
}

function textsOf(query: Query): readonly QueryText[] {
  return Object.entries(query).flatMap(([filter, written]) =>
    (typeof written === 'object' ? Object.entries(written) : [['', written] as const]).flatMap(([operator, value]) =>
      typeof value === 'string' ? [{ path: operator === '' ? [filter] : [filter, operator], text: value }] : [],
    ),
  );
}

/** The names that texts of a step read. */
export function readsOf({
  query,
}: Pick<SyncStep, 'query'>): readonly { readonly path: readonly string[]; readonly name: string }[] {
  return textsOf(query).flatMap(({ path, text }) =>
    [...text.matchAll(placeholder)].map(([, name = '']) => ({ path, name })),
  );
}

/** The texts of a query, with what is left of each beside the values that it reads. */
export function withoutPlaceholders(query: Query): readonly (QueryText & { readonly rest: string })[] {
  return textsOf(query).map((one) => ({ ...one, rest: one.text.replace(placeholder, '') }));
}
