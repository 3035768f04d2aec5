import type { Logger } from '@aws-lambda-powertools/logger';
import { type SpanSource, toOtlpJson } from '../../engine/trace/otlp-json.ts';
import type { Span } from '../../engine/trace/span.ts';
import { isSampled } from '../../engine/trace/traceparent.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { Spans } from '../../ports/runtime/spans.ts';

export interface SpanBufferOptions {
  readonly source: SpanSource;
  /** From 0 to 1. */
  readonly sampleRatio: number;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  readonly exporter: () => Promise<{
    export(body: string): Promise<{ kind: 'taken' } | { kind: 'failed'; reason: string }>;
  }>;
}

/** Spans of the current invocation, exported before it ends: Lambda may stop an instance that is not invoked. */
export interface SpanBuffer extends Spans {
  /** Never throws. */
  flush(): Promise<void>;
}

/** Spans that one export holds; more are dropped. About a megabyte of JSON. */
const maxSpans = 2_000;
const firstPauseMs = 30_000;
const longestPauseMs = 300_000;

/**
 * Keep the spans of sampled traces until they are exported. After an export that failed, the instance exports nothing
 * for a while, and drops its spans: a collector that hangs must not slow each invocation.
 */
export function createSpanBuffer({ source, sampleRatio, clock, log, exporter }: SpanBufferOptions): SpanBuffer {
  let spans: Span[] = [];
  let dropped = 0;
  let pause = { ms: 0, untilMs: 0 };
  return {
    record(span) {
      if (!isSampled(span.traceId, sampleRatio)) return;
      if (spans.length < maxSpans) spans.push(span);
      else dropped += 1;
    },
    async flush() {
      const all = spans;
      spans = [];
      if (all.length === 0) return;
      if (clock.nowMs() < pause.untilMs) {
        dropped += all.length;
        return;
      }
      const ended = await exporter()
        .then((to) => to.export(toOtlpJson(all, source)))
        .catch((error: unknown) => ({
          kind: 'failed' as const,
          reason: error instanceof Error ? error.name : 'unknown',
        }));
      if (ended.kind === 'taken') {
        if (dropped > 0) log.warn('spans were dropped', { spans: dropped });
        [dropped, pause] = [0, { ms: 0, untilMs: 0 }];
        return;
      }
      const ms = Math.min(longestPauseMs, Math.max(firstPauseMs, pause.ms * 2));
      pause = { ms, untilMs: clock.nowMs() + ms };
      dropped += all.length;
      log.warn('spans are not exported', { reason: ended.reason, spans: dropped, pause_ms: ms });
    },
  };
}

/** Export an invocation's spans before it ends. Must be the first middleware that ends it, after everything was recorded. */
export function exportSpans(spans: SpanBuffer | undefined): Record<'after' | 'onError', () => Promise<void>> {
  const flush = async () => spans?.flush();
  return { after: flush, onError: flush };
}
