import { LogFormatter, Logger, LogItem, LogLevelThreshold } from '@aws-lambda-powertools/logger';
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { FunctionName } from '../../contracts/environment.ts';
import { metricsNamespace } from '../../contracts/outcomes.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';

/** What a handler reports through. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outcomes: OutcomeCounter<string>;
  /** Counts in a line of its own at once: a call that dies afterwards has counted it. */
  readonly outcomesNow: OutcomeCounter<string>;
  readonly tell: Tell;
}

/**
 * Log what a call has done, with what it has counted until then in the same line: in one of their own, the counts
 * would cost as much again. Where lines of this level are not logged, the counts go out alone.
 */
export type Tell = (message: string, details: Readonly<Record<string, unknown>>) => void;

/**
 * A log group is one function's alone, so its lines do not say each time whose they are, nor with how much memory:
 * of a line per event that was a third, and logs are paid for by the byte.
 */
class EngineLogFormatter extends LogFormatter {
  formatAttributes(attributes: UnformattedAttributes, additional: LogAttributes): LogItem {
    const { logLevel, message, timestamp, serviceName, lambdaContext } = attributes;
    return new LogItem({
      attributes: {
        level: logLevel,
        message,
        timestamp: this.formatTimestamp(timestamp),
        service: serviceName,
        ...(lambdaContext?.coldStart === true ? { cold_start: true } : {}),
        function_request_id: lambdaContext?.awsRequestId,
      },
    }).addAttributes(additional);
  }
}

/** Structured logs and outcome counts of one function. Outcomes become CloudWatch metrics through its log (EMF). */
export function createTelemetry(name: FunctionName, stage: string): Telemetry {
  // Stages of one account share the namespace: without their dimension one would raise the other's alarms.
  const metrics = new Metrics({ namespace: metricsNamespace, serviceName: name, defaultDimensions: { stage } });
  const log = new Logger({ serviceName: name, logFormatter: new EngineLogFormatter() });
  return {
    log,
    metrics,
    outcomes: { count: (outcome, amount = 1) => void metrics.addMetric(outcome, MetricUnit.Count, amount) },
    outcomesNow: {
      count: (outcome, amount = 1) => void metrics.singleMetric().addMetric(outcome, MetricUnit.Count, amount),
    },
    tell(message, details) {
      if (log.level > LogLevelThreshold.INFO) return;
      if (!metrics.hasStoredMetrics()) {
        log.info(message, details);
        return;
      }
      // Each of its lines names the service.
      const { service: _, ...counts } = metrics.serializeMetrics();
      metrics.clearMetrics();
      log.info(message, { ...details, ...counts });
    },
  };
}

/** Publishes what a call has counted. Many count nothing, and an empty publication would be a warning each. */
export function publishMetrics(metrics: Metrics): { readonly after: () => void; readonly onError: () => void } {
  const publish = () => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}
