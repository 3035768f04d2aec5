import { createHash } from 'node:crypto';
import type { Listed } from './listed-records.ts';
import type { Listing } from './listing.ts';
import { jsonAnswer, type ProviderAnswer } from './provider-answer.ts';

/** Headers with which the caller may ask whether anything has changed. */
export interface Validators {
  readonly kind: 'validators';
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Compare a conditional request with the whole listing, which its first page stands for.
 *
 * @returns 304, or the headers of an answer; undefined for a call that is not conditional.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1
 */
export function conditionalAnswer(
  { world, chosen, spec, key, request }: Listing,
  { records }: Listed,
): Validators | { readonly kind: 'unchanged'; readonly answer: ProviderAnswer } | undefined {
  if (spec.conditional === undefined) return undefined;
  const { headers: asked } = request;
  if (spec.conditional === 'etag') {
    const states = records.map(({ id, changes, updatedAtMs, isRemoved }) => [id, changes, updatedAtMs, isRemoved]);
    const digest = createHash('sha256')
      .update(JSON.stringify([key, states]))
      .digest('base64url')
      .slice(0, 22);
    const etag = `"${digest}"`;
    const known = (asked['if-none-match'] ?? '').split(',').map((text) => text.trim().replace(/^W\//, ''));
    return known.includes(etag) || known.includes('*') ? unchanged(world, { etag }) : validators({ etag });
  }
  const nowMs = world.nowMs();
  const times = chosen.resources.flatMap((resource) => world.stores.get(resource)?.lastChangeMs(nowMs) ?? []);
  const lastMs = times.length === 0 ? undefined : Math.floor(Math.max(...times) / 1000) * 1000;
  // Within the second of a change, another one may follow that the header could not tell from it.
  if (lastMs === undefined || lastMs + 1000 > nowMs) return validators({});
  const headers = { 'last-modified': new Date(lastMs).toUTCString() };
  const sinceMs = Date.parse(asked['if-modified-since'] ?? '');
  return lastMs <= sinceMs ? unchanged(world, headers) : validators(headers);
}

function validators(headers: Readonly<Record<string, string>>): Validators {
  return { kind: 'validators', headers };
}

function unchanged(world: Listing['world'], headers: Readonly<Record<string, string>>) {
  world.counts.countUnchanged();
  return { kind: 'unchanged' as const, answer: { ...jsonAnswer(undefined, 304), headers } };
}
