import type { Span } from '../../engine/trace/span.ts';
import { attemptSpan } from '../../engine/trace/trace-ids.ts';
import type { Spans } from '../../ports/runtime/spans.ts';
import type { ProviderPorts } from './provider-ports.ts';

/** For what a provider is called. */
export type CallCause = Required<Pick<Span, 'traceId' | 'parentSpanId'>> & Pick<Span, 'links'>;

/**
 * Make a span of each call of a provider.
 *
 * @param causeOf - Asked at each call; undefined where nothing is traced.
 */
export function traceCalls(
  ports: ProviderPorts,
  spans: Spans | undefined,
  causeOf: () => CallCause | undefined,
): ProviderPorts {
  if (spans === undefined) return ports;
  const { api, clock } = ports;
  let calls = 0;
  return {
    ...ports,
    api: {
      async send(request) {
        const startedAtMs = clock.nowMs();
        const answer = await api.send(request);
        const cause = causeOf();
        if (cause === undefined) return answer;
        calls += 1;
        const isFault = answer.kind === 'failed' || answer.status >= 400;
        spans.record({
          ...cause,
          spanId: attemptSpan(cause.traceId, `${cause.parentSpanId} ${startedAtMs}`, calls),
          name: `${request.method} provider`,
          kind: 'client',
          startedAtMs,
          endedAtMs: clock.nowMs(),
          attributes: {
            'http.request.method': request.method,
            // Paths name records, and queries may hold secrets.
            'server.address': new URL(request.url).hostname,
            'http.response.status_code': answer.kind === 'answered' ? answer.status : undefined,
            'error.type': answer.kind === 'failed' ? answer.why : undefined,
          },
          ...(isFault ? { fault: answer.kind === 'failed' ? answer.why : `status ${answer.status}` } : {}),
        });
        return answer;
      },
    },
  };
}
