import { limits } from '../../contracts/limits.ts';

/** A place in a tenant's sequence, and when it was written: no run took a smaller number after this time. */
interface WrittenPlace {
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly writtenAtMs: number;
}

export interface RowsBeforeGap<Row> {
  readonly rows: readonly Row[];
  /** Sequence number up to which the rows are complete. */
  readonly reached: number;
  /** Epoch milliseconds: when the reader may pass the gap that stopped it; undefined if no gap did. */
  readonly holeUntilMs: number | undefined;
}

/**
 * The gap rule of the feed: which rows a reader may see now.
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
 *
 * @param found - Rows after the position, in sequence order.
 * @param readAtMs - Epoch milliseconds, from before the read: a row missing then may have been written by its end.
 */
export function stopAtGap<Row extends WrittenPlace>(
  found: readonly Row[],
  position: number,
  readAtMs: number,
): RowsBeforeGap<Row> {
  const settled = found.findLast(({ writtenAtMs }) => writtenAtMs + limits.sequenceHoleLifetimeMs < readAtMs);
  const settledUpTo = settled?.sequence ?? position;
  let reached = position;
  for (const [index, { sequence }] of found.entries()) {
    if (sequence > reached + 1 && sequence > settledUpTo) {
      const oldestMs = Math.min(...found.slice(index).map(({ writtenAtMs }) => writtenAtMs));
      const holeUntilMs = oldestMs + limits.sequenceHoleLifetimeMs + 1;
      return { rows: found.slice(0, index), reached, holeUntilMs };
    }
    reached = sequence;
  }
  return { rows: found, reached, holeUntilMs: undefined };
}
