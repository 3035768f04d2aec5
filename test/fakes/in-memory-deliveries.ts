import type { Clock } from '../../lambdas/ports/clock.ts';
import type { Delivery, DeliveryKey, DeliveryLog, DeliveryStore } from '../../lambdas/ports/delivery-store.ts';
import { pageOf } from './page-of.ts';

const msPerDay = 86_400_000;

export function createInMemoryDeliveries(
  clock: Clock,
  { retentionDays }: { readonly retentionDays: number } = { retentionDays: 30 },
): DeliveryStore & DeliveryLog {
  const rows = new Map<string, { readonly delivery: Delivery; readonly expiresAtMs: number }>();
  const sortKey = ({ timestamp, event }: DeliveryKey) => `${timestamp}#${event}`;
  const rowKey = (key: DeliveryKey) => `${key.subscription} ${sortKey(key)}`;
  const live = () => [...rows.values()].filter(({ expiresAtMs }) => expiresAtMs > clock.nowMs());
  return {
    async getMany(keys) {
      const wanted = new Set(keys.map(rowKey));
      const found = live().filter(({ delivery }) => wanted.has(rowKey(delivery)));
      return structuredClone(found.map(({ delivery }) => delivery).reverse());
    },
    async putMany(deliveries) {
      for (const delivery of deliveries)
        rows.set(rowKey(delivery), {
          delivery: structuredClone(delivery),
          expiresAtMs: clock.nowMs() + retentionDays * msPerDay,
        });
    },
    async list(subscription, limit, after) {
      const all = live().flatMap(({ delivery }) => (delivery.subscription === subscription ? delivery : []));
      return pageOf(all, sortKey, limit, after, 'falling');
    },
  };
}
