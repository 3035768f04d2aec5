import type { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { FunctionName } from '../../lambdas/contracts/environment.ts';
import { type EngineMetric, metricsNamespace } from '../../lambdas/contracts/outcomes.ts';
import type { TributaryConfig } from '../config.ts';

/** How the samples of a period become one value. */
export interface MetricView {
  readonly statistic: string;
  readonly period: Duration;
}

/** A metric that a function of the engine counts or measures. */
export function engineMetric(
  { stage }: Pick<TributaryConfig, 'stage'>,
  service: FunctionName,
  metricName: EngineMetric,
  view: MetricView,
): Metric {
  return new Metric({ namespace: metricsNamespace, metricName, dimensionsMap: { service, stage }, ...view });
}

/** The sum of metrics; a metric without data counts as zero. */
export function sumOf(metrics: Readonly<Record<string, Metric>>, label: string, period: Duration): MathExpression {
  return new MathExpression({ expression: 'SUM(FILL(METRICS(), 0))', label, period, usingMetrics: { ...metrics } });
}
