import { LogFormatter, Logger, LogItem, LogLevelThreshold } from '@aws-lambda-powertools/logger';
import type {
  LogAttributes,
  LogItemExtraInput,
  LogItemMessage,
  UnformattedAttributes,
} from '@aws-lambda-powertools/logger/types';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { environmentKeys, type FunctionName } from '../../contracts/environment.ts';
import {
  type EngineMetric,
  type Measure,
  type MetricDimension,
  measureUnits,
  metricsNamespace,
} from '../../contracts/outcomes.ts';
import { isSampled } from '../../engine/trace/traceparent.ts';
import type { OutcomeCounter } from '../../ports/runtime/outcome-counter.ts';

/** What a handler reports through. */
export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly outcomes: OutcomeCounter<string>;
  /** Publishes each count at once, in a log line of its own, so a later crash does not lose it. */
  readonly outcomesNow: OutcomeCounter<string>;
  readonly measure: (name: Measure, value: number) => void;
  readonly tell: Tell;
  /** The same for a warning; it carries no other metrics of the call. */
  readonly warn: Tell;
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
 * Log what a call did, with its counts and measures so far in the same line: a second line for them would double the
 * cost. If the log level drops this line, `publishMetrics` publishes them alone.
 *
 * @param details - Undefined for a success that is not sampled: only `apart` is written then.
 * @param apart - Metrics with further dimensions, of this line only.
 */
export type Tell = (
  message: string,
  details: Readonly<Record<string, unknown>> | undefined,
  apart?: MetricsApart,
) => void;

/**
 * Metrics with further dimensions. A line has one value for each dimension, so what differs within a call (the
 * integrations of a batch) needs a line each.
 */
export interface MetricsApart {
  readonly values: { readonly [Name in EngineMetric]?: number };
  /** The value of each dimension. */
  readonly dimensions: { readonly [Name in MetricDimension]?: string | undefined };
  /** The sets of dimensions under which the values count; each makes a series of its own, which costs. */
  readonly by: readonly (readonly MetricDimension[])[];
}

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
    measure: (name, value) => void metrics.addMetric(name, measureUnits[name], Math.max(0, Math.round(value))),
    tell(message, details, apart) {
      const own = apart === undefined ? undefined : serializeApart(apart, stage);
      if (details === undefined || Math.max(log.level, log.least) > LogLevelThreshold.INFO) {
        if (own !== undefined) writeLine({ service: name, ...own });
        return;
      }
      const counts = metrics.hasStoredMetrics() ? serialize(metrics) : undefined;
      log.info(message, { ...details, ...merge(counts, own) });
    },
    warn(message, details, apart) {
      const own = apart === undefined ? undefined : serializeApart(apart, stage);
      if (Math.max(log.level, log.least) <= LogLevelThreshold.WARN) log.warn(message, { ...details, ...own });
      else if (own !== undefined) writeLine({ service: name, ...own });
    },
    mayTell: (correlationId) => isSampled(correlationId, logging.sampleRatio),
  };
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
}

/** A line in CloudWatch's embedded metric format, without what the log line has. */
interface EmbeddedMetrics {
  readonly _aws: { readonly Timestamp: number; readonly CloudWatchMetrics: readonly Directive[] };
  readonly [name: string]: unknown;
}

/** The stored metrics, which are stored no longer. Counts of a call are one number: 12 instead of twelve ones. */
function serialize(metrics: Metrics): EmbeddedMetrics {
  // The log line already names the service.
  const { service: _, ...stored } = metrics.serializeMetrics() as EmbeddedMetrics;
  metrics.clearMetrics();
  const counts = stored._aws.CloudWatchMetrics.flatMap(({ Metrics: named }) => named)
    .filter(({ Unit }) => Unit === MetricUnit.Count)
    .map(({ Name }) => [Name, sumOf(stored[Name])]);
  return { ...(stored as EmbeddedMetrics), ...Object.fromEntries(counts) };
}

function sumOf(values: unknown): number {
  return [values].flat().reduce((sum: number, value) => sum + Number(value), 0);
}

function serializeApart({ values, dimensions, by }: MetricsApart, stage: string): EmbeddedMetrics {
  const directive = {
    Namespace: metricsNamespace,
    Dimensions: by.map((names) => ['service', 'stage', ...names]),
    Metrics: Object.keys(values).map((Name) => ({
      Name,
      Unit: Name in measureUnits ? measureUnits[Name as Measure] : MetricUnit.Count,
    })),
  };
  return { _aws: { Timestamp: Date.now(), CloudWatchMetrics: [directive] }, stage, ...dimensions, ...values };
}

function merge(one: EmbeddedMetrics | undefined, other: EmbeddedMetrics | undefined): object {
  if (one === undefined || other === undefined) return one ?? other ?? {};
  const directives = [...one._aws.CloudWatchMetrics, ...other._aws.CloudWatchMetrics];
  return { ...one, ...other, _aws: { ...one._aws, CloudWatchMetrics: directives } };
}

/** Past the runtime's console, which would wrap the line in another one. */
function writeLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Publish what a call counted. Many calls count nothing, and publishing nothing logs a warning. */
export function publishMetrics(metrics: Metrics): { readonly after: () => void; readonly onError: () => void } {
  const publish = () => {
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics();
  };
  return { after: publish, onError: publish };
}
