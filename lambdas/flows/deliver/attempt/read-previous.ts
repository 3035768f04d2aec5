import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { EventReader, EventRow } from '../../../ports/events/event-store.ts';
import { type EventPayloads, tryToEvent } from '../../feed/read-event.ts';

export interface PreviousPorts extends EventPayloads {
  readonly events: Pick<EventReader, 'getMany'>;
}

/**
 * The event of the record before each event, by the id of the later one. Read only for a subscription that asks for
 * former values; an event that is no longer kept, or cannot be read, is left out.
 */
export async function readPrevious(
  ports: PreviousPorts,
  { shaping }: Pick<Subscription, 'shaping'>,
  rows: readonly EventRow[],
): Promise<ReadonlyMap<string, CanonicalEvent>> {
  const previous = new Map<string, CanonicalEvent>();
  if (shaping.include_previous === undefined) return previous;
  const asked = rows.flatMap(({ id, tenant, prior }) => (prior === undefined ? [] : { id, tenant, sequence: prior }));
  if (asked.length === 0) return previous;
  const found = await ports.events.getMany(asked, true);
  const bySequence = new Map(found.map((row) => [row.sequence, row]));
  await Promise.all(
    asked.map(async ({ id, sequence, tenant }) => {
      const row = bySequence.get(sequence);
      const event = row?.tenant === tenant ? await tryToEvent(ports, row) : undefined;
      if (event !== undefined && !('kind' in event)) previous.set(id, event);
    }),
  );
  return previous;
}
