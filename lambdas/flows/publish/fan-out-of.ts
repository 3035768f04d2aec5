import type { Publication } from './publication.ts';

/** What became of a published event's deliveries, to be counted. */
export function fanOutOf({
  deliveries,
  isPullOnly,
}: Extract<Publication, { kind: 'published' }>): readonly ['enqueued' | 'filtered' | 'pull-only', number] {
  if (deliveries > 0) return ['enqueued', deliveries];
  return [isPullOnly === true ? 'pull-only' : 'filtered', 1];
}
