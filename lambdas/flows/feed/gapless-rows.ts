import { limits } from '../../contracts/limits.ts';
import type { EventReader, EventRow, FeedRow } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface GaplessRows {
  /** In sequence order: events, and sealed numbers that no event will ever have. */
  readonly rows: readonly FeedRow[];
  /** Sequence number up to which the rows are complete. */
  readonly reached: number;
  /** When the reader may pass the gap that stopped it; undefined if no gap did. */
  readonly holeUntilMs: number | undefined;
  /** Whether no stored row follows. */
  readonly isEnd: boolean;
}

/**
 * Rows of a tenant after a position, in sequence order, without gaps.
 *
 * Writers take numbers before they write events, so an event may appear before one that is already stored. The reader
 * stops before such a gap while a writer may still fill it:
 *
 *   taken   5 6 7          the writer of 6 is slow, or dead
 *   stored  5 _ 7          7 was written at 12:00:00
 *   12:00:30               6 may still arrive: the page ends with 5
 *   12:01:01               the run that took 6 took it before 7, and can no longer write: the page continues to 7
 *
 * Any row behind a gap bounds the gap's age. So an event becomes readable at most `sequenceHoleLifetimeMs` after its
 * write, whatever is missing before it.
 */
export async function readGaplessRows(
  ports: { readonly events: Pick<EventReader, 'listAfter'>; readonly clock: Clock },
  tenant: string,
  position: number,
  limit: number,
): Promise<GaplessRows> {
  // Take the time before the read, which may be slow: a row missing at this time may be written by the end of it.
  const readAtMs = ports.clock.nowMs();
  const found = await ports.events.listAfter(tenant, position, limit);
  const settled = found.findLast(({ writtenAtMs }) => writtenAtMs + limits.sequenceHoleLifetimeMs < readAtMs);
  const settledUpTo = settled?.sequence ?? position;
  let reached = position;
  for (const [index, { sequence }] of found.entries()) {
    if (sequence > reached + 1 && sequence > settledUpTo) {
      const oldestMs = Math.min(...found.slice(index).map(({ writtenAtMs }) => writtenAtMs));
      const holeUntilMs = oldestMs + limits.sequenceHoleLifetimeMs + 1;
      return { rows: found.slice(0, index), reached, holeUntilMs, isEnd: false };
    }
    reached = sequence;
  }
  return { rows: found, reached, holeUntilMs: undefined, isEnd: found.length < limit };
}

/** Whether a row is an event, not a sealed number. */
export function isEvent(row: FeedRow): row is Extract<FeedRow, EventRow> {
  return !('sealed' in row);
}
