import { noticePercents } from './notice-percents.ts';

/**
 * One subscription's endpoint, as all functions together see it: what it is being sent, how it answers,
 * and what it may be sent next. Pure: a caller reads a state, asks for the next one, and stores it if
 * no other was stored in between.
 *
 * ```
 *              failure rate over the window
 *   closed ---------------------------------> open --- cool-down over ---> half-open (one probe)
 *     ^                                         ^                               |
 *     |                                         +------------ it fails ---------+
 *     +--------------------- it succeeds; drain, a little more at a time -------+
 * ```
 */
export interface EndpointState {
  /** The subscription's id. */
  readonly endpoint: string;
  /** The subscription's scope: with the id its key. */
  readonly scope: string;
  /** Counts the writes; 0 where nothing is stored yet. */
  readonly revision: number;
  /** Posts that may be under way, by who makes them; a lease that is over counts no more. */
  readonly leases: Readonly<Record<string, Lease>>;
  /** Token bucket of its rate, and when it was filled last. */
  readonly tokens: number;
  readonly tokensAtMs: number;
  readonly circuit: 'closed' | 'open';
  /** While open: when one probe may be made. */
  readonly probeAtMs: number;
  /** Openings in a row without a success in between. */
  readonly openings: number;
  readonly window: AttemptWindow;
  readonly previousWindow: AttemptWindow;
  /** It asked for a pause until then (Retry-After). */
  readonly pausedUntilMs: number;
  /** Posts at a time that it bears at present, with a fraction; undefined where it bears all that it may have. */
  readonly bearsConcurrency: number | undefined;
  /** Answers since its concurrency was halved; undefined where another refusal halves it again. */
  readonly answersSinceHalved: number | undefined;
  /** Smoothed time of its successful answers; undefined before the first. */
  readonly latencyMs: number | undefined;
  /** Whether deliveries wait in its backlog. */
  readonly hasBacklog: boolean;
  /** Who drains the backlog, and for how long that is believed. */
  readonly drainer: Drainer | undefined;
  /** Counts what was put into the backlog, so that a drainer that finds it empty knows whether it still is. */
  readonly wakeups: number;
  /** Since when there were only failures. */
  readonly failingSinceMs: number | undefined;
  /** Time of nothing but failures that its subscription is given; undefined where it has the usual one. */
  readonly disableAfterMs: number | undefined;
  /**
   * Set when that time is over: when the last probe is asked for again, should none have been made. One failure more
   * disables the subscription.
   */
  readonly lastProbeDueAtMs: number | undefined;
  /** The share of the way to being disabled that its owner was told of last, in percent. */
  readonly noticedPercent: number;
  /** Ordered subscriptions: the sequence up to which the feed was taken. */
  readonly position: number | undefined;
}

export interface Drainer {
  readonly id: string;
  readonly untilMs: number;
  /** Where none is at work: when a message that asks for one is going to be shown, if one is delayed until then. */
  readonly messageAtMs?: number | undefined;
}

export interface Lease {
  readonly slots: number;
  readonly untilMs: number;
}

export interface AttemptWindow {
  readonly startedAtMs: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Answers of an endpoint that has too much to do. Absent in rows of older versions. */
  readonly refused?: number;
}

/** What an endpoint may be sent at most. */
export interface EndpointLimits {
  readonly concurrency: number;
  /** Undefined: as many as there are. */
  readonly ratePerSecond: number | undefined;
}

/** When an endpoint is left alone, and for how long. */
export interface EndpointPolicy {
  /** Two windows of this length, the running one and the one before, are looked at. */
  readonly windowMs: number;
  readonly minRequests: number;
  /** Share of failures, refusals left out, at which the circuit opens. */
  readonly failureRatio: number;
  /**
   * Share of failures and refusals together at which the circuit opens. An endpoint that takes some of what it is sent
   * is up, and concurrency is what helps it; one that refuses nearly everything is down.
   */
  readonly refusalRatio: number;
  /** Cool-down after the first opening, the second, …; the last one repeats. */
  readonly coolDownsMs: readonly number[];
  /** Smoothed latency up to which an endpoint is fast. */
  readonly fastLatencyMs: number;
  /** Time of nothing but failures after which one failure more disables a subscription. */
  readonly disableAfterMs: number;
  /** Time for that last probe, before another is asked for. */
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

/** When the circuit or a pause lets something through again; 0 where nothing holds it up. */
export function blockedUntilMs({ circuit, probeAtMs, pausedUntilMs }: EndpointState): number {
  return Math.max(circuit === 'open' ? probeAtMs : 0, pausedUntilMs);
}

/**
 * When dispatch has to look at an endpoint that is sent nothing: its backlog may go on, a drainer
 * may have died, or its owner has to be told. Undefined where it can be left alone.
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
