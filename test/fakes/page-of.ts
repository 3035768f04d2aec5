import type { Page } from '../../lambdas/ports/accounts/account-store.ts';

/** One page of a list sorted by key; `next` is the key of the page's last item. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  limit: number,
  after: string | undefined,
  order: 'rising' | 'falling' = 'rising',
): Page<T> {
  const isBefore = (a: string, b: string) => (order === 'rising' ? a < b : a > b);
  const rest = [...all]
    .sort((a, b) => (isBefore(keyOf(a), keyOf(b)) ? -1 : 1))
    .filter((item) => after === undefined || isBefore(after, keyOf(item)));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items: structuredClone(items),
    next: rest.length > limit && last !== undefined ? keyOf(last) : undefined,
  };
}
