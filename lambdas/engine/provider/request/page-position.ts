import type { PageSpec } from '../language/call-schema.ts';

/** Where a page of a listing begins. JSON, so that a run can stop and go on, and a cursor can carry it. */
export type PagePosition =
  | { readonly kind: 'first' }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'cursor'; readonly cursor: string | number | object }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'last'; readonly last: string | number };

/** What `{page.…}` reads at a position. */
export function pageValues(page: PageSpec | undefined, position: PagePosition): Readonly<Record<string, unknown>> {
  return {
    number: position.kind === 'number' ? position.number : page?.number?.start,
    offset: position.kind === 'offset' ? position.offset : page?.offset?.start,
    size: page?.size,
    cursor: position.kind === 'cursor' ? position.cursor : undefined,
    last: position.kind === 'last' ? position.last : undefined,
  };
}

/** What a position puts into the request, by target such as `query.page`. */
export function pageTargets(
  page: PageSpec | undefined,
  position: PagePosition,
): readonly (readonly [target: string, value: string | number | object])[] {
  if (page === undefined || position.kind === 'url') return [];
  const values = pageValues(page, position);
  const pairs = [
    [page.number?.to, values['number']],
    [page.offset?.to, values['offset']],
    [page.cursor?.to, values['cursor']],
    [page.last?.to, values['last']],
    [page.size_to, page.size],
  ] as const;
  return pairs.flatMap(([target, value]) =>
    target === undefined || value === undefined ? [] : [[target, value as string | number | object] as const],
  );
}
