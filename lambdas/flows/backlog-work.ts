import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { BacklogEntry, Delivery, DeliveryStore } from '../ports/delivery-store.ts';
import type { EventReader, EventRow } from '../ports/event-store.ts';
import { isMine, type PreparedSubscription } from './attempt-delivery.ts';
import type { PinPorts } from './pin-events.ts';

/** What it takes to find out what an endpoint is to be sent next. */
export interface WorkPorts extends PinPorts {
  readonly deliveries: DeliveryStore;
  readonly events: EventReader;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly clock: Clock;
}

/** Requests to an endpoint, one after the other; a failure ends them. */
interface Post {
  /** Each is an event, or a batch of them. */
  readonly requests: readonly (readonly WorkItem[])[];
}

export interface WorkItem {
  readonly delivery: Delivery;
  readonly row: EventRow;
  /** Its place in the backlog; undefined where it comes from the feed. */
  readonly entry: BacklogEntry | undefined;
}

export interface Work {
  readonly posts: readonly Post[];
  /** When there will be something, where there is nothing now. */
  readonly nextAtMs: number | undefined;
  /** Whether to look again at once: what was found was no work. */
  readonly again: boolean;
  /** Ordered subscriptions: up to where the feed was taken; undefined where it was not. */
  readonly position: number | undefined;
  /** Ordered subscriptions: what the filter leaves out of the feed up to that position. */
  readonly unwanted: readonly Delivery[];
  /** What waited for longer than its event is kept, and is given up. */
  readonly expired: readonly Delivery[];
}

/** The deliveries that entries of a backlog point to, with their events. Entries that point to nothing any more are removed. */
export async function readItems(
  ports: Pick<WorkPorts, 'deliveries' | 'events'>,
  prepared: PreparedSubscription,
  entries: readonly BacklogEntry[],
): Promise<{ readonly items: readonly WorkItem[]; readonly expired: readonly Delivery[] }> {
  if (entries.length === 0) return { items: [], expired: [] };
  const deliveries = new Map((await ports.deliveries.getMany(entries)).map((one) => [one.event, one]));
  const waiting = entries.flatMap((entry) => {
    const delivery = deliveries.get(entry.event);
    return delivery?.waitsIn === 'backlog' ? [{ entry, delivery }] : [];
  });
  const rows = new Map(
    (await ports.events.getMany(waiting.map(({ delivery }) => delivery))).map((row) => [row.id, row]),
  );
  const items = waiting.flatMap(({ entry, delivery }) => {
    const row = rows.get(delivery.event);
    // A subscription never sees what is another tenant's, whatever stands in its backlog (invariant 3).
    return row === undefined || !isMine(prepared, row) ? [] : [{ entry, delivery, row }];
  });
  const kept = new Set<BacklogEntry>(items.map(({ entry }) => entry));
  const stale = entries.filter((entry) => !kept.has(entry));
  const expired = waiting.flatMap(({ entry, delivery }) => (kept.has(entry) ? [] : givenUp(delivery)));
  if (stale.length > 0) {
    await ports.deliveries.putMany(expired, stale);
    // What was put into the backlog between the look at it and now has lost its entry.
    const late = (await ports.deliveries.getMany(stale)).filter(({ waitsIn }) => waitsIn === 'backlog');
    const isExpired = new Set(expired.map(({ event }) => event));
    const remembered = late.filter(({ event }) => !isExpired.has(event));
    if (remembered.length > 0) await ports.deliveries.remind(remembered);
  }
  return { items, expired };
}

function givenUp(delivery: Delivery): Delivery {
  return {
    ...delivery,
    state: 'exhausted',
    exhaustedBy: 'event-expired',
    nextAttemptAt: undefined,
    waitsIn: undefined,
    isManual: undefined,
  };
}
