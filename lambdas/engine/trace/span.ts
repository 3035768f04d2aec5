/** A position to which a span refers. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** A step of the way of an event, once it has ended. */
export interface Span extends SpanLink {
  /** Undefined for the root of a trace. */
  readonly parentSpanId?: string | undefined;
  /** Few distinct names: no id. */
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Undefined values are left out. Never a body, a secret, or a URL with its query. */
  readonly attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  /** What caused it, too, besides its parent. */
  readonly links?: readonly SpanLink[] | undefined;
  /** Why the step failed; undefined where it did not. Safe to show. */
  readonly fault?: string | undefined;
}
