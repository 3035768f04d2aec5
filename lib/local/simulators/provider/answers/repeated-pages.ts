import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { type AskedPage, type Page, placeInOrder } from './page-position.ts';
import type { ProviderAnswer } from './provider-answer.ts';

/** Remembers pages, to answer a following one with the page before it. */
export interface RememberedPages {
  /** The answer of the page before; undefined where it is not known. */
  before(listing: string, asked: AskedPage): ProviderAnswer | undefined;
  remember(listing: string, given: GivenPage, answer: ProviderAnswer): void;
}

interface GivenPage {
  readonly asked: AskedPage;
  readonly page: Page;
  /** What the definition's `last` reads in the last row. */
  readonly last: unknown;
}

/** Pages that are remembered; a listing asks for the next one soon. */
const maxPages = 200;

export function createRememberedPages(): RememberedPages {
  const pages = new Map<string, ProviderAnswer>();
  return {
    before: (listing, { start, size }) => {
      if (start.kind === 'after') return pages.get(`${listing} after ${start.key} ${start.place}`);
      return pages.get(start.kind === 'last' ? `${listing} last ${start.value}` : `${listing} ${start.offset} ${size}`);
    },
    remember(listing, { asked, page, last }, answer) {
      const row = page.rows.at(-1);
      if (!page.hasMore || row === undefined) return;
      const { start, size } = asked;
      const lastText = textOf(last);
      const keys = [
        `${listing} after ${orderOf(page, row)}`,
        ...(lastText === undefined ? [] : [`${listing} last ${lastText}`]),
        ...(start.kind === 'offset' ? [`${listing} ${start.offset + size} ${size}`] : []),
      ];
      for (const key of keys) {
        pages.delete(key);
        pages.set(key, answer);
      }
      for (const key of pages.keys()) {
        if (pages.size <= maxPages) break;
        pages.delete(key);
      }
    },
  };
}

function orderOf(page: Page, row: Page['rows'][number]): string {
  const { key, place } = placeInOrder(row, page.order);
  return `${key} ${place}`;
}
