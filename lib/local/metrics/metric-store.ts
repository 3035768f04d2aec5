/** A metric of CloudWatch. */
export interface MetricKey {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** Samples of metrics by minute, as CloudWatch keeps them. */
export interface MetricStore {
  /** @param atMs - On the engine's clock. */
  add(key: MetricKey, samples: readonly number[], atMs: number): void;
  /**
   * One value of the samples from one minute to another, the latter not included.
   *
   * @param statistic - `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount` or a percentile, `p90`.
   * @returns Undefined without samples.
   */
  read(key: MetricKey, statistic: string, fromMs: number, untilMs: number): number | undefined;
}

export const minuteMs = 60_000;
/** Longer than the longest window of an alarm: days. */
const keptMinutes = 3 * 24 * 60;
/** Percentiles are read of so many samples of a minute; a flood of samples must not fill the memory. */
const maxSamples = 2_000;

interface Minute {
  sum: number;
  count: number;
  least: number;
  most: number;
  readonly samples: number[];
}

export const statistics = /^(Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?)$/;

export function createMetricStore(): MetricStore {
  const series = new Map<string, Map<number, Minute>>();
  return {
    add(key, samples, atMs) {
      if (samples.length === 0) return;
      const name = nameOf(key);
      const minutes = series.get(name) ?? new Map<number, Minute>();
      series.set(name, minutes);
      const at = Math.floor(atMs / minuteMs);
      const minute = minutes.get(at) ?? { sum: 0, count: 0, least: Infinity, most: -Infinity, samples: [] };
      minutes.set(at, minute);
      for (const sample of samples) {
        minute.sum += sample;
        minute.count += 1;
        minute.least = Math.min(minute.least, sample);
        minute.most = Math.max(minute.most, sample);
        if (minute.samples.length < maxSamples) minute.samples.push(sample);
      }
      for (const old of minutes.keys()) {
        if (old >= at - keptMinutes) break;
        minutes.delete(old);
      }
    },
    read(key, statistic, fromMs, untilMs) {
      const minutes = series.get(nameOf(key));
      if (minutes === undefined) return undefined;
      const found: Minute[] = [];
      for (const [at, minute] of minutes) if (at * minuteMs >= fromMs && at * minuteMs < untilMs) found.push(minute);
      return found.length === 0 ? undefined : summarize(found, statistic);
    },
  };
}

function summarize(minutes: readonly Minute[], statistic: string): number {
  const sum = minutes.reduce((all, minute) => all + minute.sum, 0);
  const count = minutes.reduce((all, minute) => all + minute.count, 0);
  switch (statistic) {
    case 'Sum':
      return sum;
    case 'SampleCount':
      return count;
    case 'Average':
      return sum / count;
    case 'Minimum':
      return Math.min(...minutes.map(({ least }) => least));
    case 'Maximum':
      return Math.max(...minutes.map(({ most }) => most));
    default: {
      const sorted = minutes.flatMap(({ samples }) => samples).sort((a, b) => a - b);
      const rank = Math.ceil((Number(statistic.slice(1)) / 100) * sorted.length);
      return sorted[Math.max(0, rank - 1)] ?? Number.NaN;
    }
  }
}

function nameOf({ namespace, name, dimensions }: MetricKey): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
