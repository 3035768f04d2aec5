import type { EndpointLimits, EndpointPolicy, EndpointState } from './endpoint-state.ts';
import type { PostResult } from './pace.ts';
import { countAnswer } from './settlement.ts';

/**
 * A lease that a function instance keeps from one run to the next. While it holds, a post that is answered as usual
 * costs no write.
 *
 * ```
 *   taken or renewed (a write)      a run begins here renews           ends
 *   |------- runs use it as it is ------|------ posts may begin ---|----|
 *   0                                  keptMs - renewalMs          |    keptMs
 *                                                                  a post begun here is over, or has a lease of its own
 * ```
 *
 * An instance that dies, or is not called any more, gives its slots back by expiry.
 */
export const keptMs = 6_000;
export const renewalMs = 3_000;

/** Latency above which the state changes soon enough that each answer counts at once. */
const usualLatencyMs = 300;

/** How long an endpoint counts as crowded after a run found no free slot. */
const crowdedMs = 10_000;
/** The mark is written again when less of its time is left. */
const crowdedRenewalMs = 5_000;

/**
 * Whether the next post depends on what each earlier one changed: a rate, failures, a pace, or few free slots. Then a
 * run takes a lease of its own, and gives it back with its results.
 */
export function needsExactAccounts(state: EndpointState, limits: EndpointLimits, nowMs: number): boolean {
  const { window, previousWindow, crowded, drainer, latencyMs } = state;
  const failed = [window, previousWindow].some(({ failed: some, refused = 0 }) => some + refused > 0);
  return (
    limits.ratePerSecond !== undefined ||
    failed ||
    state.failingSinceMs !== undefined ||
    state.openings > 0 ||
    state.bearsConcurrency !== undefined ||
    state.answersSinceHalved !== undefined ||
    (isCrowded(state, nowMs) && crowded?.takesTurns === true) ||
    // A drain posts at the same time: a kept lease would take slots from it without using them.
    (drainer !== undefined && drainer.untilMs > nowMs) ||
    (latencyMs ?? usualLatencyMs) >= usualLatencyMs
  );
}

/** Whether results change nothing that another run must know at once. */
export function isAsUsual(results: readonly PostResult[]): boolean {
  return results.every(({ ok, durationMs }) => ok && durationMs < usualLatencyMs);
}

/** Successes of earlier runs that are not in the state. Only a sample of their durations is kept. */
export interface Uncounted {
  readonly succeeded: number;
  readonly latest: readonly PostResult[];
}

export const nothingUncounted: Uncounted = { succeeded: 0, latest: [] };

/** Enough for the smoothed latency. */
const sampleSize = 10;

export function addUncounted({ succeeded, latest }: Uncounted, results: readonly PostResult[]): Uncounted {
  return { succeeded: succeeded + results.length, latest: [...latest, ...results].slice(-sampleSize) };
}

/**
 * Count successes that no run has counted. They are older than what the state knows, so they end no failure: only the
 * shares of the window and the latency change.
 */
export function countSuccesses(
  before: EndpointState,
  { succeeded, latest }: Uncounted,
  policy: EndpointPolicy,
  nowMs: number,
): EndpointState {
  const state = latest.reduce((known, result) => countAnswer(known, result, policy, nowMs), before);
  const { window } = state;
  return { ...state, window: { ...window, succeeded: window.succeeded + succeeded - latest.length } };
}

/** Whether a run found no free slot a moment ago: instances keep no more slots than they need, and one is enough. */
export function isCrowded({ crowded }: EndpointState, nowMs: number): boolean {
  return crowded !== undefined && crowded.untilMs > nowMs;
}

/**
 * Mark that a run found no free slot, so that others keep fewer. Where that does not help, because each keeps one or
 * because it has not helped for as long as a kept lease lasts, instances take turns: they keep none.
 *
 * @returns Undefined when the mark stands.
 */
export function markCrowded(state: EndpointState, nowMs: number): EndpointState | undefined {
  const { crowded, leases } = state;
  const marked = isCrowded(state, nowMs) ? crowded : undefined;
  const isOneEach = Object.values(leases).every(({ slots, untilMs }) => slots === 1 || untilMs <= nowMs);
  const takesTurns = isOneEach || isUsedUp(state, nowMs);
  if (marked !== undefined && marked.untilMs > nowMs + crowdedRenewalMs && (marked.takesTurns ?? false) === takesTurns)
    return undefined;
  const sinceMs = marked?.sinceMs ?? nowMs;
  return { ...state, crowded: { sinceMs, untilMs: nowMs + crowdedMs, ...(takesTurns ? { takesTurns } : {}) } };
}

/** Whether slots are in use, rather than kept by instances that do not post: kept leases have ended by now. */
export function isUsedUp(state: EndpointState, nowMs: number): boolean {
  return isCrowded(state, nowMs) && nowMs - (state.crowded?.sinceMs ?? nowMs) > keptMs;
}
