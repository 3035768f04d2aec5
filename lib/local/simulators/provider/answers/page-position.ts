import type { PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import { textOf } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import type { CommitPosition } from '../records/commit-log.ts';
import type { StoredRecord } from '../records/record-store.ts';
import { type CallMatch, pageParameter } from '../requests/call-pattern.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { type PageToken, readToken } from './page-tokens.ts';

/** Rows of a page if neither the request nor the definition has a size. */
const usualSize = 100;

/** Where a page begins. */
export type Start =
  | { readonly kind: 'offset'; readonly offset: number }
  /** After the record that has this place in the order. */
  | Extract<PageToken, { readonly kind: 'after' }>
  /** After the record for which the definition's `last` gives this. */
  | { readonly kind: 'last'; readonly value: string };

export interface AskedPage {
  readonly start: Start;
  readonly size: number;
  /** The cursor of the page, or the delta token, as the request has it. */
  readonly token?: string;
  /** When it was issued. */
  readonly issuedAtMs?: number;
  /** From where a delta token reads changes. */
  readonly from?: CommitPosition;
}

/** Whether a page is not the first one of its listing. */
export function isFollowing({ start }: AskedPage): boolean {
  return start.kind !== 'offset' || start.offset > 0;
}

/**
 * Read the page that a request asks for.
 *
 * @param isDelta - Whether `{cursor}` is a delta token.
 * @returns Why there is no such page, for the answer.
 */
export function readPage(
  page: PageSpec | undefined,
  match: CallMatch,
  request: ProviderRequest,
  isDelta = false,
): AskedPage | string {
  const asked = (name: string) => match.page[name] ?? textIn(match.bindings.get(`page.${name}`));
  const size = page === undefined ? Number.POSITIVE_INFINITY : Number(asked('size') ?? page.size ?? usualSize);
  if (page !== undefined && (!Number.isInteger(size) || size < 1)) return 'the size of the page is not a number';
  const link = request.query.find(([name]) => name === pageParameter)?.[1];
  const cursor = page?.cursor === undefined ? undefined : asked('cursor');
  const token = link ?? cursor ?? (isDelta ? textIn(match.bindings.get('cursor')) : undefined);
  if (token !== undefined) return readPageToken(token, size);
  if (page === undefined) return { start: first, size };
  const number = page.number === undefined ? undefined : asked('number');
  const offset = page.offset === undefined ? undefined : asked('offset');
  const last = page.last === undefined ? undefined : asked('last');
  if (last !== undefined) return { start: { kind: 'last', value: last }, size };
  const skipped =
    number !== undefined
      ? (Number(number) - (page.number?.start ?? 1)) * size
      : Number(offset ?? page.offset?.start ?? 0) - (page.offset?.start ?? 0);
  if (!Number.isInteger(skipped) || skipped < 0) return 'the page is not a number';
  return { start: { kind: 'offset', offset: skipped }, size };
}

const first: Start = { kind: 'offset', offset: 0 };

function readPageToken(token: string, size: number): AskedPage | string {
  const read = readToken(token);
  if (read === undefined) return 'the cursor is not one of this provider';
  const { issuedAtMs } = read;
  if (read.kind === 'delta') return { start: first, size, token, issuedAtMs, from: read.from };
  return { start: read, size, token, issuedAtMs };
}

function textIn(values: readonly unknown[] | undefined): string | undefined {
  return textOf(values?.[0]);
}

/** A cursor names the last record of a page by its place in the order, so changes of other records do not move it. */
export function placeInOrder(record: StoredRecord, order: PageSpec['order']) {
  return { key: orderKey(record, order), place: record.place };
}

function orderKey({ updatedAtMs, place }: StoredRecord, order: PageSpec['order']): number {
  if (order === 'none') return place;
  return order === 'asc' ? updatedAtMs : -updatedAtMs;
}

export interface Page {
  readonly rows: readonly StoredRecord[];
  /** Rows of the pages before it. */
  readonly before: readonly StoredRecord[];
  readonly hasMore: boolean;
  /** Records before the page. */
  readonly offset: number;
  /** Rows that the listing has given with this page. */
  readonly given: number;
  /** Of all pages. */
  readonly total: number;
  readonly size: number;
  readonly order: PageSpec['order'];
}

export interface CutOptions {
  readonly order: PageSpec['order'];
  /** Records that may have been the last one of a page. */
  readonly removed: readonly StoredRecord[];
  /** What the definition's `last` reads in a record. */
  readonly valueOf: (record: StoredRecord) => Promise<unknown>;
  /** Rows after which the listing ends, though it has more. */
  readonly most: number;
}

/** Cut a page out of the records of a listing. */
export async function cutPage(
  records: readonly StoredRecord[],
  { start, size }: AskedPage,
  { order, removed, valueOf, most }: CutOptions,
): Promise<Page> {
  const isDescending = order === 'desc';
  const sorted = [...records].sort(
    (a, b) => orderKey(a, order) - orderKey(b, order) || (isDescending ? b.place - a.place : a.place - b.place),
  );
  const offset =
    start.kind === 'offset'
      ? start.offset
      : start.kind === 'after'
        ? placeAfter(sorted, start, order)
        : await placeAfterValue(sorted, removed, start.value, order, valueOf);
  const passed = start.kind === 'after' ? start.offset : offset;
  const rows = sorted.slice(offset, offset + Math.max(0, Math.min(size, most - passed)));
  const given = passed + rows.length;
  const hasMore = offset + rows.length < sorted.length && given < most;
  return { rows, before: sorted.slice(0, offset), hasMore, offset, given, total: sorted.length, size, order };
}

/** The place of the first record behind a place in the order. */
function placeAfter(
  sorted: readonly StoredRecord[],
  { key, place }: Pick<Extract<Start, { kind: 'after' }>, 'key' | 'place'>,
  order: PageSpec['order'],
): number {
  const found = sorted.findIndex((record) => {
    const own = orderKey(record, order);
    const isLater = order === 'desc' ? record.place < place : record.place > place;
    return own > key || (own === key && isLater);
  });
  return found < 0 ? sorted.length : found;
}

async function placeAfterValue(
  sorted: readonly StoredRecord[],
  removed: readonly StoredRecord[],
  last: string,
  order: PageSpec['order'],
  valueOf: (record: StoredRecord) => Promise<unknown>,
): Promise<number> {
  let behind: number | undefined;
  for (const [place, record] of [...sorted, ...removed].entries()) {
    const value = textOf(await valueOf(record)) ?? '';
    if (value === last) return placeAfter(sorted, { key: orderKey(record, order), place: record.place }, order);
    if (behind === undefined && place < sorted.length && isBehind(value, last)) behind = place;
  }
  return behind ?? sorted.length;
}

/** Compare two times or ids: as numbers where both are. */
export function isBehind(value: string, last: string): boolean {
  if (/^\d+$/.test(value) && /^\d+$/.test(last)) return BigInt(value) > BigInt(last);
  return value > last;
}
