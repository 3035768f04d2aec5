import type { Delivery } from '../../../engine/delivery/delivery.ts';
import { givenUp } from '../../../engine/delivery/record-attempt.ts';
import type { BacklogEntry, DeliveryStore } from '../../../ports/delivery/delivery-store.ts';
import type { ClaimStore } from '../../../ports/events/claim-store.ts';
import type { EventReader, EventRow } from '../../../ports/events/event-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { PinPorts } from '../../feed/pin-events.ts';
import { isMine } from '../attempt/attempt-delivery.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';

/** The ports that find the next work of an endpoint. */
export interface WorkPorts extends PinPorts {
  readonly deliveries: DeliveryStore;
  readonly events: EventReader;
  readonly payloads: Pick<ClaimStore, 'get'>;
  readonly clock: Clock;
}

/** Requests to an endpoint, sent one after the other until one fails. */
interface Post {
  /** Each is an event, or a batch of them. */
  readonly requests: readonly (readonly WorkItem[])[];
}

export interface WorkItem {
  readonly delivery: Delivery;
  readonly row: EventRow;
  /** Its place in the backlog; undefined when it comes from the feed. */
  readonly entry: BacklogEntry | undefined;
}

export interface Work {
  readonly posts: readonly Post[];
  /** When the next work is due; only when there is none now. */
  readonly nextAtMs: number | undefined;
  /** Whether to read again at once: the entries found were no work. */
  readonly again: boolean;
  /** Ordered subscriptions: the position to which the feed was read; undefined when it was not read. */
  readonly position: number | undefined;
  /** Ordered subscriptions: events up to that position that the filter rejects. */
  readonly unwanted: readonly Delivery[];
  /** Ordered subscriptions: deliveries up to that position that an earlier run ended before it died. */
  readonly passed: readonly Delivery[];
  /** Deliveries that an earlier run ended, and may not have reported: it did not remove their entries. */
  readonly untold: readonly Delivery[];
  /** Deliveries given up because they waited longer than their event is kept. */
  readonly expired: readonly Delivery[];
  /** Entries that no longer point to work: remove them once the deliveries they lead to are reported. */
  readonly stale: readonly BacklogEntry[];
}

/** Read the deliveries that backlog entries point to, with their events. */
export async function readItems(
  ports: Pick<WorkPorts, 'deliveries' | 'events'>,
  prepared: PreparedSubscription,
  entries: readonly BacklogEntry[],
): Promise<{ readonly items: readonly WorkItem[] } & Pick<Work, 'expired' | 'untold' | 'stale'>> {
  if (entries.length === 0) return { items: [], expired: [], untold: [], stale: [] };
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
    // A subscription never sees another tenant's event, whatever its backlog holds (invariant 3).
    return row === undefined || !isMine(prepared, row) ? [] : [{ entry, delivery, row }];
  });
  const kept = new Set<BacklogEntry>(items.map(({ entry }) => entry));
  const stale = entries.filter((entry) => !kept.has(entry));
  const lost = waiting.filter(({ entry }) => !kept.has(entry));
  // Do not give up a delivery that was changed since it was read: the newer version has its own entry, or has ended.
  const expired = (
    await Promise.all(
      lost.map(async ({ delivery }) => ((await ports.deliveries.replace(givenUp(delivery))) ? givenUp(delivery) : [])),
    )
  ).flat();
  // A run that ends a delivery reports it and then removes its entry, so a remaining entry means that the run died or
  // failed in between. An entry written before its delivery names a later attempt.
  const untold = stale.flatMap(({ event, attempt }) => {
    const delivery = deliveries.get(event);
    if (delivery === undefined || !hasEnded(delivery)) return [];
    return delivery.attemptCount === attempt || delivery.exhaustedBy === 'event-expired' ? delivery : [];
  });
  return { items, expired, untold, stale };
}

/** Remove entries from the backlog. Entries written again since they were read are kept. */
export async function removeEntries(
  { deliveries }: Pick<WorkPorts, 'deliveries'>,
  entries: readonly BacklogEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await deliveries.putMany([], entries);
  // A call that asks for an attempt stores the delivery and then its entry. This removal may have deleted that entry.
  const again = (await deliveries.getMany(entries)).filter(({ waitsIn }) => waitsIn === 'backlog');
  if (again.length > 0) await deliveries.remind(again);
}

/** Whether a delivery has ended, by an attempt or because its event is gone. */
export function hasEnded({ state }: Delivery): boolean {
  return state === 'delivered' || state === 'exhausted';
}
