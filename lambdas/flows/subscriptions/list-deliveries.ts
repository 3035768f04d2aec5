import type { Delivery } from '../../engine/delivery/delivery.ts';
import type { Page } from '../../ports/accounts/account-store.ts';
import type { DeliveryLog } from '../../ports/delivery/delivery-store.ts';

/** Store pages read per answer when filtering by state. */
const maxReads = 10;

/**
 * A subscription's deliveries, newest first, optionally filtered by state.
 *
 * The store does not index by state, so a filtered page may be short or empty without being the last. Only `next` says
 * whether more follow.
 */
export async function listDeliveries(
  { deliveries }: { readonly deliveries: Pick<DeliveryLog, 'list'> },
  subscription: string,
  { state, limit, after }: { state: Delivery['state'] | undefined; limit: number; after: string | undefined },
): Promise<Page<Delivery>> {
  if (state === undefined) return deliveries.list(subscription, limit, after);
  const items: Delivery[] = [];
  let next = after;
  // Never read more than there is room for, so that `next` is the cursor of the last read.
  for (let reads = 0; reads < maxReads && items.length <= limit / 2; reads += 1) {
    const page = await deliveries.list(subscription, limit - items.length, next);
    items.push(...page.items.filter((delivery) => delivery.state === state));
    next = page.next;
    if (next === undefined) break;
  }
  return { items, next };
}
