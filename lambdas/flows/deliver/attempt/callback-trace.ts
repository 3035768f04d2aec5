import type { CanonicalEvent } from '../../../engine/event/canonical-event.ts';
import { attemptSpan, traceOfEvent, traceOfId } from '../../../engine/trace/trace-ids.ts';
import { isSampled, type TraceContext } from '../../../engine/trace/traceparent.ts';

/** The attempt that a callback makes. */
export interface CallbackAttempt {
  /** The `webhook-id`. */
  readonly id: string;
  readonly subscription: string;
  /** Counts from 1. */
  readonly number: number;
}

/**
 * The position of a callback in its trace. A batch of events of several traces has a trace of its own, because one
 * header names one trace.
 *
 * @param sampleRatio - Share of the traces that are sampled.
 */
export function traceOfCallback(
  { id, subscription, number }: CallbackAttempt,
  events: readonly CanonicalEvent[],
  sampleRatio: number,
): TraceContext {
  const [first = traceOfId(id), ...others] = new Set(events.map(traceOfEvent));
  const traceId = others.length === 0 ? first : traceOfId(id);
  return { traceId, spanId: attemptSpan(id, subscription, number), isSampled: isSampled(traceId, sampleRatio) };
}
