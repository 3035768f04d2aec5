import { normalizeSpan, requestSpan, runSpan, traceOfRequest } from '../../engine/trace/trace-ids.ts';
import { readTraceparent, traceparentHeader } from '../../engine/trace/traceparent.ts';
import type { Normalization, RawDelivery } from '../../flows/normalize/normalization.ts';
import type { Spans } from '../../ports/runtime/spans.ts';

/**
 * Make the spans of a provider's request: its reception, which ingress leaves to this function so that no provider
 * waits for a collector, and its normalization.
 *
 * The sender's own trace is not trusted: it is a link of the root.
 */
export function recordRequest(
  spans: Spans,
  { message, sentAtMs, receiveCount = 1 }: RawDelivery,
  normalization: Normalization,
  time: { readonly startedAtMs: number; readonly endedAtMs: number },
): void {
  const traceId = traceOfRequest(message.rawId);
  const root = requestSpan(traceId);
  const about = {
    'tributary.integration': message.integration,
    'tributary.account': message.account,
    'tributary.request': message.rawId,
  };
  const receivedAtMs = Date.parse(message.receivedAt);
  // A request that is read again, from its queue or the archive, was received once.
  if (receiveCount === 1 && message.archived !== true) {
    const cause = readTraceparent(message.request.headers[traceparentHeader]);
    spans.record({
      traceId,
      spanId: root,
      name: 'receive webhook',
      kind: 'server',
      startedAtMs: receivedAtMs - (message.tookMs ?? 0),
      endedAtMs: sentAtMs ?? receivedAtMs,
      attributes: { ...about, 'http.request.method': message.request.method },
      ...(cause === undefined ? {} : { links: [{ traceId: cause.traceId, spanId: cause.spanId }] }),
    });
  }
  const isFailed = normalization.kind === 'failed';
  spans.record({
    traceId,
    // The spans of its events have the one that succeeds as their parent.
    spanId: isFailed ? runSpan(traceId, time.startedAtMs) : normalizeSpan(traceId),
    parentSpanId: root,
    name: 'normalize webhook',
    kind: 'consumer',
    ...time,
    attributes: { ...about, 'tributary.outcome': normalization.kind, 'tributary.receives': receiveCount },
    ...(isFailed ? { fault: 'it is retried' } : {}),
    ...(normalization.kind === 'dead-lettered' ? { fault: 'it was dead-lettered' } : {}),
  });
}
