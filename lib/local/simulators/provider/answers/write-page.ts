import { evaluate, isTrue } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import type { PageSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import { type Place, pathsIn, placeOf, textsIn } from '../expressions/expression-place.ts';
import { searchMembers } from '../expressions/search-members.ts';
import type { CallFaults } from '../faults/call-faults.ts';
import { bindingsOf } from '../records/record-templates.ts';
import { pageParameter } from '../requests/call-pattern.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import { type Page, placeInOrder } from './page-position.ts';
import { type DeltaRange, writeToken } from './page-tokens.ts';
import { type ProviderAnswer, writePlace } from './provider-answer.ts';

/** What a page needs besides its rows. */
export interface PageInput {
  readonly page: Page;
  readonly request: ProviderRequest;
  /** Of the API, for links; undefined where links are relative. */
  readonly origin: string | undefined;
  readonly context: Readonly<Record<string, unknown>>;
  /** Of the call and its filters. */
  readonly listing: string;
  readonly issuedAtMs: number;
  readonly delta?: DeltaRange;
}

/** Write into an answer whether another page follows, and where, in the places that the definition reads. */
export async function writePage(
  spec: PageSpec,
  answer: ProviderAnswer,
  input: PageInput,
  call: CallFaults,
): Promise<ProviderAnswer> {
  const { page } = input;
  const token = tokenOf(input);
  const link = token === undefined ? undefined : linkOf(input, token);
  const write = (into: ProviderAnswer, text: string, value: unknown): ProviderAnswer => {
    const place = placeOf(text)?.place;
    // A cursor that is a member of the last row is there on the last page, too.
    const isOfRow = place?.kind === 'member' && place.path.includes(-1);
    return place === undefined || (isOfRow && value === undefined)
      ? into
      : writePlace(into, place, emptyAs(place, value));
  };
  let written = withTotals(answer, page, page.total);
  if (spec.next !== undefined) written = write(written, spec.next, link);
  if (spec.link !== undefined && link !== undefined)
    written = { ...written, headers: { ...written.headers, link: `<${link}>; rel="next"` } };
  if (spec.cursor !== undefined) written = write(written, spec.cursor.from, token);
  if (spec.number?.last !== undefined)
    written = write(written, spec.number.last, Math.max(1, Math.ceil(page.total / page.size)));
  if (spec.more !== undefined) written = await writeTruth(written, spec.more, page.hasMore, input);
  if (spec.end !== undefined) written = await writeTruth(written, spec.end, !page.hasMore, input);
  if (!call.comes('wrong-totals', call.faults.wrongTotalPercent)) return written;
  const total = wrongTotal(page, call);
  if (spec.number?.last !== undefined)
    written = write(written, spec.number.last, Math.max(1, Math.ceil(total / page.size)));
  return withTotals(written, page, total);
}

function tokenOf({ page, listing, issuedAtMs, delta }: PageInput): string | undefined {
  const last = page.rows.at(-1);
  if (!page.hasMore || last === undefined) return undefined;
  const { key, place } = placeInOrder(last, page.order);
  const common = { kind: 'after', key, place, offset: page.given, listing, issuedAtMs } as const;
  return writeToken(delta === undefined ? common : { ...common, delta });
}

/** Too small or too large, by at most two pages. */
function wrongTotal({ total, size }: Page, call: CallFaults): number {
  const most = Number.isFinite(size) ? 2 * size : 10;
  const difference = 1 + Math.floor(call.draw('wrong total') * most);
  return call.draw('too small') < 0.5 ? Math.max(0, total - difference) : total + difference;
}

/** Names of members that hold the records, or the pages, of all of a listing. */
const totalName = /^(grand_?)?total$|^total_?(count|results|records|items|rows|size|elements)$|^record_?count$/i;
const pagesName = /^total_?pages$|^(num|page)_?(count|pages)$|^pages?_?total$|^last_?page$/i;

/** Write the total into the envelope. Lists hold rows, whose own totals stay. */
function withTotals(answer: ProviderAnswer, { size }: Page, total: number): ProviderAnswer {
  const pages = Number.isFinite(size) ? Math.max(1, Math.ceil(total / size)) : 1;
  const visit = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || depth > 2) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => {
        if (typeof member !== 'number') return [name, visit(member, depth + 1)];
        return [name, totalName.test(name) ? total : pagesName.test(name) ? pages : member];
      }),
    );
  };
  return { ...answer, body: visit(answer.body, 0) };
}

/** The value on the last page: null, or undefined to remove a header or the item of a list. */
function emptyAs(place: Place, value: unknown): unknown {
  const isInItem = place.kind === 'header' || place.path.some((step) => typeof step === 'object');
  return value === undefined && !isInItem ? null : value;
}

/** The URL of the next page: the URL of this page, with a token. */
/** The URL of a request, with a token in the place of the one that it had. */
export function linkOf({ request, origin }: Pick<PageInput, 'request' | 'origin'>, token: string): string {
  const query = new URLSearchParams();
  for (const [name, value] of request.query) if (name !== pageParameter) query.append(name, value);
  query.set(pageParameter, token);
  return `${origin ?? ''}${request.path}?${query.toString()}`;
}

/** Make an expression true or false. If it computes its value, search for members that do. */
async function writeTruth(
  answer: ProviderAnswer,
  text: string,
  truth: boolean,
  { page, context }: PageInput,
): Promise<ProviderAnswer> {
  const place = placeOf(text)?.place;
  if (place !== undefined) return writePlace(answer, place, truth);
  if (typeof answer.body === 'string') return answer;
  const bindings = { ...bindingsOf(context), headers: answer.headers };
  const count = page.rows.length;
  const body = await searchMembers({
    base: answer.body,
    paths: pathsIn(text).filter((path) => !path.some((step) => isRowPath(answer.body, step))),
    pool: [truth, !truth, page.total, page.offset, count, 0, 1000, 'more', undefined, ...textsIn(text)],
    isRight: async (candidate) => isTrue(await evaluate(text, candidate, bindings).catch(() => !truth)) === truth,
  });
  return body === undefined ? answer : { ...answer, body };
}

/** Whether a member holds the rows, which a search must not change. */
function isRowPath(body: unknown, step: string): boolean {
  const members = body as Readonly<Record<string, unknown>> | undefined;
  return Array.isArray(members?.[step]);
}
