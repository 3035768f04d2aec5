import { hourOf } from '../../engine/statistics/hour.ts';
import type { StatisticsReader } from '../../ports/runtime/statistics-store.ts';

/** What happened in one hour. */
export interface HourOfSeries {
  /** ISO 8601, UTC. */
  readonly hour: string;
  readonly verified: number;
  readonly rejected: number;
  readonly published: number;
  readonly deadLettered: number;
}

const msPerHour = 3_600_000;

/**
 * Requests and events by hour, every hour of the window, oldest first.
 *
 * @param tenant - Undefined for all tenants.
 */
export async function readSeries(
  { statistics }: { readonly statistics: StatisticsReader },
  tenant: string | undefined,
  sinceMs: number,
  untilMs: number,
): Promise<{ readonly hours: readonly HourOfSeries[]; readonly isComplete: boolean }> {
  const last = Math.max(sinceMs, untilMs - 1);
  const { hours, isComplete } = await statistics.read(tenant, hourOf(sinceMs), hourOf(last));
  const byHour = Map.groupBy(hours, ({ hour }) => hour);
  const firstMs = Math.floor(sinceMs / msPerHour) * msPerHour;
  const count = Math.floor((last - firstMs) / msPerHour) + 1;
  return {
    isComplete,
    hours: Array.from({ length: count }, (_, place): HourOfSeries => {
      const beginsMs = firstMs + place * msPerHour;
      const sums = new Map<string, number>();
      for (const { counts } of byHour.get(hourOf(beginsMs)) ?? [])
        for (const [name, amount = 0] of Object.entries(counts)) {
          const key = name.startsWith('rejected:') ? 'rejected' : name;
          sums.set(key, (sums.get(key) ?? 0) + amount);
        }
      return {
        hour: new Date(beginsMs).toISOString(),
        verified: sums.get('verified') ?? 0,
        rejected: sums.get('rejected') ?? 0,
        published: sums.get('published') ?? 0,
        deadLettered: sums.get('dead-lettered') ?? 0,
      };
    }),
  };
}
