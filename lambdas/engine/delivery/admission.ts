import type { EndpointLimits, EndpointPolicy, EndpointState } from './endpoint-state.ts';
import { askedPauseMs, type Pace, type PostResult, paceAfter } from './pace.ts';

/** How long a probe may be under way before another is made. */
const probeMs = 60_000;

/**
 * Whether an endpoint may be posted to as soon as an event is there. One that is not known yet, or that is
 * slow, is drained apart from the others, so that it holds up no other. A backlog alone is no reason: to
 * put an event into it costs more than to send it, and would keep the backlog from ever ending.
 */
export function isFast(state: EndpointState, policy: EndpointPolicy, nowMs: number): boolean {
  return (
    state.circuit === 'closed' &&
    state.latencyMs !== undefined &&
    state.latencyMs <= policy.fastLatencyMs &&
    state.pausedUntilMs <= nowMs
  );
}

/** Failures in a row after which a lease's other posts are not made. */
const failuresInARow = 10;

/** Whether posts that were admitted together are to end here, with these results so far. */
export function endsEarly(results: readonly PostResult[]): boolean {
  if (results.some((result) => askedPauseMs(result) > 0 || result.stopReason !== undefined)) return true;
  return results.length >= failuresInARow && results.slice(-failuresInARow).every(({ ok }) => !ok);
}

export type Admission =
  /** `slots` posts at a time, `posts` in all. A probe is one post, whose fate decides for the others. */
  | {
      readonly kind: 'admitted';
      readonly slots: number;
      readonly posts: number;
      readonly isProbe: boolean;
      readonly state: EndpointState;
    }
  /** @property untilMs - When to ask again. */
  | { readonly kind: 'blocked'; readonly by: 'circuit' | 'pause' | 'concurrency' | 'rate'; readonly untilMs: number };

/**
 * Take a lease on an endpoint for a number of posts.
 *
 * @param wanted - Posts that there are to make.
 * @param lease - How long the posts may take together, and how many of them may be made at a time.
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
  // Its own may stand there already: a write whose answer was lost is made again by the client, and then refused.
  const leases = Object.fromEntries(
    Object.entries(before.leases).filter(([id, { untilMs }]) => untilMs > nowMs && id !== lease.id),
  );
  const taken = Object.values(leases).reduce((sum, { slots }) => sum + slots, 0);
  const isProbe = before.circuit === 'open';
  const concurrency = Math.floor(Math.min(limits.concurrency, before.bearsConcurrency ?? limits.concurrency));
  const free = isProbe ? Math.min(1, concurrency - taken) : concurrency - taken;
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

/** A bucket holds what may be sent in one second. */
function refilled({ tokens, tokensAtMs }: EndpointState, ratePerSecond: number, nowMs: number): number {
  const capacity = Math.max(1, ratePerSecond);
  return Math.min(capacity, tokens + (Math.max(0, nowMs - tokensAtMs) / 1000) * ratePerSecond);
}

/** Posts that may be made at a time in the rest of a lease, by the answers that it has had so far. */
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
