/** Where a reader of the feed begins. */
export type FeedStart =
  | { readonly kind: 'beginning' }
  /** With what is published from now on. */
  | { readonly kind: 'now' }
  /** With the event of this number, or the next one that there is. */
  | { readonly kind: 'sequence'; readonly sequence: number }
  /** Epoch milliseconds: with what was published then, or later. */
  | { readonly kind: 'time'; readonly timeMs: number };

/** A day, or an instant; one that names no zone is of UTC. */
const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;
const sequenceNumber = /^\d{1,15}$/;

/** What a start may look like, for the message to a caller that gave another. */
export const feedStartForms = 'now, beginning, an ISO 8601 time such as 2026-11-21T12:00:00Z, or a sequence number';

/** Read a start as callers write it: one of {@link feedStartForms}. @returns Undefined where it is none. */
export function parseFeedStart(text: string): FeedStart | undefined {
  if (text === 'now' || text === 'beginning') return { kind: text };
  if (sequenceNumber.test(text)) return { kind: 'sequence', sequence: Number(text) };
  const parts = isoTime.exec(text);
  if (parts === null) return undefined;
  const [, time, , , zone] = parts;
  const timeMs = Date.parse(time !== undefined && zone === undefined ? `${text}Z` : text);
  return Number.isNaN(timeMs) ? undefined : { kind: 'time', timeMs };
}
