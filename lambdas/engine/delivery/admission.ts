import type { EndpointLimits, EndpointPolicy, EndpointState } from './endpoint-state.ts';
import { askedPauseMs, type Pace, type PostResult, paceAfter } from './pace.ts';

/** How long a probe may take before another one is allowed. */
const probeMs = 60_000;

/**
 * Whether `deliver` may post to an endpoint as soon as an event arrives. `drain` serves new and slow endpoints, so they
 * never delay the others. A backlog alone does not make an endpoint slow: adding an event to it costs more than
 * sending the event, and the backlog would never end.
 */
export function isFast(state: EndpointState, policy: EndpointPolicy, nowMs: number): boolean {
  return (
    state.circuit === 'closed' &&
    state.latencyMs !== undefined &&
    state.latencyMs <= policy.fastLatencyMs &&
    state.pausedUntilMs <= nowMs &&
    !isStalled(state, nowMs)
  );
}

/** Whether a run waits for an answer that should have come long ago. */
export function isStalled({ stall }: EndpointState, nowMs: number): boolean {
  return stall !== undefined && stall.untilMs > nowMs;
}

/** Consecutive failures after which the remaining posts of a lease are not made. */
const failuresInARow = 10;

/** Whether to skip the remaining posts of a lease, given the results so far. */
export function endsEarly(results: readonly PostResult[]): boolean {
  if (results.some((result) => askedPauseMs(result) > 0 || result.stopReason !== undefined)) return true;
  return results.length >= failuresInARow && results.slice(-failuresInARow).every(({ ok }) => !ok);
}

export type Admission =
  /** `slots` posts at a time, `posts` in total. A probe is a single post, whose result decides for the others. */
  | {
      readonly kind: 'admitted';
      readonly slots: number;
      readonly posts: number;
      readonly isProbe: boolean;
      readonly state: EndpointState;
    }
  /** @property untilMs - When to try again. */
  | { readonly kind: 'blocked'; readonly by: 'circuit' | 'pause' | 'concurrency' | 'rate'; readonly untilMs: number };

/**
 * Take a lease on an endpoint for a number of posts.
 *
 * @param wanted - Number of posts to make.
 * @param lease - How long all posts together may take, and how many may run at a time.
 */
export function admit(
  before: EndpointState,
  limits: EndpointLimits,
  wanted: number,
  lease: { readonly id: string; readonly durationMs: number; readonly maxSlots?: number },
  nowMs: number,
): Admission {
  if (before.circuit === 'open' && nowMs < before.probeAtMs)
    return { kind: 'blocked', by: 'circuit', untilMs: before.probeAtMs };
  if (nowMs < before.pausedUntilMs) return { kind: 'blocked', by: 'pause', untilMs: before.pausedUntilMs };
  // The lease may be stored already: the client repeats a write whose answer was lost, and the repeat is rejected.
  const leases = Object.fromEntries(
    Object.entries(before.leases).filter(([id, { untilMs }]) => untilMs > nowMs && id !== lease.id),
  );
  const isProbe = before.circuit === 'open';
  const unleased = freeSlots({ ...before, leases }, limits, nowMs);
  const free = isProbe ? Math.min(1, unleased) : unleased;
  if (free <= 0) {
    const untilMs = Math.min(...Object.values(leases).map((one) => one.untilMs));
    return { kind: 'blocked', by: 'concurrency', untilMs };
  }
  const rate = limits.ratePerSecond;
  const tokens = rate === undefined ? Number.POSITIVE_INFINITY : refilled(before, rate, nowMs);
  if (tokens < 1)
    return { kind: 'blocked', by: 'rate', untilMs: nowMs + Math.ceil(((1 - tokens) / (rate as number)) * 1000) };
  const posts = isProbe ? 1 : Math.min(wanted, Math.floor(tokens));
  const slots = Math.min(free, posts, lease.maxSlots ?? posts);
  return {
    kind: 'admitted',
    slots,
    posts,
    isProbe,
    state: {
      ...before,
      leases: { ...leases, [lease.id]: { slots, untilMs: nowMs + lease.durationMs } },
      ...(rate === undefined ? {} : { tokens: tokens - posts, tokensAtMs: nowMs }),
      ...(isProbe ? { probeAtMs: nowMs + probeMs } : {}),
    },
  };
}

/** Slots that no lease holds. Below 1 when the endpoint bears fewer posts than before. */
export function freeSlots({ leases, bearsConcurrency }: EndpointState, limits: EndpointLimits, nowMs: number): number {
  const held = Object.values(leases).reduce((sum, { slots, untilMs }) => sum + (untilMs > nowMs ? slots : 0), 0);
  return Math.floor(Math.min(limits.concurrency, bearsConcurrency ?? limits.concurrency)) - held;
}

/** The token bucket holds the posts of one second. */
function refilled({ tokens, tokensAtMs }: EndpointState, ratePerSecond: number, nowMs: number): number {
  const capacity = Math.max(1, ratePerSecond);
  return Math.min(capacity, tokens + (Math.max(0, nowMs - tokensAtMs) / 1000) * ratePerSecond);
}

/** Posts at a time for the rest of a lease, given the results so far. */
export function slotsAfter(
  { slots, state }: Extract<Admission, { kind: 'admitted' }>,
  results: readonly PostResult[],
  limits: EndpointLimits,
): number {
  const { concurrency } = limits;
  const pace = results.reduce((before: Pace, result) => paceAfter(before, result, limits), state);
  const share = (pace.bearsConcurrency ?? concurrency) / (state.bearsConcurrency ?? concurrency);
  return Math.max(1, Math.floor(Math.min(1, share) * slots));
}
