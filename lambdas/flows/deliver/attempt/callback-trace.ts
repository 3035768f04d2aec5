import type { CallbackOutcome } from '../../../engine/delivery/callback-outcome.ts';
import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import type { SpanLink } from '../../../engine/trace/span.ts';
import { attemptSpan, publishSpan, shadowSpan, traceOfEvent, traceOfId } from '../../../engine/trace/trace-ids.ts';
import { isSampled, type TraceContext } from '../../../engine/trace/traceparent.ts';
import type { Subscription } from '../../../ports/delivery/subscription-store.ts';
import type { Clock } from '../../../ports/runtime/clock.ts';
import type { Spans } from '../../../ports/runtime/spans.ts';

/** A callback's place in its trace. */
export interface CallbackTrace extends TraceContext {
  /** The `webhook-id`. */
  readonly id: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Whether it is the copy for a second endpoint. */
  readonly isShadow: boolean;
  /** The publications of its events, in the order of the events. */
  readonly publications: readonly SpanLink[];
}

/**
 * The place of a callback in its trace. A batch of events of several traces has a trace of its own, because one header
 * names one trace.
 *
 * @param sampleRatio - Share of the traces that are sampled.
 */
export function traceOfCallback(
  {
    id,
    subscription,
    attempt,
    isShadow,
  }: Pick<CallbackTrace, 'id' | 'attempt' | 'isShadow'> & {
    readonly subscription: string;
  },
  events: readonly CanonicalEvent[],
  sampleRatio: number,
): CallbackTrace {
  const publications = events.map((event) => ({ traceId: traceOfEvent(event), spanId: publishSpan(event.id) }));
  const [first = traceOfId(id), ...others] = new Set(publications.map(({ traceId }) => traceId));
  const traceId = others.length === 0 ? first : traceOfId(id);
  return {
    traceId,
    spanId: isShadow ? shadowSpan(id, subscription) : attemptSpan(id, subscription, attempt),
    isSampled: isSampled(traceId, sampleRatio),
    id,
    attempt,
    isShadow,
    publications,
  };
}

/** Make a span of a callback: the child of the publication of its event, with links to those of the others. */
export function recordCallback(
  { spans, clock }: { readonly spans?: Spans | undefined; readonly clock: Clock },
  { id, tenant, url }: Subscription,
  trace: CallbackTrace,
  startedAtMs: number,
  outcome: CallbackOutcome,
): void {
  if (spans === undefined) return;
  const parent = trace.publications.find(({ traceId }) => traceId === trace.traceId);
  const status = outcome.kind === 'answered' ? outcome.status : undefined;
  const fault =
    outcome.kind === 'failed' ? outcome.error : outcome.status >= 300 ? `status ${outcome.status}` : undefined;
  spans.record({
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: parent?.spanId,
    name: 'deliver',
    kind: 'client',
    startedAtMs,
    endedAtMs: clock.nowMs(),
    attributes: {
      'http.request.method': 'POST',
      // Paths and queries may hold secrets.
      'server.address': new URL(url).hostname,
      'http.response.status_code': status,
      'messaging.message.id': trace.id,
      'tributary.subscription': id,
      'tributary.tenant': tenant ?? undefined,
      'tributary.attempt': trace.isShadow ? undefined : trace.attempt,
      'tributary.shadow': trace.isShadow ? true : undefined,
      'tributary.events': trace.publications.length,
    },
    links: trace.publications.filter((one) => one !== parent),
    ...(fault === undefined ? {} : { fault }),
  });
}
