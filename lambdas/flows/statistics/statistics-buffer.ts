import { hourOf } from '../../engine/statistics/hour.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { HourlyCounts, RequestCount, StatisticsWriter } from '../../ports/runtime/statistics-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

/** Counts of the current hour. */
export type Tally = Omit<HourlyCounts, 'hour'>;

export interface StatisticsBuffer {
  /**
   * Add to the waiting counts, and write those that the rate allows now.
   *
   * @throws The first write error, once all writes have ended. The failed counts wait for the next call.
   */
  add(tallies: readonly Tally[]): Promise<void>;
}

/** Write rate of one integration's counts for one tenant; counts beyond the rate wait. */
export interface WriteRate {
  /** Writes without spacing, after a quiet period. */
  readonly burst: number;
  readonly spacingMs: number;
}

/** Most concurrent writes. */
const maxConcurrentWrites = 10;

/**
 * Sums the counts of one function instance, so that many counts share one write.
 *
 * Waiting counts are in memory only, and are lost with the instance.
 *
 * @param rate - Undefined to write at every call.
 */
export function createStatisticsBuffer(
  { statistics, clock }: { readonly statistics: StatisticsWriter; readonly clock: Clock },
  rate?: WriteRate,
): StatisticsBuffer {
  const waiting = new Map<string, HourlyCounts>();
  /** Per key, when its writes so far would end if they kept to the spacing. */
  const spentUntilMs = new Map<string, number>();

  const put = (counts: HourlyCounts) => {
    const key = JSON.stringify([counts.scope, counts.integration, counts.hour]);
    const known = waiting.get(key);
    waiting.set(key, known === undefined ? counts : { ...known, counts: sumOf(known.counts, counts.counts) });
  };
  const mayWrite = ({ scope, integration }: HourlyCounts): boolean => {
    if (rate === undefined) return true;
    const key = JSON.stringify([scope, integration]);
    const nowMs = clock.nowMs();
    const untilMs = Math.max(nowMs, spentUntilMs.get(key) ?? 0) + rate.spacingMs;
    if (untilMs - nowMs > rate.burst * rate.spacingMs) return false;
    spentUntilMs.set(key, untilMs);
    return true;
  };

  return {
    async add(tallies) {
      const hour = hourOf(clock.nowMs());
      for (const tally of tallies) put({ ...tally, hour });
      const written = [...waiting].filter(([, counts]) => mayWrite(counts));
      // Remove counts before the write, so that no concurrent call writes them, too.
      for (const [key] of written) waiting.delete(key);
      const failures: unknown[] = [];
      await forEachAtMost(maxConcurrentWrites, written, async ([, counts]) =>
        statistics.add(counts).catch((error: unknown) => {
          put(counts);
          failures.push(error);
        }),
      );
      if (failures.length > 0) throw failures[0];
    },
  };
}

function sumOf(left: HourlyCounts['counts'], right: HourlyCounts['counts']): HourlyCounts['counts'] {
  const sums = { ...left };
  for (const [name, count] of Object.entries(right) as [RequestCount, number][]) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
