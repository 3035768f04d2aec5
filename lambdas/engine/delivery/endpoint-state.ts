import { noticePercents } from './notice-percents.ts';

/**
 * Shared state of one subscription's endpoint: current posts, recent results, and limits for the next posts. Its
 * functions are pure: a caller reads a state, computes the next one, and stores it on condition that no other write
 * came between.
 *
 * ```
 *              failure rate over the window
 *   closed ---------------------------------> open --- cool-down over ---> half-open (one probe)
 *     ^                                         ^                               |
 *     |                                         +---------- probe fails --------+
 *     +--------------- probe succeeds; drain with rising concurrency -----------+
 * ```
 */
export interface EndpointState {
  /** The subscription's id. */
  readonly endpoint: string;
  /** The subscription's scope; scope and id form the key. */
  readonly scope: string;
  /** Counts writes; 0 before the first. */
  readonly revision: number;
  /**
   * Posts that may be in progress, by lease id. An expired lease no longer counts. A function instance keeps the lease
   * of a fast endpoint for some seconds, over many runs.
   */
  readonly leases: Readonly<Record<string, Lease>>;
  /** Set when a run found no free slot: until then, function instances keep few slots, or none. */
  readonly crowded: Crowded | undefined;
  /** Set while a post has waited for its answer for long: one run waits for it, and no other begins a post. */
  readonly stall: Stall | undefined;
  /** Token bucket of the rate limit, and when it was last filled. */
  readonly tokens: number;
  readonly tokensAtMs: number;
  readonly circuit: 'closed' | 'open';
  /** While open: when a probe may be sent. */
  readonly probeAtMs: number;
  /** Consecutive openings without a success between them. */
  readonly openings: number;
  readonly window: AttemptWindow;
  readonly previousWindow: AttemptWindow;
  /** End of the pause that the endpoint requested with Retry-After. */
  readonly pausedUntilMs: number;
  /** Current concurrency limit, possibly fractional; undefined if the configured limit applies. */
  readonly bearsConcurrency: number | undefined;
  /** Answers since the limit was halved; undefined if the next refusal halves it again. */
  readonly answersSinceHalved: number | undefined;
  /** Smoothed response time; undefined before the first success. */
  readonly latencyMs: number | undefined;
  /** Whether deliveries wait in the backlog. */
  readonly hasBacklog: boolean;
  /** The run that drains the backlog, and when its claim expires. */
  readonly drainer: Drainer | undefined;
  /** Counts additions to the backlog, so a drainer that finds it empty can tell whether it still is. */
  readonly wakeups: number;
  /** Start of the current period without a success. */
  readonly failingSinceMs: number | undefined;
  /** Period of failures after which the subscription is disabled; undefined for the default. */
  readonly disableAfterMs: number | undefined;
  /**
   * Set when that period is over: when to request the last probe again if none was sent. The next failure disables the
   * subscription.
   */
  readonly lastProbeDueAtMs: number | undefined;
  /** Percentage of that period in the last notice to the owner. */
  readonly noticedPercent: number;
  /** Ordered subscriptions: the sequence up to which events were taken from the feed. */
  readonly position: number | undefined;
}

export interface Drainer {
  readonly id: string;
  readonly untilMs: number;
  /** If no drainer is running: when a delayed message that starts one becomes visible, if there is one. */
  readonly messageAtMs?: number | undefined;
}

export interface Lease {
  readonly slots: number;
  readonly untilMs: number;
}

export interface Crowded {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Whether leases are given back after each run, because more instances post than there are slots. @default false */
  readonly takesTurns?: boolean;
}

export interface Stall {
  /** The lease of the post. */
  readonly lease: string;
  /** The post has ended by then. */
  readonly untilMs: number;
}

export interface AttemptWindow {
  readonly startedAtMs: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Refusals: answers of an overloaded endpoint. Absent in rows that older versions wrote. */
  readonly refused?: number;
}

/** Configured limits of an endpoint. */
export interface EndpointLimits {
  readonly concurrency: number;
  /** Undefined for no limit. */
  readonly ratePerSecond: number | undefined;
}

/** When the circuit opens, for how long, and when an endpoint is disabled. */
export interface EndpointPolicy {
  /** Length of a window. The current and the previous window count. */
  readonly windowMs: number;
  readonly minRequests: number;
  /** Share of failures, without refusals, at which the circuit opens. */
  readonly failureRatio: number;
  /**
   * Share of failures and refusals together at which the circuit opens. An endpoint that accepts some posts is up, and
   * lower concurrency helps it; one that refuses nearly all of them is down.
   */
  readonly refusalRatio: number;
  /** Cool-down after the first opening, the second, and so on; the last value repeats. */
  readonly coolDownsMs: readonly number[];
  /** Maximum smoothed latency of a fast endpoint. */
  readonly fastLatencyMs: number;
  /** Period without a success after which the next failure disables the subscription. */
  readonly disableAfterMs: number;
  /** Time for the last probe before another one is requested. */
  readonly lastProbeMs: number;
}

export const defaultEndpointPolicy: EndpointPolicy = {
  windowMs: 60_000,
  minRequests: 10,
  failureRatio: 0.5,
  refusalRatio: 0.8,
  coolDownsMs: [10_000, 30_000, 60_000, 300_000, 900_000],
  fastLatencyMs: 1_000,
  disableAfterMs: 5 * 86_400_000,
  lastProbeMs: 900_000,
};

export const noFailures = {
  failingSinceMs: undefined,
  disableAfterMs: undefined,
  lastProbeDueAtMs: undefined,
  noticedPercent: 0,
} as const satisfies Partial<EndpointState>;

export const emptyWindow: AttemptWindow = { startedAtMs: 0, succeeded: 0, failed: 0 };

export function newEndpoint(scope: string, endpoint: string): EndpointState {
  return {
    endpoint,
    scope,
    revision: 0,
    leases: {},
    crowded: undefined,
    stall: undefined,
    tokens: 0,
    tokensAtMs: 0,
    circuit: 'closed',
    probeAtMs: 0,
    openings: 0,
    window: emptyWindow,
    previousWindow: emptyWindow,
    pausedUntilMs: 0,
    bearsConcurrency: undefined,
    answersSinceHalved: undefined,
    latencyMs: undefined,
    hasBacklog: false,
    drainer: undefined,
    wakeups: 0,
    ...noFailures,
    position: undefined,
  };
}

/** When the circuit and a pause allow posts again; 0 if nothing blocks them. */
export function blockedUntilMs({ circuit, probeAtMs, pausedUntilMs }: EndpointState): number {
  return Math.max(circuit === 'open' ? probeAtMs : 0, pausedUntilMs);
}

/**
 * When dispatch must check an idle endpoint: its backlog may continue, a drainer may have died, or its owner is due a
 * notice. Undefined if there is nothing to check.
 */
export function dueAtMs(state: EndpointState, policy: EndpointPolicy): number | undefined {
  const times: number[] = [];
  if (state.hasBacklog) times.push(Math.max(state.drainer?.untilMs ?? 0, blockedUntilMs(state)));
  if (state.failingSinceMs !== undefined) {
    const { failingSinceMs, disableAfterMs = policy.disableAfterMs, lastProbeDueAtMs } = state;
    const next = noticePercents.find((percent) => percent > state.noticedPercent) ?? 100;
    times.push(lastProbeDueAtMs ?? failingSinceMs + (disableAfterMs * next) / 100);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}
