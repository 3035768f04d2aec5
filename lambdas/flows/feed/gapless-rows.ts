import { type RowsBeforeGap, stopAtGap } from '../../engine/feed/stop-at-gap.ts';
import type { EventReader, EventRow, FeedRow } from '../../ports/events/event-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';

/** Rows in sequence order: events, and sealed numbers that no event will ever have. */
export interface GaplessRows extends RowsBeforeGap<FeedRow> {
  /** Whether no stored row follows. */
  readonly isEnd: boolean;
}

/** Rows of a tenant after a position, in sequence order, without gaps. */
export async function readGaplessRows(
  ports: { readonly events: Pick<EventReader, 'listAfter'>; readonly clock: Clock },
  tenant: string,
  position: number,
  limit: number,
): Promise<GaplessRows> {
  const readAtMs = ports.clock.nowMs();
  const found = await ports.events.listAfter(tenant, position, limit);
  const before = stopAtGap(found, position, readAtMs);
  return { ...before, isEnd: before.holeUntilMs === undefined && found.length < limit };
}

/** Whether a row is an event, not a sealed number. */
export function isEvent(row: FeedRow): row is Extract<FeedRow, EventRow> {
  return !('sealed' in row);
}
