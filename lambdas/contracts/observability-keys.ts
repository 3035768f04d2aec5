/** Environment keys of logs and traces. */
export const observabilityKeys = {
  /** Least level of log lines: `info`, `warn` or `error`. */
  logLevel: 'TRIBUTARY_LOG_LEVEL',
  /** Share of the traces whose successes are logged, from 0 to 1. */
  logSampleRatio: 'TRIBUTARY_LOG_SAMPLE_RATIO',
  /** URL of an OpenTelemetry collector that takes OTLP over HTTP; empty where there is none. */
  otlpEndpoint: 'TRIBUTARY_OTLP_ENDPOINT',
  /** Name of the SSM parameter that holds the headers of that collector; empty where it needs none. */
  otlpHeadersParameter: 'TRIBUTARY_OTLP_HEADERS_PARAMETER',
  /** Share of the traces that are sampled, from 0 to 1. */
  traceSampleRatio: 'TRIBUTARY_TRACE_SAMPLE_RATIO',
} as const;

/** For log lines, besides the stage. */
export const loggedKeys = [observabilityKeys.logLevel, observabilityKeys.logSampleRatio] as const;

/** For exporting spans. */
export const tracingKeys = [
  observabilityKeys.traceSampleRatio,
  observabilityKeys.otlpEndpoint,
  observabilityKeys.otlpHeadersParameter,
] as const;
