import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { FunctionName } from '../contracts/environment.ts';
import { metricsNamespace } from '../contracts/outcomes.ts';
import type { OutcomeCounter } from '../ports/outcome-counter.ts';

/** What a handler reports through. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outcomes: OutcomeCounter<string>;
}

/** Structured logs and outcome counts of one function. Outcomes become CloudWatch metrics through its log (EMF). */
export function createTelemetry(name: FunctionName): Telemetry {
  const metrics = new Metrics({ namespace: metricsNamespace, serviceName: name });
  return {
    log: new Logger({ serviceName: name }),
    metrics,
    outcomes: { count: (outcome, amount = 1) => void metrics.addMetric(outcome, MetricUnit.Count, amount) },
  };
}

/** Publishes what a call has counted. Many count nothing, and an empty publication would be a warning each. */
export function publishMetrics(metrics: Metrics): { readonly after: () => void; readonly onError: () => void } {
  const publish = () => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}
