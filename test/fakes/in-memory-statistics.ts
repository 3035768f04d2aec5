import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type {
  HourlyCounts,
  RequestCount,
  StatisticsReader,
  StatisticsWriter,
} from '../../lambdas/ports/runtime/statistics-store.ts';
import type { Eraser } from '../../lambdas/ports/tenants/tenant-erasers.ts';
import { type Dumpable, dumpOf } from './dump.ts';
import { pageOf } from './page-of.ts';

const retentionMs = 35 * 86_400_000;

export function createInMemoryStatistics(
  clock: Clock,
): StatisticsWriter & StatisticsReader & Dumpable & { readonly eraser: Eraser } {
  const rows = new Map<string, HourlyCounts>();
  return {
    dump: () => dumpOf(rows),
    async add({ scope, integration, hour, counts }) {
      const named = Object.entries(counts) as [RequestCount, number][];
      if (named.length === 0) return;
      const key = JSON.stringify([scope, integration, hour]);
      const sums = { ...rows.get(key)?.counts };
      for (const [name, count] of named) sums[name] = (sums[name] ?? 0) + count;
      rows.set(key, { scope, integration, hour, counts: sums });
    },
    async read(scope, fromHour, toHour) {
      const hours = [...rows.values()].filter(
        (row) =>
          (scope === undefined || row.scope === scope) &&
          row.hour >= fromHour &&
          row.hour <= toHour &&
          Date.parse(`${row.hour}:00:00Z`) + retentionMs > clock.nowMs(),
      );
      return { hours: structuredClone(hours), isComplete: true };
    },
    eraser: {
      async find(tenant, after) {
        const own = [...rows].filter(([, { scope }]) => scope === tenant);
        const page = pageOf(own, ([key]) => key, 2, after);
        return { items: page.items.map(([key]) => ({ kind: 'statistics', key })), next: page.next };
      },
      async remove(_, items) {
        for (const { key } of items) rows.delete(key);
      },
    },
  };
}
