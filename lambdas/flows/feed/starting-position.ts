import { limits } from '../../contracts/limits.ts';
import type { FeedStart } from '../../engine/feed/feed-start.ts';
import type { EventReader } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { findSequenceAt } from './find-sequence.ts';
import { readGaplessRows } from './gapless-rows.ts';

export interface StartPorts {
  readonly events: Pick<EventReader, 'firstAfter' | 'listAfter'>;
  readonly clock: Clock;
}

/** Rows per read. */
const pageSize = 500;
/** Bound of the row-by-row search; the position found by then is early enough. */
const maxScanMs = 5_000;

/**
 * The position from which a feed reader misses no event that it asks for. It may get extra events: an extra event is
 * harmless, a missed one is not.
 *
 * - **A time**: every event written then or later lies after the position. Write times do not rise strictly with the
 *   numbers: a writer reads its clock up to `sequenceWriteBeginMs` after it takes the number, and the clock may be off
 *   by `clockSkewMs`. But no wanted event precedes a row that is older than the time by `sequenceHoleLifetimeMs`. A
 *   binary search finds such a row; from there the rows are checked one by one.
 * - **Now**: every event whose publishing ends from now on. That includes numbers that are taken but not written yet,
 *   so the position is before the first such gap.
 */
export async function startingPosition(ports: StartPorts, tenant: string, start: FeedStart): Promise<number> {
  switch (start.kind) {
    case 'beginning':
      return 0;
    case 'sequence':
      return Math.max(0, start.sequence - 1);
    case 'now':
      return lastBefore(ports, tenant, Number.POSITIVE_INFINITY);
    case 'time':
      return lastBefore(ports, tenant, start.timeMs);
  }
}

/** The number up to which every row was written before a time, and no row can be missing. */
async function lastBefore(ports: StartPorts, tenant: string, timeMs: number): Promise<number> {
  const nowMs = ports.clock.nowMs();
  const settledMs = Math.min(timeMs, nowMs) - limits.sequenceHoleLifetimeMs - 1;
  let position = await findSequenceAt(ports, tenant, settledMs);
  while (ports.clock.nowMs() < nowMs + maxScanMs) {
    const { rows, isEnd } = await readGaplessRows(ports, tenant, position, pageSize);
    const counts = rows.findIndex(({ writtenAtMs }) => writtenAtMs >= timeMs);
    const before = counts < 0 ? rows : rows.slice(0, counts);
    position = before.at(-1)?.sequence ?? position;
    if (isEnd || before.length < pageSize) return position;
  }
  return position;
}
