import { limits } from '../../contracts/limits.ts';
import type { CanonicalEvent } from '../../engine/event/canonical-event.ts';
import { type FeedFilter, wantsOfFeed } from '../../engine/feed/feed-filter.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { EventReader, EventRow } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Pause } from '../../ports/runtime/pause.ts';
import type { WaitingPermit } from './enter-waiting.ts';
import { isEvent, readGaplessRows } from './gapless-rows.ts';
import { toEvent } from './read-event.ts';

export interface FeedPorts {
  readonly events: Pick<EventReader, 'listAfter'>;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly clock: Clock;
}

/** Upper bound of what an event has besides its data. */
const metadataBytes = 4096;
/** Rows to ask for at a time, at least: where few are wanted, most are passed. */
const minRows = 50;
/** And at most: they are in memory together. */
const maxRows = 500;
/** After this much time a page ends with what it has. */
const maxReadMs = 5_000;

/** Which of a tenant's events to read; an empty or missing list asks for all. */
export interface FeedQuery extends Partial<FeedFilter> {
  readonly tenant: string;
  /** Sequence number that the reader has reached; 0 reads from the beginning. */
  readonly position: number;
  /** Events to read. A page may hold fewer although there are more: one is bounded in size, rows and time. */
  readonly limit: number;
}

export interface FeedPage {
  readonly events: readonly CanonicalEvent[];
  /** Sequence number up to which the tenant's events are read. */
  readonly position: number;
  /** Whether nothing that is stored lies beyond. */
  readonly caughtUp: boolean;
  /** True where nothing came and its reader did not wait, since too many of its calls do. */
  readonly isWaitRefused?: true;
}

/**
 * Read a tenant's events after a position, in sequence order, none left out: see {@link readGaplessRows}.
 *
 * Events that the filter leaves out are passed, up to `limits.feedMaxRows` of them: the position is that
 * of the feed and the same for every filter, so a reader may change its filter and go on.
 */
export async function readFeed(ports: FeedPorts, query: FeedQuery): Promise<FeedPage> {
  const { tenant, limit } = query;
  const filter: FeedFilter = { types: [], resources: [], accounts: [], integrations: [], origins: [], ...query };
  const endsAtMs = ports.clock.nowMs() + maxReadMs;
  const read: EventRow[] = [];
  let position = query.position;
  let sizeBytes = 0;
  let rowsLeft: number = limits.feedMaxRows;
  const pageOf = async (caughtUp: boolean): Promise<FeedPage> => ({
    events: await Promise.all(read.map((row) => toEvent(ports, row))),
    position,
    caughtUp,
  });
  for (;;) {
    const atATime = Math.min(rowsLeft, Math.max(minRows, Math.min(maxRows, limit - read.length)));
    const gapless = await readGaplessRows(ports, tenant, position, atATime);
    for (const row of gapless.rows) {
      // One that cannot be read is not passed over: its reader comes to know of it.
      if (isEvent(row) && (row.unreadable !== undefined || wantsOfFeed(filter, row))) {
        // Escaped once more for the function's answer, text grows to twice its length at most.
        sizeBytes += 2 * (row.dataBytes + metadataBytes);
        const isFull = read.length >= limit || (read.length > 0 && sizeBytes > limits.maxEventBytes);
        if (isFull) return pageOf(false);
        read.push(row);
      }
      position = row.sequence;
    }
    rowsLeft -= gapless.rows.length;
    const isStopped = gapless.isEnd || gapless.holeUntilMs !== undefined;
    const isEnough = read.length >= limit || rowsLeft <= 0 || ports.clock.nowMs() >= endsAtMs;
    if (isStopped || isEnough) return pageOf(gapless.isEnd);
  }
}

export interface FeedWaitPorts extends FeedPorts {
  readonly pause: Pause;
}

/**
 * As {@link readFeed}; where there is no event, look again until there is one, or the time is over.
 *
 * @param waitMs - `limits.feedMaxWaitMs` at most.
 * @param enter - Asked once, before the wait begins: a call that finds an event at once waits for nothing.
 * @returns A page without events where none came. Its position may have moved, past events that are not asked for.
 */
export async function waitForFeed(
  ports: FeedWaitPorts,
  query: FeedQuery,
  waitMs: number,
  enter: () => Promise<WaitingPermit>,
): Promise<FeedPage> {
  const untilMs = ports.clock.nowMs() + Math.min(waitMs, limits.feedMaxWaitMs);
  const first = await readFeed(ports, query);
  if (first.events.length > 0 || ports.clock.nowMs() >= untilMs) return first;
  const permit = await enter();
  if (permit.kind === 'full') return { ...first, isWaitRefused: true };
  try {
    return await lookUntil(ports, query, first, untilMs);
  } finally {
    await permit.leave();
  }
}

async function lookUntil(ports: FeedWaitPorts, query: FeedQuery, first: FeedPage, untilMs: number): Promise<FeedPage> {
  let page = first;
  let from = query.position;
  for (;;) {
    const leftMs = untilMs - ports.clock.nowMs();
    if (page.events.length > 0 || leftMs <= 0) return page;
    // A reader that has passed many events that it did not ask for goes on at once; at the end, or before a hole, there is nothing to do.
    const isMoving = !page.caughtUp && page.position > from;
    if (!isMoving) await ports.pause(Math.min(limits.feedLookMs, leftMs));
    from = page.position;
    page = await readFeed(ports, { ...query, position: from });
  }
}
