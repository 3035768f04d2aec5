import type { CursorSpec } from '../../../../../lambdas/engine/provider/language/cursor-schema.ts';
import { apiOrigins } from '../api-origins.ts';
import { placeOf } from '../expressions/expression-place.ts';
import { readTime } from '../expressions/time-texts.ts';
import type { Listing } from './listing.ts';
import type { Page } from './page-position.ts';
import { writeToken } from './page-tokens.ts';
import { type ProviderAnswer, writePlace } from './provider-answer.ts';
import { linkOf } from './write-page.ts';

/** Write into an answer where the next run goes on, if the cursor of the definition reads that in the answer. */
export function writeCursor(listing: Listing, answer: ProviderAnswer, page: Page): ProviderAnswer {
  const { spec, delta } = listing;
  const cursor = 'cursor' in spec ? spec.cursor : undefined;
  const place = cursor?.answer === undefined ? undefined : placeOf(cursor.answer)?.place;
  if (cursor === undefined || place === undefined) return answer;
  if (delta === undefined) {
    const value = cursor.kind === 'time' ? timeOf(listing, page, cursor.as) : page.rows.at(-1)?.id;
    return value === undefined ? answer : writePlace(answer, place, value);
  }
  // Only the last page has a token.
  return writePlace(answer, place, page.hasMore ? undefined : tokenOf(listing, cursor));
}

/** A token for the changes since the listing began: what has changed while it was read comes again. */
function tokenOf({ world, delta, request }: Listing, { url }: CursorSpec): string | undefined {
  if (delta === undefined) return undefined;
  const token = writeToken({ kind: 'delta', from: delta.to, issuedAtMs: world.nowMs() });
  if (!url) return token;
  const origin = world.origin ?? apiOrigins(world.definition, world.context)[0] ?? '';
  return linkOf({ request, origin }, token);
}

/** The last time of the rows; without rows, the time from which they were asked for. */
function timeOf({ chosen }: Listing, { rows }: Page, form: CursorSpec['as']): string | number | undefined {
  const since = chosen.match.bindings.get('since')?.[0];
  const ms = rows.length === 0 ? readTime(since) : Math.max(...rows.map(({ updatedAtMs }) => updatedAtMs));
  if (ms === undefined) return undefined;
  switch (form) {
    case 'epoch_s':
      return Math.floor(ms / 1000);
    case 'epoch_ms':
    case 'integer':
      return ms;
    case 'ms_date':
      return `/Date(${ms}+0000)/`;
    case 'time':
    case undefined:
      return new Date(ms).toISOString();
  }
}
