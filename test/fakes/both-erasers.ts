import type { DeliveryEraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';

/** Deliveries and replays share a table and an eraser; the fakes store them separately. */
export function bothErasers(deliveries: DeliveryEraser, replays: DeliveryEraser): DeliveryEraser {
  return {
    async findOf(subscription, tenant, after) {
      const [which, within] = after === undefined ? [0, undefined] : (JSON.parse(after) as [number, string?]);
      const page = await [deliveries, replays][which]?.findOf(subscription, tenant, within ?? undefined);
      if (page === undefined) return { items: [], next: undefined };
      if (page.next !== undefined) return { items: page.items, next: JSON.stringify([which, page.next]) };
      return { items: page.items, next: which === 0 ? JSON.stringify([1]) : undefined };
    },
    async removeMany(items) {
      await deliveries.removeMany(items);
      await replays.removeMany(items);
    },
  };
}
