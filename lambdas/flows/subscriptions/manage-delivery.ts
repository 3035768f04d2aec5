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
 * Send an event to a subscription now. It takes the place of an attempt that waits: that one, when its time
 * comes, finds that it has been made. Of a delivery that has ended it begins a new schedule.
 *
 * @param first - What the delivery is where none is stored.
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
  // Who drains may have seen the entry before the delivery, and have removed it.
  await ports.deliveries.remind([delivery]);
  await askForDrain(ports, subscription, true);
  return delivery;
}

/** Whether it is to be sent anyway. */
function isPending({ state }: Delivery): boolean {
  return state === 'waiting' || state === 'retrying';
}

/** A delivery that a person has given up. */
export function cancelledDelivery(delivery: Delivery): Delivery {
  return { ...delivery, state: 'cancelled', nextAttemptAt: undefined, waitsIn: undefined, isManual: undefined };
}

export type Cancellation =
  | { readonly kind: 'cancelled'; readonly delivery: Delivery }
  /** It had been cancelled, or there was nothing left to cancel. */
  | { readonly kind: 'ended'; readonly delivery: Delivery }
  | { readonly kind: 'unknown' };

/** Give an event up for a subscription. */
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
