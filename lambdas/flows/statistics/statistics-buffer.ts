import { hourOf } from '../../engine/statistics/hour.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { HourlyCounts, RequestCount, StatisticsWriter } from '../../ports/runtime/statistics-store.ts';
import { forEachAtMost } from '../concurrency/for-each-at-most.ts';

/** What is counted now: its hour is this one. */
export type Tally = Omit<HourlyCounts, 'hour'>;

export interface StatisticsBuffer {
  /**
   * Add to what waits, and write all of it that may be written now.
   *
   * @throws What a write failed with, once all writes have ended. Its counts wait for the next call.
   */
  add(tallies: readonly Tally[]): Promise<void>;
}

/** How often one integration's counts for one tenant are written; what comes more often waits. */
export interface WriteRate {
  /** Writes at once, after a while without any. */
  readonly burst: number;
  readonly spacingMs: number;
}

/** Writes that are under way at a time. */
const maxConcurrentWrites = 10;

/**
 * Sums up what one function's instance counts, so that much of it is one write.
 *
 * What waits is in memory: it goes with the instance.
 *
 * @param rate - Undefined writes with every call.
 */
export function createStatisticsBuffer(
  { statistics, clock }: { readonly statistics: StatisticsWriter; readonly clock: Clock },
  rate?: WriteRate,
): StatisticsBuffer {
  const waiting = new Map<string, HourlyCounts>();
  /** When each would have made all of its writes, had it kept to the spacing. */
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
      // Taken out before they are written: another call must not write them too.
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
