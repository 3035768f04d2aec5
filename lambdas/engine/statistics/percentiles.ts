/** Percentiles in the unit of the values. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Percentiles by nearest rank: p95 is the smallest value that at least 95 % of the values do not exceed. So each
 * percentile is a value that occurred.
 *
 * @returns Undefined if there are no values.
 */
export function percentilesOf(values: readonly number[]): Percentiles | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  const ranked = (percent: number) => sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? max;
  return { p50: ranked(50), p95: ranked(95), p99: ranked(99), max };
}
