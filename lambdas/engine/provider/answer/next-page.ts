import LinkHeader from 'http-link-header';
import type { PageSpec } from '../language/call-schema.ts';
import type { PagePosition } from '../request/page-position.ts';
import type { ProviderAnswerText } from './answer-plan.ts';
import { type Bindings, ExpressionFault, evaluate, isTrue } from './evaluate.ts';

/**
 * The position of the page after this one; undefined on the last page.
 *
 * @param count - Records of this page, before any is left out.
 * @param last - Its last record.
 */
export async function nextPage(
  page: PageSpec,
  position: PagePosition,
  { headers, url }: ProviderAnswerText,
  body: unknown,
  { count, last }: { readonly count: number; readonly last: unknown },
  bindings: Bindings,
  timeoutMs?: number,
): Promise<PagePosition | undefined> {
  const read = (text: string, input: unknown = body) => evaluate(text, input, bindings, timeoutMs);
  if (page.end !== undefined && isTrue(await read(page.end))) return undefined;
  if (page.more !== undefined && !isTrue(await read(page.more))) return undefined;
  const told = (next: PagePosition | undefined): PagePosition | undefined => {
    if (next === undefined && page.more !== undefined)
      throw new ExpressionFault('another page follows (`more`), and the answer does not say where');
    return next;
  };
  if (page.next !== undefined) return told(toUrl(await read(page.next), url));
  if (page.link !== undefined) return told(toUrl(linkOf(headers['link']), url));
  if (page.cursor !== undefined) return told(toCursor(await read(page.cursor.from)));
  const isEnded = page.more === undefined && page.end === undefined && isShort(page, count);
  if (page.number !== undefined) {
    const number = position.kind === 'number' ? position.number : page.number.start;
    const total = page.number.last === undefined ? undefined : await read(page.number.last);
    // A total may be wrong: a full page is followed by another, and an empty one by none.
    const isTold = total !== undefined && number - page.number.start + 1 >= Number(total) && !isFull(page, count);
    const isLast = total === undefined ? isEnded || count === 0 : isTold || count === 0;
    return isLast ? undefined : { kind: 'number', number: number + 1 };
  }
  if (page.offset !== undefined) {
    const offset = position.kind === 'offset' ? position.offset : page.offset.start;
    return isEnded || count === 0 ? undefined : { kind: 'offset', offset: offset + count };
  }
  if (page.last === undefined || isEnded || count === 0) return undefined;
  const from = await read(page.last.from, last);
  return isName(from) ? { kind: 'last', last: from } : undefined;
}

function isFull({ size }: PageSpec, count: number): boolean {
  return size !== undefined && count >= size;
}

function isShort({ size }: PageSpec, count: number): boolean {
  return size !== undefined && count < size;
}

function isName(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '');
}

/** Providers give texts and numbers, and some the values of the last record as an object or a list. */
function toCursor(value: unknown): PagePosition | undefined {
  if (isName(value)) return { kind: 'cursor', cursor: value };
  if (typeof value !== 'object' || value === null) return undefined;
  return { kind: 'cursor', cursor: JSON.parse(JSON.stringify(value)) as object };
}

function toUrl(value: unknown, from: string): PagePosition | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return { kind: 'url', url: URL.canParse(value, from) ? new URL(value, from).href : value };
}

function linkOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    return LinkHeader.parse(header).rel('next')[0]?.uri;
  } catch {
    return undefined;
  }
}
