import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as the collector got it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number };
  /** Name of the function that made it. */
  readonly from: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** An OpenTelemetry collector that takes OTLP over HTTP. */
export interface SpanCollector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** What was posted, as it came. */
  readonly posts: readonly { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Set how it answers. @default 200 */
  readonly answer: (with_: (response: ServerResponse) => void) => void;
  readonly stop: () => Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
}

function valuesOf(attributes: readonly Attribute[]): CollectedSpan['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue, boolValue } }) => [
      key,
      stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue ?? '',
    ]),
  );
}

export async function startSpanCollector(): Promise<SpanCollector> {
  const spans: CollectedSpan[] = [];
  const posts: { headers: IncomingHttpHeaders; body: string }[] = [];
  const usual = (response: ServerResponse): void =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"partialSuccess":{}}');
  let answer = usual;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      posts.push({ headers: request.headers, body });
      for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans)
        for (const scope of scopeSpans)
          for (const span of scope.spans)
            spans.push({
              ...span,
              from: String(valuesOf(resource.attributes)['faas.name']),
              attributes: valuesOf(span.attributes),
            });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    posts,
    answer: (next) => {
      answer = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
