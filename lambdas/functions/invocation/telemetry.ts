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
  /** Publishes each count at once, in a log line of its own, so a later crash does not lose it. */
  readonly outcomesNow: OutcomeCounter<string>;
  readonly tell: Tell;
}

/**
 * Log what a call did, with its counts so far in the same line: a second line for the counts would double the cost. If
 * the log level drops this line, `publishMetrics` publishes the counts alone.
 */
export type Tell = (message: string, details: Readonly<Record<string, unknown>>) => void;

/**
 * Omits the function's name and memory from each line: each function has its own log group. They made up a third of the
 * line that each event writes, and logs are billed by the byte.
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

/** Structured logs and outcome counts of one function. CloudWatch reads the counts as metrics from its log (EMF). */
export function createTelemetry(name: FunctionName, stage: string): Telemetry {
  // Stages of one AWS account share the namespace: without this dimension one stage would raise another's alarms.
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
      // The log line already names the service.
      const { service: _, ...counts } = metrics.serializeMetrics();
      metrics.clearMetrics();
      log.info(message, { ...details, ...counts });
    },
  };
}

/** Publish what a call counted. Many calls count nothing, and publishing nothing logs a warning. */
export function publishMetrics(metrics: Metrics): { readonly after: () => void; readonly onError: () => void } {
  const publish = () => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}
