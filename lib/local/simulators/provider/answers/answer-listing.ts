import { createHash } from 'node:crypto';
import { evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import type { CallFaults } from '../faults/call-faults.ts';
import type { StoredRecord } from '../records/record-store.ts';
import { bindingsOf } from '../records/record-templates.ts';
import type { ChosenCall } from '../requests/choose-call.ts';
import type { ProviderRequest } from '../requests/provider-request.ts';
import type { AnswerWorld } from './answer-world.ts';
import { conditionalAnswer, type Validators } from './conditional-answer.ts';
import { type Listed, listedRecords } from './listed-records.ts';
import type { Listing, ListingSpec } from './listing.ts';
import { withMissingFields } from './missing-fields.ts';
import { driftBeforePage } from './page-drift.ts';
import { type AskedPage, cutPage, isFollowing, type Page, readPage } from './page-position.ts';
import { errorAnswer, type ProviderAnswer } from './provider-answer.ts';
import { writeCursor } from './write-cursor.ts';
import { writePage } from './write-page.ts';

/** Answer a page of `list`, `changes` or `deletions`. */
export async function answerListing(
  world: AnswerWorld,
  chosen: ChosenCall,
  request: ProviderRequest,
  call: CallFaults,
): Promise<ProviderAnswer> {
  const { served, match } = chosen;
  const spec = served.pattern.call.spec as ListingSpec;
  const cursor = 'cursor' in spec ? spec.cursor : undefined;
  const asked = readPage(spec.page, match, request, cursor?.kind === 'token');
  if (typeof asked === 'string') return errorAnswer(400, 'invalid_page', asked);
  if (hasExpired(asked, world, call)) return served.expired;
  const key = asked.start.kind === 'after' ? asked.start.listing : keyOf(chosen);
  const { start } = asked;
  const to = { atMs: world.nowMs(), serial: world.lastSerial() };
  const delta = cursor?.kind !== 'token' ? undefined : start.kind === 'after' ? start.delta : { from: asked.from, to };
  const listing: Listing = { world, chosen, request, spec, asked, key, delta };
  const repeated = isFollowing(asked) ? world.pages.before(key, asked) : undefined;
  if (repeated !== undefined && call.comes('repeated-pages', call.faults.repeatedPagePercent)) return repeated;
  const found = await pageOf(listing, call);
  if (found === undefined) return errorAnswer(400, 'invalid_query', 'the conditions of the query cannot be read');
  const conditional = isFollowing(asked) ? undefined : conditionalAnswer(listing, found.listed);
  if (conditional?.kind === 'unchanged') return conditional.answer;
  const answer = withHeaders(await writeAnswer(listing, found.page, call), conditional);
  const last = await lastValue(listing, found.page);
  if (call.faults.repeatedPagePercent > 0) world.pages.remember(key, { ...listing, ...found, last }, answer);
  return answer;
}

/** A cursor has ended by its age, or by a fault. */
function hasExpired({ token, issuedAtMs, from }: AskedPage, world: AnswerWorld, call: CallFaults): boolean {
  if (token === undefined) return false;
  const { cursorLifeMs, expiredCursorPercent, expiredPagePercent } = call.faults;
  const isOld = cursorLifeMs !== undefined && world.nowMs() - (issuedAtMs ?? 0) > cursorLifeMs;
  return call.comes(
    'expiring-tokens',
    isOld ? 100 : from === undefined ? expiredPagePercent : expiredCursorPercent,
    'expired cursor',
  );
}

/** The filters of a listing; not the page, nor who asks. */
function keyOf({ served, match }: ChosenCall): string {
  const filters = [...match.bindings]
    .filter(([source]) => !/^(page|credential)\./.test(source))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([served.pattern.name, filters]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}

/** Cut the page. Before a following one, the provider itself may change a record. */
async function pageOf(listing: Listing, call: CallFaults): Promise<{ listed: Listed; page: Page } | undefined> {
  const { asked, chosen } = listing;
  const listed = await listedRecords(listing);
  if (listed === undefined) return undefined;
  const page = await cut(listing, listed, call);
  const isOfRecords = chosen.served.pattern.call.method !== 'deletions';
  if (!isFollowing(asked) || !isOfRecords || !call.comes('page-drift', call.faults.driftPercent))
    return { listed, page };
  await driftBeforePage(listing, page, call);
  const after = await listedRecords(listing);
  return after && { listed: after, page: await cut(listing, after, call) };
}

function cut(listing: Listing, { records, gone }: Listed, call: CallFaults): Promise<Page> {
  const { spec, asked } = listing;
  const { cappedRows } = call.faults;
  const capped = cappedRows === 'declared' ? spec.cap : cappedRows;
  const most = capped ?? Number.POSITIVE_INFINITY;
  if (records.length > most) call.comes('capped-results', 100);
  const order = spec.page?.order ?? 'none';
  return cutPage(records, asked, { order, removed: gone, valueOf: (record) => valueOf(listing, record), most });
}

/** What `page.last` reads in a record. A row of deletions is not the record, and has its id elsewhere. */
async function valueOf({ spec, world, chosen }: Listing, { raw, id }: StoredRecord): Promise<unknown> {
  const from = spec.page?.last?.from;
  if (chosen.served.pattern.call.method === 'deletions' && 'id' in spec && from === spec.id) return id;
  return from === undefined ? undefined : evaluate(from, raw, bindingsOf(world.context)).catch(() => undefined);
}

async function lastValue(listing: Listing, { rows }: Page): Promise<unknown> {
  const last = rows.at(-1);
  return last === undefined ? undefined : valueOf(listing, last);
}

async function writeAnswer(listing: Listing, page: Page, call: CallFaults): Promise<ProviderAnswer> {
  const { world, chosen, spec, request, key, delta } = listing;
  const rows = await Promise.all(page.rows.map((record) => withMissingFields(world, chosen, record, call)));
  const answer = await chosen.served.shape.withRecords(rows);
  world.counts.countRows(chosen.served.pattern.name, rows.length);
  const issuedAtMs = world.nowMs();
  const { origin, context } = world;
  const input = { page, request, origin, context, listing: key, issuedAtMs, ...(delta === undefined ? {} : { delta }) };
  const paged = spec.page === undefined ? answer : await writePage(spec.page, answer, input, call);
  return writeCursor(listing, paged, page);
}

function withHeaders(answer: ProviderAnswer, conditional: Validators | undefined): ProviderAnswer {
  return conditional === undefined ? answer : { ...answer, headers: { ...answer.headers, ...conditional.headers } };
}
