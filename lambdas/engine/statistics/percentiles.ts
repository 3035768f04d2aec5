/** How values are spread, in their own unit. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Percentiles by nearest rank: the smallest of the values that so many percent of them do not exceed. So each
 * is a value that occurred, and one value is all of its percentiles.
 *
 * @returns Undefined where there are no values.
 */
export function percentilesOf(values: readonly number[]): Percentiles | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  const ranked = (percent: number) => sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? max;
  return { p50: ranked(50), p95: ranked(95), p99: ranked(99), max };
}
