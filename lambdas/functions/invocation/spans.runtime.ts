import type { Logger } from '@aws-lambda-powertools/logger';
import type { OtlpExporter } from '../../adapters/http/otlp-exporter.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { EngineError } from '../../contracts/engine-error.ts';
import { environmentKeys, type FunctionName } from '../../contracts/environment.ts';
import { readOtlpHeaders } from '../../engine/trace/otlp-json.ts';
import { createSpanBuffer, type SpanBuffer } from './span-buffer.ts';

type TracingEnvironment = Readonly<
  Record<
    | typeof environmentKeys.stage
    | typeof environmentKeys.traceSampleRatio
    | typeof environmentKeys.otlpEndpoint
    | typeof environmentKeys.otlpHeadersParameter,
    string
  >
>;

/** @throws {configuration-invalid} when the parameter does not hold headers. */
export function headersIn(parameter: string, text: string): Readonly<Record<string, string>> {
  const headers = readOtlpHeaders(text);
  if (headers === undefined)
    throw new EngineError('configuration-invalid', `the parameter ${parameter} must hold name=value,name=value`, {
      retryable: false,
    });
  return headers;
}

/** An export delays the end of an invocation by this much at most. */
const exportMs = 1_000;

export interface TracedRuntime {
  readonly spans?: SpanBuffer;
}

/** The spans of a function; none where no collector is set. */
export function createSpans(name: FunctionName, env: TracingEnvironment, log: Logger): TracedRuntime {
  const endpoint = env[environmentKeys.otlpEndpoint];
  if (endpoint === '') return {};
  const parameter = env[environmentKeys.otlpHeadersParameter];
  let exporter: OtlpExporter | undefined;
  return {
    spans: createSpanBuffer({
      source: { stage: env[environmentKeys.stage], function: name },
      sampleRatio: Number(env[environmentKeys.traceSampleRatio]),
      clock: systemClock,
      log,
      // Loaded with the first spans: a function without a collector does not pay for it.
      exporter: async () => {
        const { createOtlpExporter } = await import('../../adapters/http/otlp-exporter.ts');
        exporter ??= createOtlpExporter({
          endpoint,
          timeoutMs: exportMs,
          headers: async () => {
            if (parameter === '') return {};
            const { readSsmParameter } = await import('../../adapters/aws/ssm-parameter.ts');
            return headersIn(parameter, await readSsmParameter(parameter));
          },
        });
        return exporter;
      },
    }),
  };
}
