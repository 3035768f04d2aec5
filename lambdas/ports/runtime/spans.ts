import type { Span } from '../../engine/trace/span.ts';

/** Takes the steps of sampled traces. Never throws, and does no IO. */
export interface Spans {
  record(span: Span): void;
}
