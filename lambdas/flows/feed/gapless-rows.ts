import { limits } from '../../contracts/limits.ts';
import type { EventReader, EventRow, FeedRow } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

export interface GaplessRows {
  /** Events in sequence order, and numbers that no event will ever have. */
  readonly rows: readonly FeedRow[];
  /** Sequence number up to which nothing is left out. */
  readonly reached: number;
  /** When the hole that stopped the reader can be passed; undefined where none did. */
  readonly holeUntilMs: number | undefined;
  /** Whether nothing that is stored lies beyond. */
  readonly isEnd: boolean;
}

/**
 * Rows of a tenant after a position, in sequence order, none left out.
 *
 * Numbers are taken before events are written, so an event may appear behind one that is already
 * there. The reader stops before such a hole while it may still be filled:
 *
 *   taken   5 6 7          the writer of 6 is slow, or dead
 *   stored  5 _ 7          7 was written at 12:00:00
 *   12:00:30               6 may still come: the page ends with 5
 *   12:01:01               the run that took 6 took it before 7, and writes no more: the page goes on to 7
 *
 * Any row behind a hole tells its age. So an event can be read `sequenceHoleLifetimeMs` after its
 * writing at the latest, whatever is missing before it.
 */
export async function readGaplessRows(
  ports: { readonly events: Pick<EventReader, 'listAfter'>; readonly clock: Clock },
  tenant: string,
  position: number,
  limit: number,
): Promise<GaplessRows> {
  // Before the reading, which may take a while: what was missing then may have been written since.
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

/** Whether a place of the feed holds an event, and not a number that none will ever have. */
export function isEvent(row: FeedRow): row is Extract<FeedRow, EventRow> {
  return !('sealed' in row);
}
