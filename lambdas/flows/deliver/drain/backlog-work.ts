import type { Delivery } from '../../../engine/delivery/delivery.ts';
import type { BacklogEntry, DeliveryStore } from '../../../ports/delivery/delivery-store.ts';
import type { ClaimStore } from '../../../ports/events/claim-store.ts';
import type { EventReader, EventRow } from '../../../ports/events/event-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { PinPorts } from '../../feed/pin-events.ts';
import { isMine } from '../attempt/attempt-delivery.ts';
import type { PreparedSubscription } from '../attempt/prepare-subscription.ts';

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
  /** Ordered subscriptions: what a run before this one has ended up to that position, and died before it moved there. */
  readonly passed: readonly Delivery[];
  /** What a run before this one has ended, and may have died before it told of it: it has not taken the entry away. */
  readonly untold: readonly Delivery[];
  /** What waited for longer than its event is kept, and is given up. */
  readonly expired: readonly Delivery[];
  /** Entries that point to no work any more: to be removed when what they have led to is told. */
  readonly stale: readonly BacklogEntry[];
}

/** The deliveries that entries of a backlog point to, with their events. */
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
    // A subscription never sees what is another tenant's, whatever stands in its backlog (invariant 3).
    return row === undefined || !isMine(prepared, row) ? [] : [{ entry, delivery, row }];
  });
  const kept = new Set<BacklogEntry>(items.map(({ entry }) => entry));
  const stale = entries.filter((entry) => !kept.has(entry));
  const lost = waiting.filter(({ entry }) => !kept.has(entry));
  // One that was changed since it was read is not given up; what took its place has its own entry, or has ended.
  const expired = (
    await Promise.all(
      lost.map(async ({ delivery }) => ((await ports.deliveries.replace(givenUp(delivery))) ? givenUp(delivery) : [])),
    )
  ).flat();
  // Who ends a delivery tells of it, and takes its entry away: one that is still there was left by a run that died,
  // or failed, in between. An entry that is put before its delivery waits for a later attempt.
  const untold = stale.flatMap(({ event, attempt }) => {
    const delivery = deliveries.get(event);
    if (delivery === undefined || !hasEnded(delivery)) return [];
    return delivery.attemptCount === attempt || delivery.exhaustedBy === 'event-expired' ? delivery : [];
  });
  return { items, expired, untold, stale };
}

/** Take entries out of the backlog. What was put into it again since the look at it is there afterwards. */
export async function removeEntries(
  { deliveries }: Pick<WorkPorts, 'deliveries'>,
  entries: readonly BacklogEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await deliveries.putMany([], entries);
  // A call that asks for an attempt stores the delivery and then its entry: this removal may have been in between.
  const again = (await deliveries.getMany(entries)).filter(({ waitsIn }) => waitsIn === 'backlog');
  if (again.length > 0) await deliveries.remind(again);
}

/** Whether it has ended, by an attempt or because its event is gone. */
export function hasEnded({ state }: Delivery): boolean {
  return state === 'delivered' || state === 'exhausted';
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
