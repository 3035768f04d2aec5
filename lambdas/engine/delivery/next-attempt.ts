/** Retries of a failed delivery. */
export interface RetryPolicy {
  /** Waits after attempts 1, 2 and so on. There is one more attempt than waits. */
  readonly scheduleMs: readonly number[];
  /** Maximum random extra, as a share of the wait, so retries after an outage are spread. */
  readonly jitterRatio: number;
  /** Latest attempt, counted from the first one, even if the receiver asks for a longer wait. */
  readonly maxAgeMs: number;
}

export interface Attempt {
  /** Counts from 1. */
  readonly number: number;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** Time since the first attempt. */
  readonly ageMs: number;
  readonly retryAfterMs?: number | undefined;
  /** Whether the destination takes no message of this size. @default false */
  readonly isTooLarge?: boolean | undefined;
}

/** Why a delivery has no further attempt. */
export type ExhaustedBy = 'gone' | 'attempts-exhausted' | 'too-old' | 'too-large' | 'event-expired';

export type Decision =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry-later'; readonly delayMs: number }
  | { readonly kind: 'exhausted'; readonly reason: ExhaustedBy };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** 10 attempts in about 75 hours: early ones survive a deployment of the receiver, late ones an outage. */
export const defaultRetryPolicy: RetryPolicy = {
  scheduleMs: [
    5_000,
    5 * minuteMs,
    30 * minuteMs,
    2 * hourMs,
    5 * hourMs,
    10 * hourMs,
    14 * hourMs,
    20 * hourMs,
    24 * hourMs,
  ],
  jitterRatio: 0.2,
  maxAgeMs: 96 * hourMs,
};

/**
 * Decide what follows a delivery attempt.
 *
 * @param random - In [0, 1); the caller draws it, so the result is repeatable.
 * @returns A delay in milliseconds, never shorter than the receiver's Retry-After within `maxAgeMs`.
 */
export function nextAttempt(policy: RetryPolicy, attempt: Attempt, random: number): Decision {
  const { status, ageMs, retryAfterMs = 0 } = attempt;
  if (status !== undefined && status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'exhausted', reason: 'gone' };
  if (attempt.isTooLarge === true) return { kind: 'exhausted', reason: 'too-large' };
  const waitMs = policy.scheduleMs[attempt.number - 1];
  if (waitMs === undefined) return { kind: 'exhausted', reason: 'attempts-exhausted' };
  const leftMs = policy.maxAgeMs - ageMs;
  if (waitMs > leftMs) return { kind: 'exhausted', reason: 'too-old' };
  const delayMs = Math.max(waitMs * (1 + policy.jitterRatio * random), retryAfterMs);
  return { kind: 'retry-later', delayMs: Math.min(delayMs, leftMs) };
}

/**
 * Read a Retry-After header: seconds, fractions of one, or an HTTP date.
 *
 * @returns Milliseconds from `nowMs`, at least 0; undefined if the header is absent or unreadable.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  // Without GMT, Date.parse would use the time zone of the machine.
  const dateMs = /^[A-Za-z]{3},.* GMT$/.test(header.trim()) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}
