import type { AlarmProperties } from '../template/resources/cloudwatch.ts';
import type { StackResources } from '../template/stack-resources.ts';
import { type MathExpression, parseMetricMath } from './metric-math.ts';
import { type MetricKey, statistics } from './metric-store.ts';

/** A metric that an alarm reads, with how its samples become one value. */
export interface AlarmMetric {
  readonly id: string;
  readonly key: MetricKey;
  readonly statistic: string;
}

/** An alarm of the template. */
export interface AlarmModel {
  readonly logicalId: string;
  /** Construct path: `RawQueue/StuckAlarm`. */
  readonly path: string;
  readonly description: string;
  readonly metrics: readonly AlarmMetric[];
  /** Of the metrics; undefined where the alarm watches the only one. */
  readonly expression: MathExpression | undefined;
  readonly periodMs: number;
  /** Periods that it looks at, and how many of them must be beyond the threshold. */
  readonly periods: number;
  readonly toAlarm: number;
  readonly threshold: number;
  readonly whenBelow: boolean;
  /** Whether a period without data counts as beyond the threshold. */
  readonly missingIsBeyond: boolean;
}

/** The alarms of a template; faults name those that the runner could not evaluate as CloudWatch does. */
export function readAlarms(resources: StackResources, faults: string[]): readonly AlarmModel[] {
  return resources.ofType('AWS::CloudWatch::Alarm').flatMap(({ logicalId, path, properties }) => {
    try {
      return [{ logicalId, path, description: properties.AlarmDescription ?? '', ...readAlarm(properties) }];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      faults.push(`${logicalId}: ${error.message}`);
      return [];
    }
  });
}

function readAlarm(properties: AlarmProperties): Omit<AlarmModel, 'logicalId' | 'path' | 'description'> {
  const { metrics, expression, periodMs } = readMetrics(properties);
  for (const { statistic } of metrics)
    if (!statistics.test(statistic)) throw new RangeError(`the statistic ${statistic} is not understood`);
  return {
    metrics,
    expression,
    periodMs,
    periods: properties.EvaluationPeriods,
    toAlarm: properties.DatapointsToAlarm ?? properties.EvaluationPeriods,
    threshold: properties.Threshold,
    whenBelow: properties.ComparisonOperator === 'LessThanThreshold',
    missingIsBeyond: properties.TreatMissingData === 'breaching',
  };
}

function readMetrics(properties: AlarmProperties): Pick<AlarmModel, 'metrics' | 'expression' | 'periodMs'> {
  const { Metrics, MetricName, Namespace, Dimensions, Period } = properties;
  const statistic = properties.Statistic ?? properties.ExtendedStatistic;
  if (Metrics === undefined) {
    if (MetricName === undefined || Namespace === undefined || Period === undefined || statistic === undefined)
      throw new RangeError('it names neither Metrics, nor a metric with its namespace, statistic and period');
    const key = { namespace: Namespace, name: MetricName, dimensions: toDimensions(Dimensions) };
    return { metrics: [{ id: 'metric', key, statistic }], expression: undefined, periodMs: Period * 1_000 };
  }
  const metrics = Metrics.flatMap(({ Id, MetricStat }): AlarmMetric[] =>
    MetricStat === undefined
      ? []
      : [
          {
            id: Id,
            key: {
              namespace: MetricStat.Metric.Namespace,
              name: MetricStat.Metric.MetricName,
              dimensions: toDimensions(MetricStat.Metric.Dimensions),
            },
            statistic: MetricStat.Stat,
          },
        ],
  );
  const periods = new Set(Metrics.flatMap(({ MetricStat }) => MetricStat?.Period ?? []));
  const [watched, ...others] = Metrics.filter(({ Expression }) => Expression !== undefined);
  const [period] = periods;
  if (watched?.Expression === undefined || others.length > 0 || period === undefined || periods.size > 1)
    throw new RangeError('expected one expression of metrics with one period');
  const expression = parseMetricMath(watched.Expression);
  const read = (id: string) => {
    if (!metrics.some((one) => one.id === id)) throw new RangeError(`its expression names ${id}, which is no metric`);
    return 1;
  };
  expression({ read, metrics: () => metrics.map(() => 1), quota: read });
  return { metrics, expression, periodMs: period * 1_000 };
}

function toDimensions(dimensions: AlarmProperties['Dimensions']): Readonly<Record<string, string>> {
  return Object.fromEntries((dimensions ?? []).map(({ Name, Value }) => [Name, Value]));
}
