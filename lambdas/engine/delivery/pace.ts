import type { EndpointLimits, EndpointState } from './endpoint-state.ts';

/** Cap on a pause, even when the receiver asks for more: waiting deliveries would become stale. */
const maxPauseMs = 86_400_000;

/** Shortest pause that is enough of a remedy: answers that ask for it do not count towards opening the circuit. */
export const minRemedyMs = 1_000;

/** Statuses of an overloaded endpoint, or of a proxy before it. */
const refusals: ReadonlySet<number | undefined> = new Set([429, 502, 503, 504]);

/**
 * Share of the configured concurrency that a round of posts gains if all are accepted, and loses if all are refused. It
 * is large, so an endpoint that always refuses a tenth of its posts keeps most of its concurrency.
 */
const roundStep = 0.5;

/** Rounds of posts after a halving in which a refusal does not halve again, so the effect can show first. */
const settlingRounds = 10;

/** How an endpoint answered one post. */
export interface PostResult {
  readonly ok: boolean;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  readonly durationMs: number;
  /** The wait that the answer asked for. */
  readonly retryAfterMs?: number | undefined;
  /**
   * Set if an expression of the subscription was stopped before anything was sent. It opens the circuit at once, and the
   * owner's notice gives this reason.
   */
  readonly stopReason?: string | undefined;
}

/** Whether an endpoint refused a post because it is overloaded. Such an endpoint is up. */
export function isRefusal({ ok, status }: PostResult): boolean {
  return !ok && refusals.has(status);
}

/** The pause that a refusal asks for; 0 if it asks for none, and then only the refused delivery waits. */
export function askedPauseMs(result: PostResult): number {
  return isRefusal(result) ? Math.min(result.retryAfterMs ?? 0, maxPauseMs) : 0;
}

/** Adaptive concurrency of an endpoint (AIMD). */
export type Pace = Pick<EndpointState, 'bearsConcurrency' | 'answersSinceHalved'>;

/**
 * Adapt the concurrency to one answer. A refusal halves it, down to one post at a time; an accepted post raises it by a
 * step. A refusal soon after a halving lowers it by one step only. So an endpoint that refuses more than half of its
 * posts goes down to one at a time, and one that always refuses a few is not starved.
 */
export function paceAfter(before: Pace, result: PostResult, { concurrency }: EndpointLimits): Pace {
  const { bearsConcurrency: bears = concurrency } = before;
  const answers = before.answersSinceHalved === undefined ? undefined : before.answersSinceHalved + 1;
  const answersSinceHalved = answers !== undefined && answers >= settlingRounds * concurrency ? undefined : answers;
  // At most 1 per answer, so a round of posts at most doubles the concurrency.
  const step = Math.min(1, (roundStep * concurrency) / bears);
  if (isRefusal(result)) {
    if (answersSinceHalved === undefined) return { bearsConcurrency: Math.max(1, bears / 2), answersSinceHalved: 0 };
    return { bearsConcurrency: Math.max(1, bears - step), answersSinceHalved };
  }
  if (!result.ok) return { bearsConcurrency: before.bearsConcurrency, answersSinceHalved };
  return { bearsConcurrency: bears + step >= concurrency ? undefined : bears + step, answersSinceHalved };
}
