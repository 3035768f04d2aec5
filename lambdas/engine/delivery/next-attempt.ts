/** How a failed delivery is tried again. */
export interface RetryPolicy {
  /** Wait after attempt 1, 2, …; one attempt more than there are waits. */
  readonly scheduleMs: readonly number[];
  /** Share of a wait that is added at random, so that receivers that fell together are not woken together. */
  readonly jitterRatio: number;
  /** No attempt is made later than this after the first one, whatever the receiver asks for. */
  readonly maxAgeMs: number;
}

export interface Attempt {
  /** Counts from 1. */
  readonly number: number;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** Time since the first attempt. */
  readonly ageMs: number;
  readonly retryAfterMs?: number | undefined;
}

/** Why a delivery is tried no more. */
export type ExhaustedBy = 'gone' | 'attempts-exhausted' | 'too-old' | 'event-expired';

export type Decision =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry-later'; readonly delayMs: number }
  | { readonly kind: 'exhausted'; readonly reason: ExhaustedBy };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** 10 attempts in about 75 hours: soon while it may be a deployment, seldom when it is an outage. */
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
 * Decide what follows one delivery attempt.
 *
 * @param random - In [0, 1); the caller draws it, so the result is repeatable.
 * @returns A delay in milliseconds, never shorter than the receiver's Retry-After within `maxAgeMs`.
 */
export function nextAttempt(policy: RetryPolicy, attempt: Attempt, random: number): Decision {
  const { status, ageMs, retryAfterMs = 0 } = attempt;
  if (status !== undefined && status >= 200 && status < 300) return { kind: 'delivered' };
  if (status === 410) return { kind: 'exhausted', reason: 'gone' };
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
 * @returns Milliseconds from `nowMs`, at least 0; undefined where the header is absent or unreadable.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  // Without GMT, Date.parse would take the date as that of the machine's own zone.
  const dateMs = /^[A-Za-z]{3},.* GMT$/.test(header.trim()) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}
