import { limits } from '../contracts/limits.ts';
import type { CanonicalEvent } from '../engine/mapping/canonical-event.ts';
import { type SubscriptionFilter, wantsEvent } from '../engine/subscription/wants-event.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventReader, EventRow } from '../ports/event-store.ts';
import { readGaplessRows } from './gapless-rows.ts';
import { toEvent } from './read-event.ts';

export interface FeedPorts {
  readonly events: Pick<EventReader, 'listAfter'>;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly clock: Clock;
}

/** Upper bound of what an event has besides its data. */
const metadataBytes = 4096;

/** Which of a tenant's events to read; an empty list asks for all. */
export interface FeedQuery extends Pick<SubscriptionFilter, 'types' | 'resources' | 'accounts'> {
  readonly tenant: string;
  /** Sequence number that the reader has reached; 0 reads from the beginning. */
  readonly position: number;
  /**
   * Rows to read. A page may hold fewer events: those that the filter leaves out are passed, and a page
   * ends before it is too large for one answer.
   */
  readonly limit: number;
}

export interface FeedPage {
  readonly events: readonly CanonicalEvent[];
  /** Sequence number up to which the tenant's events are read. */
  readonly position: number;
  /** Whether nothing that is stored lies beyond. */
  readonly caughtUp: boolean;
}

/** Read a tenant's events after a position, in sequence order, none left out: see {@link readGaplessRows}. */
export async function readFeed(ports: FeedPorts, query: FeedQuery): Promise<FeedPage> {
  const { tenant, position, limit } = query;
  const filter: SubscriptionFilter = { ...query, integrations: [] };
  const gapless = await readGaplessRows(ports, tenant, position, limit);
  const read: EventRow[] = [];
  let reached = position;
  let sizeBytes = 0;
  for (const row of gapless.rows) {
    const isWanted = !('sealed' in row) && wantsEvent(filter, row);
    // Escaped once more for the function's answer, text grows to twice its length at most.
    sizeBytes += isWanted ? 2 * (row.dataBytes + metadataBytes) : 0;
    if (read.length > 0 && sizeBytes > limits.maxEventBytes) break;
    if (isWanted) read.push(row);
    reached = row.sequence;
  }
  return {
    events: await Promise.all(read.map((row) => toEvent(ports, row))),
    position: reached,
    caughtUp: gapless.isEnd && reached === gapless.reached,
  };
}
