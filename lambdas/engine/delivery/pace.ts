import type { EndpointLimits, EndpointState } from './endpoint-state.ts';

/** The longest pause that is given, whatever is asked for: what waits meanwhile grows old. */
const maxPauseMs = 86_400_000;

/** A pause of at least this is a remedy of its own: answers that ask for one do not count for the circuit. */
export const minRemedyMs = 1_000;

/** Answers of an endpoint, or of what stands before it, that has too much to do. */
const refusals: ReadonlySet<number | undefined> = new Set([429, 502, 503, 504]);

/**
 * Share of the whole concurrency that a round of posts gains when all of it is taken, and loses when all of it is
 * refused. Large, so that an endpoint that refuses a tenth of its posts, whatever their number, keeps most of them.
 */
const roundStep = 0.5;

/** Rounds of posts after a halving in which no further refusal halves: they show what the halving has done. */
const settlingRounds = 10;

/** How an endpoint answered one post. */
export interface PostResult {
  readonly ok: boolean;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  readonly durationMs: number;
  /** What the answer asked for. */
  readonly retryAfterMs?: number | undefined;
  /**
   * Why nothing more may be tried for now, although nothing was sent: an expression of the subscription was stopped.
   * Opens the circuit at once, and its owner is told the reason.
   */
  readonly stopReason?: string | undefined;
}

/** Whether an endpoint refused a post because it has too much to do. It is up, then, and able to say so. */
export function isRefusal({ ok, status }: PostResult): boolean {
  return !ok && refusals.has(status);
}

/** The pause that a refusal asks for; 0 where it asks for none, and then only its own delivery waits. */
export function askedPauseMs(result: PostResult): number {
  return isRefusal(result) ? Math.min(result.retryAfterMs ?? 0, maxPauseMs) : 0;
}

/** How many posts at a time an endpoint bears, as its answers tell. */
export type Pace = Pick<EndpointState, 'bearsConcurrency' | 'answersSinceHalved'>;

/**
 * Follow one answer: a refusal halves the concurrency, down to one post at a time; each post that is taken gives some
 * of it back. Refusals soon after a halving take as much as a post that is taken gives: so an endpoint that refuses more
 * than half of its posts goes down to one at a time, and one that refuses a few whatever it is sent is not starved.
 */
export function paceAfter(before: Pace, result: PostResult, { concurrency }: EndpointLimits): Pace {
  const { bearsConcurrency: bears = concurrency } = before;
  const answers = before.answersSinceHalved === undefined ? undefined : before.answersSinceHalved + 1;
  const answersSinceHalved = answers !== undefined && answers >= settlingRounds * concurrency ? undefined : answers;
  // At most one for each answer: a round of posts at most doubles the concurrency.
  const step = Math.min(1, (roundStep * concurrency) / bears);
  if (isRefusal(result)) {
    if (answersSinceHalved === undefined) return { bearsConcurrency: Math.max(1, bears / 2), answersSinceHalved: 0 };
    return { bearsConcurrency: Math.max(1, bears - step), answersSinceHalved };
  }
  if (!result.ok) return { bearsConcurrency: before.bearsConcurrency, answersSinceHalved };
  return { bearsConcurrency: bears + step >= concurrency ? undefined : bears + step, answersSinceHalved };
}
