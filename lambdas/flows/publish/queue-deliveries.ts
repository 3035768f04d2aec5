import type { DeliveryJob } from '../../contracts/messages.ts';
import { wantsEvent } from '../../engine/feed/wants-event.ts';
import { type SubscriptionRoute, scopeOf } from '../../ports/delivery/subscription-store.ts';
import type { EventRow } from '../../ports/events/event-store.ts';
import { type AskForDrainPorts, askForDrain } from '../deliver/ask-for-drain.ts';
import type { Placed, PublishPorts } from './publication.ts';
import { queueShadows } from './queue-shadows.ts';

/**
 * Queue the deliveries of stored events. An ordered subscription reads its events from the feed: its drain is woken.
 * Events whose tenant only pulled when they were stored have none.
 *
 * @param isShadowed - Whether the deliveries also go to the tenant's second endpoint. @default false
 * @returns How many deliveries each event has, by its id.
 */
export async function queueDeliveries(
  ports: Pick<PublishPorts, 'deliveryQueue' | 'shadowQueue'> & AskForDrainPorts,
  placed: readonly Placed[],
  subscriptions: readonly SubscriptionRoute[],
  isShadowed = false,
): Promise<ReadonlyMap<string, number>> {
  const pushed = placed.filter(({ row }) => row.pullOnly !== true);
  const wanted = pushed.flatMap(({ event, row }) =>
    subscriptions
      .filter(({ status }) => status === 'enabled')
      .filter((subscription) => wantsEvent(subscription, event))
      .map((subscription) => ({ subscription, row })),
  );
  const deliveries = wanted
    .filter(({ subscription }) => subscription.ordering === 'none')
    .map(({ subscription, row }) => ({ job: toJob(subscription, row), group: row.account, delayMs: 0 }));
  const followers = new Map(
    wanted
      .filter(({ subscription }) => subscription.ordering !== 'none')
      .map(({ subscription }) => [subscription.id, subscription]),
  );
  await Promise.all([
    ports.deliveryQueue.sendAll(deliveries),
    ...followers.values().map((one) => wakeFollower(ports, one)),
    isShadowed ? queueShadows(ports.shadowQueue, wanted) : undefined,
  ]);
  return new Map([...Map.groupBy(wanted, ({ row }) => row.id)].map(([id, list]) => [id, list.length]));
}

/** Have an ordered subscription's new events sent. They need not wait for a record whose event is retried later. */
async function wakeFollower(ports: AskForDrainPorts, follower: SubscriptionRoute): Promise<void> {
  await askForDrain(ports, follower, true).catch(() =>
    // A fault in the state of one endpoint fails its own drain, and no publication.
    ports.drainQueue.send({ kind: 'drain', subscription: follower.id, scope: scopeOf(follower) }, 0),
  );
}

/** The job of an event's first attempt. */
export function toJob(subscription: Pick<SubscriptionRoute, 'id' | 'tenant'>, row: EventRow): DeliveryJob {
  return {
    subscription: subscription.id,
    scope: scopeOf(subscription),
    event: row.id,
    tenant: row.tenant,
    sequence: row.sequence,
    timestamp: row.timestamp,
    attempt: 1,
    ...(row.correlation_id === undefined ? {} : { trace: row.correlation_id }),
  };
}
