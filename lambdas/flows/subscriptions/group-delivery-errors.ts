import type { Delivery } from '../../engine/delivery/delivery.ts';
import { type ErrorGroup, groupErrors } from '../../engine/statistics/error-groups.ts';
import type { DeliveryLog } from '../../ports/delivery/delivery-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

/** Deliveries read per subscription. */
const maxDeliveries = 1_000;
/** Subscriptions read concurrently: each may take some megabytes. */
const atATime = 3;

/** What went wrong with the newest deliveries of these subscriptions, in groups. */
export async function groupDeliveryErrors(
  { deliveries }: { readonly deliveries: Pick<DeliveryLog, 'listNewest'> },
  subscriptions: readonly string[],
  {
    tenant,
    sinceMs,
    untilMs,
  }: { readonly tenant: string | undefined; readonly sinceMs: number; readonly untilMs: number },
): Promise<{ readonly groups: readonly ErrorGroup[]; readonly isComplete: boolean }> {
  const range = { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
  const found: Delivery[] = [];
  let isComplete = true;
  await forEachAtMost(atATime, subscriptions, async (subscription) => {
    const newest = await deliveries.listNewest(subscription, range, maxDeliveries);
    // Of each, the last attempt says what is wrong; the others would take megabytes.
    for (const delivery of newest.items)
      if (tenant === undefined || delivery.tenant === tenant)
        found.push({ ...delivery, attempts: delivery.attempts.slice(-1) });
    if (!newest.isComplete) isComplete = false;
  });
  return { groups: groupErrors(found), isComplete };
}
