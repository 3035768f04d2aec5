import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
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

/**
 * A log group is one function's alone, so its lines do not say each time whose they are, nor with how much memory:
 * of a line per event that was a third, and logs are paid for by the byte.
 */
class EngineLogFormatter extends LogFormatter {
  formatAttributes(attributes: UnformattedAttributes, additional: LogAttributes): LogItem {
    const { logLevel, message, timestamp, serviceName, lambdaContext, xRayTraceId } = attributes;
    return new LogItem({
      attributes: {
        level: logLevel,
        message,
        timestamp: this.formatTimestamp(timestamp),
        service: serviceName,
        ...(lambdaContext?.coldStart === true ? { cold_start: true } : {}),
        function_request_id: lambdaContext?.awsRequestId,
        xray_trace_id: xRayTraceId,
      },
    }).addAttributes(additional);
  }
}

/** Structured logs and outcome counts of one function. Outcomes become CloudWatch metrics through its log (EMF). */
export function createTelemetry(name: FunctionName): Telemetry {
  const metrics = new Metrics({ namespace: metricsNamespace, serviceName: name });
  return {
    log: new Logger({ serviceName: name, logFormatter: new EngineLogFormatter() }),
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
