/** A position in a trace, as W3C Trace Context carries it. @see https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

export const traceparentHeader = 'traceparent';

export function writeTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** @returns Undefined for a text that is no `traceparent`. Later versions may append fields. */
export function readTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const isNone = /^0+$/.test(traceId) || /^0+$/.test(spanId);
  if (isNone || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * Whether a trace is sampled: by its random digits, so that every function decides the same.
 *
 * @param ratio - From 0 to 1.
 * @see https://www.w3.org/TR/trace-context-2/#random-trace-id-flag
 */
export function isSampled(traceId: string, ratio: number): boolean {
  // 52 bits: a number holds them exactly.
  return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
}
