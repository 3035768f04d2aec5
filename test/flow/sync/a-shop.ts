import type { ApiRequest } from '../../../lambdas/ports/provider/provider-api.ts';

export interface Thing {
  readonly id: number;
  readonly title: string;
  /** ISO 8601. */
  readonly changed: string;
  readonly gone?: boolean;
}

/** A shop that answers listings of its things in the order of their changes. */
export function shop(things: readonly Thing[], size = 10) {
  return ({ url }: Pick<ApiRequest, 'url'>) => {
    const { searchParams: query, pathname } = new URL(url);
    const one = /^\/v1\/things\/(\d+)$/.exec(pathname)?.[1];
    if (one !== undefined) {
      const thing = things.find(({ id, gone }) => id === Number(one) && gone !== true);
      return thing === undefined ? 404 : { body: thing };
    }
    const since = query.get('since');
    const from = (Number(query.get('page') ?? 1) - 1) * size;
    const rows = things
      .filter(({ changed, gone }) => (since === null ? gone !== true : Date.parse(changed) >= Date.parse(since)))
      .toSorted((a, b) => Date.parse(a.changed) - Date.parse(b.changed) || a.id - b.id);
    return { body: { rows: rows.slice(from, from + size) } };
  };
}

/** A time of the morning of the tests. */
export const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 11, 0, second)).toISOString();

export const thing = (id: number, second = id, title = `thing ${id}`): Thing => ({ id, title, changed: at(second) });

export const many = (count: number) => Array.from({ length: count }, (_, place) => thing(place + 1));
