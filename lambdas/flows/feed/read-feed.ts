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

/** Upper bound of an event's size without its data. */
const metadataBytes = 4096;
/** Fewest rows per read: a narrow filter skips most of them. */
const minRows = 50;
/** Most rows per read: they are in memory together. */
const maxRows = 500;
/** Time after which a page ends with the events it has. */
const maxReadMs = 5_000;

/** Which of a tenant's events to read; an empty or missing list asks for all. */
export interface FeedQuery extends Partial<FeedFilter> {
  readonly tenant: string;
  /** Sequence number that the reader has reached; 0 starts at the beginning. */
  readonly position: number;
  /** Most events per page. A page may end early: its size, rows and time are bounded, too. */
  readonly limit: number;
}

export interface FeedPage {
  readonly events: readonly CanonicalEvent[];
  /** Sequence number up to which this page has read the tenant's events. */
  readonly position: number;
  /** Whether no stored event follows. */
  readonly caughtUp: boolean;
  /** True if the page is empty and the reader was not allowed to wait: too many of its calls already wait. */
  readonly isWaitRefused?: true;
}

/**
 * Read a tenant's events after a position, in sequence order, without gaps: see {@link readGaplessRows}.
 *
 * It skips events that the filter excludes, up to `limits.feedMaxRows` rows. The position refers to the whole feed, not
 * to the filtered part, so a reader may change its filter and continue.
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
      // Never skip an unreadable event: its reader must learn of it.
      if (isEvent(row) && (row.unreadable !== undefined || wantsOfFeed(filter, row))) {
        // The function's answer escapes the text once more, which at most doubles its length.
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
 * Like {@link readFeed}, but polls while there is no event, until one arrives or the time ends.
 *
 * @param waitMs - Capped at `limits.feedMaxWaitMs`.
 * @param enter - Called once, before the wait begins; not called if the first read finds an event.
 * @returns A page without events if none arrived. Its position may have moved past excluded events.
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
    // Continue at once while the reader is skipping excluded events; pause at the end of the feed, or before a gap.
    const isMoving = !page.caughtUp && page.position > from;
    if (!isMoving) await ports.pause(Math.min(limits.feedLookMs, leftMs));
    from = page.position;
    page = await readFeed(ports, { ...query, position: from });
  }
}
