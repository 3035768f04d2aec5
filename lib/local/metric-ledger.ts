import type { MetricStore } from './metrics/metric-store.ts';

/** One metric as CloudWatch would store it: the sum of all samples of one name and dimension set. */
export interface MetricSum {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly sum: number;
  readonly samples: number;
}

/**
 * Sums the metrics that functions log in CloudWatch's embedded metric format.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export interface MetricLedger {
  /** Count the metrics of a line. @returns Whether the line holds only metrics; other lines belong in the log, too. */
  record(line: string): boolean;
  /**
   * Sum of a metric over the samples that have a dimension set with at least the given dimensions. Each logged sample
   * counts once, however many dimension sets it was published under.
   */
  sum(name: string, dimensions?: Readonly<Record<string, string>>): number;
  list(): readonly MetricSum[];
}

interface EmbeddedMetadata {
  readonly CloudWatchMetrics: readonly Directive[];
  /** Epoch milliseconds. */
  readonly Timestamp?: unknown;
}

interface Directive {
  readonly Namespace?: unknown;
  readonly Dimensions?: unknown;
  readonly Metrics?: unknown;
}

/** @param store - Also gets each sample, with its time. */
export function createMetricLedger(store?: Pick<MetricStore, 'add'>): MetricLedger {
  const byDimensions = new Map<string, { -readonly [K in keyof MetricSum]: MetricSum[K] }>();
  /** By name, then by the dimension sets of its samples. */
  const byName = new Map<string, Map<string, { readonly sets: readonly Record<string, string>[]; sum: number }>>();

  const add = (namespace: string, name: string, dimensions: Record<string, string>, samples: readonly number[]) => {
    const key = keyOf(namespace, name, dimensions);
    const entry = byDimensions.get(key) ?? { namespace, name, dimensions, sum: 0, samples: 0 };
    for (const sample of samples) entry.sum += sample;
    entry.samples += samples.length;
    byDimensions.set(key, entry);
  };

  return {
    record(line) {
      const root = parseMetricLine(line);
      if (root === undefined) return false;
      const { CloudWatchMetrics: directives, Timestamp: atMs } = root['_aws'] as EmbeddedMetadata;
      for (const directive of directives) {
        const namespace = textOf(directive.Namespace);
        const dimensionSets = Array.isArray(directive.Dimensions) ? directive.Dimensions : [[]];
        for (const metric of Array.isArray(directive.Metrics) ? directive.Metrics : []) {
          const name = textOf((metric as { Name?: unknown }).Name);
          const samples = [root[name]].flat().filter((value) => typeof value === 'number');
          const sets = (dimensionSets as string[][]).map((set) =>
            Object.fromEntries(set.map((key) => [key, textOf(root[key])])),
          );
          const ofName = byName.get(name) ?? new Map();
          byName.set(name, ofName);
          const key = JSON.stringify(sets);
          const sum = samples.reduce((total, sample) => total + sample, ofName.get(key)?.sum ?? 0);
          ofName.set(key, { sets, sum });
          for (const set of sets) {
            add(namespace, name, set, samples);
            if (typeof atMs === 'number') store?.add({ namespace, name, dimensions: set }, samples, atMs);
          }
        }
      }
      return root['message'] === undefined;
    },
    sum(name, dimensions = {}) {
      const asked = Object.entries(dimensions);
      return [...(byName.get(name)?.values() ?? [])]
        .filter(({ sets }) => sets.some((set) => asked.every(([key, value]) => set[key] === value)))
        .reduce((total, { sum }) => total + sum, 0);
    },
    list: () => [...byDimensions.values()],
  };
}

/** The parsed line if it holds metrics. Tests cheaply first, because every log line passes here. */
function parseMetricLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{') || !line.includes('"CloudWatchMetrics"')) return undefined;
  try {
    const root = JSON.parse(line) as Record<string, unknown>;
    const metadata = root['_aws'] as { CloudWatchMetrics?: unknown } | undefined;
    return Array.isArray(metadata?.CloudWatchMetrics) ? root : undefined;
  } catch {
    return undefined;
  }
}

/** EMF names and dimension values are strings; a number becomes text, as in CloudWatch. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function keyOf(namespace: string, name: string, dimensions: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, name, sorted]);
}
