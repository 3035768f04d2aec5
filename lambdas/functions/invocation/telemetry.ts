import { LogFormatter, Logger, LogItem, LogLevelThreshold } from '@aws-lambda-powertools/logger';
import type {
  LogAttributes,
  LogItemExtraInput,
  LogItemMessage,
  UnformattedAttributes,
} from '@aws-lambda-powertools/logger/types';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { environmentKeys, type FunctionName } from '../../contracts/environment.ts';
import { metricsNamespace } from '../../contracts/outcomes.ts';
import { isSampled } from '../../engine/trace/traceparent.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';

/** What a handler reports through. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outcomes: OutcomeCounter<string>;
  /** Publishes each count at once, in a log line of its own, so a later crash does not lose it. */
  readonly outcomesNow: OutcomeCounter<string>;
  readonly tell: Tell;
  readonly mayTell: MayTell;
}

/**
 * Whether a line names a success of a trace: `logSampleRatio` of them, the same traces in every function, so that the
 * lines that remain tell whole ways. Failures are always logged, and counts are never sampled.
 */
export type MayTell = (correlationId: string) => boolean;

export const tellAll: MayTell = () => true;

const levels = { info: LogLevelThreshold.INFO, warn: LogLevelThreshold.WARN, error: LogLevelThreshold.ERROR };

/** Which lines are written. */
export interface Logging {
  readonly level: keyof typeof levels;
  /** From 0 to 1. */
  readonly sampleRatio: number;
}

const everything: Logging = { level: 'info', sampleRatio: 1 };

export function loggingOf(
  env: Readonly<Record<typeof environmentKeys.logLevel | typeof environmentKeys.logSampleRatio, string>>,
): Logging {
  const level = env[environmentKeys.logLevel];
  return {
    level: level === 'warn' || level === 'error' ? level : 'info',
    sampleRatio: Number(env[environmentKeys.logSampleRatio]),
  };
}

/**
 * Log what a call did, with its counts so far in the same line: a second line for the counts would double the cost. If
 * the log level drops this line, `publishMetrics` publishes the counts alone.
 */
export type Tell = (message: string, details: Readonly<Record<string, unknown>>) => void;

/** Whether X-Ray records this invocation. @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
function isTraced(): boolean {
  return /;Sampled=1(;|$)/.test(process.env['_X_AMZN_TRACE_ID'] ?? '');
}

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
        // Set only in invocations that X-Ray samples.
        ...(isTraced() ? { xray_trace_id: attributes.xRayTraceId } : {}),
      },
    }).addAttributes(additional);
  }
}

/** Lambda's own log level takes precedence in Powertools, and would drop metrics, too: so this one drops lines itself. */
class EngineLogger extends Logger {
  least: number = LogLevelThreshold.INFO;

  override info(message: LogItemMessage, ...more: LogItemExtraInput): void {
    if (this.least <= LogLevelThreshold.INFO) super.info(message, ...more);
  }

  override warn(message: LogItemMessage, ...more: LogItemExtraInput): void {
    if (this.least <= LogLevelThreshold.WARN) super.warn(message, ...more);
  }
}

/** Structured logs and outcome counts of one function. CloudWatch reads the counts as metrics from its log (EMF). */
export function createTelemetry(name: FunctionName, stage: string, logging: Logging = everything): Telemetry {
  // Stages of one AWS account share the namespace: without this dimension one stage would raise another's alarms.
  const metrics = new Metrics({ namespace: metricsNamespace, serviceName: name, defaultDimensions: { stage } });
  const log = new EngineLogger({ serviceName: name, logFormatter: new EngineLogFormatter() });
  log.least = levels[logging.level];
  return {
    log,
    metrics,
    outcomes: { count: (outcome, amount = 1) => void metrics.addMetric(outcome, MetricUnit.Count, amount) },
    outcomesNow: {
      count: (outcome, amount = 1) => void metrics.singleMetric().addMetric(outcome, MetricUnit.Count, amount),
    },
    tell(message, details) {
      if (Math.max(log.level, log.least) > LogLevelThreshold.INFO) return;
      if (!metrics.hasStoredMetrics()) {
        log.info(message, details);
        return;
      }
      // The log line already names the service.
      const { service: _, ...counts } = metrics.serializeMetrics();
      metrics.clearMetrics();
      log.info(message, { ...details, ...counts });
    },
    mayTell: (correlationId) => isSampled(correlationId, logging.sampleRatio),
  };
}

/** Publish what a call counted. Many calls count nothing, and publishing nothing logs a warning. */
export function publishMetrics(metrics: Metrics): { readonly after: () => void; readonly onError: () => void } {
  const publish = () => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}
