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

/** Rows that are looked at together. */
const pageSize = 500;
/** How long a place is looked for row by row; what is found by then is early enough. */
const maxScanMs = 5_000;

/**
 * The position from which a reader of a tenant's feed misses nothing of what it asks for. It may get more:
 * an event too many is no harm, one too few is.
 *
 * - **A time**: all that was written then or later is behind the position. The instants of writing do not
 *   quite rise with the numbers: each is read after its number was taken, `sequenceWriteBeginMs` later at most,
 *   by a clock that may be `clockSkewMs` off. So a row that is older than the time by a hole's life has none
 *   that counts before it. A search by halves finds one; from there the rows are looked at one by one.
 * - **Now**: all whose publishing ends from now on. A number that is taken and not written yet counts as well:
 *   the position is before the first such hole.
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

/** The number up to which every row was written before a time, and none can be missing. */
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
