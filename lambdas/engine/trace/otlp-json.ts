import type { Span } from './span.ts';

/** What made the spans. */
export interface SpanSource {
  readonly stage: string;
  /** Name of the function. */
  readonly function: string;
}

const kinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
const errorStatus = 2;
const maxFaultCharacters = 256;

/**
 * The request that exports spans: ExportTraceServiceRequest in the JSON encoding of OTLP.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function toOtlpJson(spans: readonly Span[], source: SpanSource): string {
  const resource = {
    'service.name': 'tributary',
    'deployment.environment.name': source.stage,
    'faas.name': source.function,
    'cloud.provider': 'aws',
  };
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'tributary' }, spans: spans.map(toOtlpSpan) }],
      },
    ],
  });
}

function toOtlpSpan({ traceId, spanId, parentSpanId, name, kind, links = [], fault, ...span }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: kinds[kind],
    startTimeUnixNano: nanosOf(span.startedAtMs),
    endTimeUnixNano: nanosOf(Math.max(span.startedAtMs, span.endedAtMs)),
    attributes: attributesOf(span.attributes),
    ...(links.length === 0 ? {} : { links: links.map(({ traceId: of, spanId: at }) => ({ traceId: of, spanId: at })) }),
    status: fault === undefined ? {} : { code: errorStatus, message: fault.slice(0, maxFaultCharacters) },
  };
}

function attributesOf(values: Span['attributes']): readonly object[] {
  return Object.entries(values).flatMap(([key, value]): readonly object[] => {
    if (value === undefined) return [];
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
    if (typeof value === 'boolean') return [{ key, value: { boolValue: value } }];
    // 64-bit integers are text in the JSON encoding of protobuf.
    return [{ key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

function nanosOf(ms: number): string {
  return `${Math.trunc(ms)}000000`;
}

/**
 * Read headers as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value,name=value`, with values percent-encoded.
 *
 * @returns Undefined for a text that is none.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
 */
export function readOtlpHeaders(text: string): Readonly<Record<string, string>> | undefined {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  const headers: Record<string, string> = {};
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    const name = pair.slice(0, end).trim();
    const value = decoded(pair.slice(end + 1).trim());
    if (end < 1 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || value === undefined) return undefined;
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function decoded(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    return /^[\t\u0020-\u007E]*$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
