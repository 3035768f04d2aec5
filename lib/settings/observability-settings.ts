import { z } from 'zod';
import { numeric } from './whole-number.ts';

/** @see https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html */
const parameterName = /^\/[A-Za-z0-9_./-]{1,1000}$/;

function ratio() {
  return numeric(z.number().min(0).max(1)).describe('a number from 0 to 1');
}

/** What is logged, and what is traced. */
export const observabilitySettings = {
  /**
   * Least level of log lines. Metrics are not affected.
   * @default info
   */
  logLevel: z.enum(['info', 'warn', 'error']).describe('one of info, warn, error'),
  /**
   * Share of the webhooks and runs of syncs whose successes are logged, the same in every function. Failures are always
   * logged, and metrics always count.
   * @default 1
   */
  logSampleRatio: ratio(),
  /**
   * Whether AWS X-Ray traces the functions: 1 invocation a second and 5 % of the others, 5 USD for a million traces.
   * @default off
   */
  tracing: z.enum(['off', 'active']).describe('one of off, active'),
  /**
   * Share of the traces that are exported, and that callbacks say are sampled (`traceparent`).
   * @default 1
   */
  traceSampleRatio: ratio(),
  /**
   * URL of an OpenTelemetry collector to which spans are posted (OTLP over HTTP, JSON).
   * @example https://otlp.example.com/v1/traces
   * @default - none: no span is made
   */
  otlpEndpoint: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('a URL with the scheme https or http'),
  /**
   * Name of an SSM parameter (SecureString) with the headers that the collector asks for, as
   * `name=value,name=value`: the encoding of OTEL_EXPORTER_OTLP_HEADERS.
   * @default - none
   */
  otlpHeadersParameter: z
    .string()
    .regex(parameterName)
    .optional()
    .describe('the name of an SSM parameter that begins with a slash'),
};
