import { EngineError } from '../../contracts/engine-error.ts';
import type { Delivery } from '../../engine/delivery/delivery.ts';
import { parked, restarted } from '../../engine/delivery/record-attempt.ts';
import { type DeliveryKey, type DeliveryStore, manualReplay } from '../../ports/delivery/delivery-store.ts';
import type { Subscription } from '../../ports/delivery/subscription-store.ts';
import type { DrainQueue } from '../../ports/events/queues.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { askForDrain } from '../deliver/ask-for-drain.ts';
import type { EndpointPorts } from '../deliver/change-endpoint.ts';

export interface ManageDeliveryPorts extends EndpointPorts {
  readonly deliveries: Pick<DeliveryStore, 'getMany' | 'replace' | 'remind'>;
  readonly drainQueue: DrainQueue;
  readonly clock: Clock;
}

const maxAttempts = 5;

/**
 * Send an event to a subscription now. This replaces a scheduled attempt, which later finds that it is obsolete. A
 * delivery that has ended begins a new retry schedule.
 *
 * @param first - The delivery to store if none exists.
 */
export async function attemptNow(
  ports: ManageDeliveryPorts,
  subscription: Subscription,
  first: Delivery,
): Promise<Delivery> {
  const delivery = await changeDelivery(ports, first, (stored) => ({
    ...parked(stored === undefined ? first : isPending(stored) ? stored : restarted(stored)),
    isManual: true,
    replay: stored?.state === 'delivered' ? (stored.replay ?? manualReplay) : stored?.replay,
  }));
  // A drain may have read the backlog entry before the delivery existed, and removed it.
  await ports.deliveries.remind([delivery]);
  await askForDrain(ports, subscription, true);
  return delivery;
}

/** Whether the delivery is already due to be sent. */
function isPending({ state }: Delivery): boolean {
  return state === 'waiting' || state === 'retrying';
}

/** The delivery, cancelled by its owner. */
export function cancelledDelivery(delivery: Delivery): Delivery {
  return { ...delivery, state: 'cancelled', nextAttemptAt: undefined, waitsIn: undefined, isManual: undefined };
}

export type Cancellation =
  | { readonly kind: 'cancelled'; readonly delivery: Delivery }
  /** The delivery was already cancelled, or had already ended. */
  | { readonly kind: 'ended'; readonly delivery: Delivery }
  | { readonly kind: 'unknown' };

/** Cancel the delivery of an event to a subscription. */
export async function cancelDelivery(ports: ManageDeliveryPorts, key: DeliveryKey): Promise<Cancellation> {
  const [stored] = await ports.deliveries.getMany([key]);
  if (stored === undefined) return { kind: 'unknown' };
  let kind: 'cancelled' | 'ended' = 'ended';
  const delivery = await changeDelivery(ports, stored, (current = stored) => {
    const isWaiting = isPending(current);
    kind = isWaiting ? 'cancelled' : 'ended';
    return isWaiting ? cancelledDelivery(current) : current;
  });
  return { kind, delivery };
}

async function changeDelivery(
  ports: ManageDeliveryPorts,
  key: DeliveryKey,
  change: (stored: Delivery | undefined) => Delivery,
): Promise<Delivery> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const [stored] = await ports.deliveries.getMany([key]);
    const changed = change(stored);
    if (changed === stored) return changed;
    if (await ports.deliveries.replace(changed, stored?.state === 'delivered'))
      return { ...changed, revision: changed.revision + 1 };
  }
  throw new EngineError('contended', 'the delivery is being changed', { retryable: true });
}
