import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { DeliveryLog } from '../../ports/delivery/delivery-store.ts';

/** Pages that are read for one page of those in a state. */
const maxReads = 10;

/**
 * A subscription's deliveries, newest first; with a state, those that are in it.
 *
 * Those in a state stand among the others. A page of them may be short, or empty, without being the last:
 * `next` alone tells.
 */
export async function listDeliveries(
  { deliveries }: { readonly deliveries: Pick<DeliveryLog, 'list'> },
  subscription: string,
  { state, limit, after }: { state: Delivery['state'] | undefined; limit: number; after: string | undefined },
): Promise<Page<Delivery>> {
  if (state === undefined) return deliveries.list(subscription, limit, after);
  const items: Delivery[] = [];
  let next = after;
  // A read never finds more than there is room for, so that `next` is where the last one ended.
  for (let reads = 0; reads < maxReads && items.length <= limit / 2; reads += 1) {
    const page = await deliveries.list(subscription, limit - items.length, next);
    items.push(...page.items.filter((delivery) => delivery.state === state));
    next = page.next;
    if (next === undefined) break;
  }
  return { items, next };
}
