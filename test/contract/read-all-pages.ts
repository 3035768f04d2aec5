import type { Page } from '../../lambdas/ports/accounts/account-store.ts';

/** Follow a list to its end. @returns The items of each page. */
export async function readAllPages<T>(
  list: (after: string | undefined) => Promise<Page<T>>,
): Promise<readonly (readonly T[])[]> {
  const pages: (readonly T[])[] = [];
  let after: string | undefined;
  do {
    const page = await list(after);
    pages.push(page.items);
    after = page.next;
  } while (after !== undefined);
  return pages;
}
