import type { Clock } from '../../lambdas/ports/clock.ts';
import type {
  HourlyCounts,
  RequestCount,
  StatisticsReader,
  StatisticsWriter,
} from '../../lambdas/ports/statistics-store.ts';

const retentionMs = 35 * 86_400_000;

export function createInMemoryStatistics(clock: Clock): StatisticsWriter & StatisticsReader {
  const rows = new Map<string, HourlyCounts>();
  return {
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
  };
}
