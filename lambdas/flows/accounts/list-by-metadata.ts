import type { Page } from '../../ports/accounts/account-store.ts';

interface Listed {
  readonly id: string;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Rows per read, and reads per call; a call with few matches may return a short page. */
const readTogether = 100;
const maxReads = 20;

/**
 * A page of the list entries that have all given metadata pairs. The cursor is the id of the last entry, or of the last
 * row that was read, so the next page skips nothing and repeats nothing.
 *
 * @param list - Its cursors are ids: it can continue after any id that it returned.
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
