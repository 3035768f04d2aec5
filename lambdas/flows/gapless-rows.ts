import { limits } from '../contracts/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventReader, EventRow } from '../ports/event-store.ts';

export interface GaplessRows {
  /** Events in sequence order, and numbers that no event will ever have. */
  readonly rows: readonly (EventRow | { readonly tenant: string; readonly sequence: number; readonly sealed: true })[];
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
 *   12:01:01               whoever took 6 took it before 7 and is dead: the page goes on to 7
 */
export async function readGaplessRows(
  ports: { readonly events: Pick<EventReader, 'listAfter'>; readonly clock: Clock },
  tenant: string,
  position: number,
  limit: number,
): Promise<GaplessRows> {
  const found = await ports.events.listAfter(tenant, position, limit);
  const rows: GaplessRows['rows'][number][] = [];
  let reached = position;
  for (const { writtenAtMs, ...row } of found) {
    const passableAtMs = writtenAtMs + limits.sequenceHoleLifetimeMs;
    if (row.sequence > reached + 1 && ports.clock.nowMs() <= passableAtMs)
      return { rows, reached, holeUntilMs: passableAtMs + 1, isEnd: false };
    rows.push(row);
    reached = row.sequence;
  }
  return { rows, reached, holeUntilMs: undefined, isEnd: found.length < limit };
}
