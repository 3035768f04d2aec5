import type { Page } from '../../ports/accounts/account-store.ts';

interface Listed {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Rows of one read, and reads of one call: a call for what is rare ends with a short page. */
const readTogether = 100;
const maxReads = 20;

/**
 * A page of a list, of what has all of the given pairs. Its cursor is the id of its last entry, or of the last row that
 * was looked at, so the next page misses nothing and repeats nothing.
 *
 * @param list - Its positions are ids: it can go on after any id that it gave.
 */
export async function listByMetadata<Item extends Listed>(
  list: (limit: number, after: string | undefined) => Promise<Page<Item>>,
  { limit, metadata }: { readonly limit: number; readonly metadata?: Readonly<Record<string, string>> | undefined },
  after: string | undefined,
): Promise<Page<Item>> {
  const wanted = Object.entries(metadata ?? {});
  if (wanted.length === 0) return list(limit, after);
  const items: Item[] = [];
  let next = after;
  for (let read = 0; read < maxReads; read += 1) {
    const page = await list(readTogether, next);
    const found = page.items.filter(({ metadata: pairs = {} }) =>
      wanted.every(([name, value]) => pairs[name] === value),
    );
    items.push(...found);
    if (items.length > limit) return { items: items.slice(0, limit), next: items[limit - 1]?.id };
    next = page.next;
    if (next === undefined || items.length === limit) break;
  }
  return { items, next };
}
