/** Where a reader of the feed starts. */
export type FeedStart =
  | { readonly kind: 'beginning' }
  /** With events published from now on. */
  | { readonly kind: 'now' }
  /** With the event of this number, or the next event. */
  | { readonly kind: 'sequence'; readonly sequence: number }
  /** Epoch milliseconds: with events published at this time or later. */
  | { readonly kind: 'time'; readonly timeMs: number };

/** A day or an instant; UTC unless it names a zone. */
const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;
const sequenceNumber = /^\d{1,15}$/;

/** The forms of a start, for error messages. */
export const feedStartForms = 'now, beginning, an ISO 8601 time such as 2026-11-21T12:00:00Z, or a sequence number';

/**
 * Parse a start: one of {@link feedStartForms}.
 *
 * @returns Undefined for any other text.
 */
export function parseFeedStart(text: string): FeedStart | undefined {
  if (text === 'now' || text === 'beginning') return { kind: text };
  if (sequenceNumber.test(text)) return { kind: 'sequence', sequence: Number(text) };
  const parts = isoTime.exec(text);
  if (parts === null) return undefined;
  const [, time, , , zone] = parts;
  const timeMs = Date.parse(time !== undefined && zone === undefined ? `${text}Z` : text);
  return Number.isNaN(timeMs) ? undefined : { kind: 'time', timeMs };
}
