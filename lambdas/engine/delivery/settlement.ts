import { pendingDrainer } from './drainer.ts';
import {
  type AttemptWindow,
  type EndpointLimits,
  type EndpointPolicy,
  type EndpointState,
  emptyWindow,
  noFailures,
} from './endpoint-state.ts';
import { noticePercents, stoppedPercent } from './notice-percents.ts';
import { askedPauseMs, isRefusal, minRemedyMs, type Pace, type PostResult, paceAfter } from './pace.ts';

/** Weight of the newest answer in the smoothed latency. */
const latencyWeight = 0.2;

/** Effects of settled posts that a caller must act on. */
export type EndpointEffect =
  | { readonly kind: 'circuit-opened'; readonly probeAtMs: number }
  | { readonly kind: 'recovered'; readonly failingSinceMs: number }
  | {
      readonly kind: 'disabling';
      readonly percent: number;
      readonly failingSinceMs: number;
      readonly disablesAtMs: number;
      /** Set if the notice is early because an expression of the subscription was stopped. */
      readonly stopReason?: string;
    }
  /** Send a last probe, without a notice: only a failure after the period disables an endpoint, not time alone. */
  | { readonly kind: 'last-probe' }
  | { readonly kind: 'disabled'; readonly failingSinceMs: number };

export interface Settlement {
  readonly state: EndpointState;
  readonly effects: readonly EndpointEffect[];
}

/** Return a lease with its results. Posts that were not made return their tokens. */
export function settle(
  before: EndpointState,
  lease: { readonly id: string; readonly isProbe: boolean; readonly postsNotMade: number },
  results: readonly PostResult[],
  limits: EndpointLimits,
  policy: EndpointPolicy,
  nowMs: number,
): Settlement {
  const { [lease.id]: _, ...leases } = before.leases;
  let state: EndpointState = {
    ...before,
    leases,
    stall: before.stall?.lease === lease.id ? undefined : before.stall,
    ...(limits.ratePerSecond === undefined ? {} : { tokens: before.tokens + lease.postsNotMade }),
  };
  const effects: EndpointEffect[] = [];
  const { isProbe } = lease;
  const wasOpen = before.circuit === 'open';
  if (isProbe && results.length === 0) state = { ...state, probeAtMs: nowMs };
  for (const result of results) state = countAnswer(state, result, policy, nowMs);

  const failures = results.filter(({ ok }) => !ok);
  const pauseMs = Math.max(0, ...results.map(askedPauseMs));
  if (pauseMs > 0) state = { ...state, pausedUntilMs: Math.max(state.pausedUntilMs, nowMs + pauseMs) };
  state = { ...state, ...paceAfterLease(state, results, limits) };

  if (results.some(({ ok }) => ok)) {
    const { failingSinceMs } = state;
    if (failingSinceMs !== undefined && (wasOpen || state.noticedPercent > 0))
      effects.push({ kind: 'recovered', failingSinceMs });
    state = { ...state, ...noFailures, openings: 0 };
    if (wasOpen)
      state = { ...state, circuit: 'closed', window: emptyWindow, previousWindow: emptyWindow, bearsConcurrency: 1 };
  } else if (failures.length > 0) {
    const { disableAfterMs } = policy;
    state = { ...state, failingSinceMs: state.failingSinceMs ?? nowMs, disableAfterMs };
  }

  const stopReason = results.find((result) => result.stopReason !== undefined)?.stopReason;
  const failsTooOften = state.circuit === 'closed' && (isFailing(state, policy) || stopReason !== undefined);
  if (failsTooOften || (isProbe && failures.length > 0 && state.circuit === 'open')) {
    const coolDownMs = policy.coolDownsMs[Math.min(state.openings, policy.coolDownsMs.length - 1)] ?? 0;
    state = { ...state, circuit: 'open', openings: state.openings + 1, probeAtMs: nowMs + coolDownMs };
    if (!isProbe) effects.push({ kind: 'circuit-opened', probeAtMs: state.probeAtMs });
  }
  if (failures.length > 0 && state.failingSinceMs !== undefined && isLastProbe(state, policy, nowMs))
    // If the run dies before it disables the subscription, the next failure repeats this effect.
    return { state, effects: [...effects, { kind: 'disabled', failingSinceMs: state.failingSinceMs }] };
  const noticed = notice(state, policy, nowMs);
  const { failingSinceMs, noticedPercent } = noticed.state;
  if (stopReason !== undefined && failingSinceMs !== undefined && noticedPercent === 0) {
    // Notify at once, once per period of failures: the owner cannot see this at the endpoint.
    const percent = stoppedPercent;
    const disablesAtMs = failingSinceMs + policy.disableAfterMs;
    effects.push({ kind: 'disabling', percent, failingSinceMs, disablesAtMs, stopReason });
    return { state: { ...noticed.state, noticedPercent: percent }, effects };
  }
  return { state: noticed.state, effects: [...effects, ...noticed.effects] };
}

/** Whether a failure now disables the endpoint: its period is over, and no post has succeeded since. */
function isLastProbe(state: EndpointState, { disableAfterMs }: EndpointPolicy, nowMs: number): boolean {
  const { failingSinceMs, lastProbeDueAtMs } = state;
  return failingSinceMs !== undefined && lastProbeDueAtMs !== undefined && nowMs >= failingSinceMs + disableAfterMs;
}

/** Reset the failures of an endpoint: no delivery is left to probe whether it still fails. */
export function forgetFailures(before: EndpointState): EndpointState {
  return { ...before, ...noFailures };
}

/** The notice that is due for an endpoint that only fails. */
export function notice(state: EndpointState, policy: EndpointPolicy, nowMs: number): Settlement {
  const { failingSinceMs } = state;
  if (failingSinceMs === undefined) return { state, effects: [] };
  const percent = ((nowMs - failingSinceMs) / policy.disableAfterMs) * 100;
  const reached = noticePercents.findLast((one) => one <= percent);
  if (reached === 100) {
    const { lastProbeDueAtMs } = state;
    if (lastProbeDueAtMs !== undefined && nowMs < lastProbeDueAtMs) return { state, effects: [] };
    const probed = { ...state, noticedPercent: reached, lastProbeDueAtMs: nowMs + policy.lastProbeMs };
    return { state: probed, effects: [{ kind: 'last-probe' }] };
  }
  if (reached === undefined || reached <= state.noticedPercent) return { state, effects: [] };
  const disablesAtMs = failingSinceMs + policy.disableAfterMs;
  const effect: EndpointEffect = { kind: 'disabling', percent: reached, failingSinceMs, disablesAtMs };
  return { state: { ...state, noticedPercent: reached }, effects: [effect] };
}

/** Adapt the concurrency to a lease's results. It at most doubles, so load rises slowly after an outage. */
function paceAfterLease(before: Pace, results: readonly PostResult[], limits: EndpointLimits): Pace {
  const after = results.reduce((pace: Pace, result) => paceAfter(pace, result, limits), before);
  const { concurrency } = limits;
  const doubled = 2 * (before.bearsConcurrency ?? concurrency);
  const bears = Math.min(after.bearsConcurrency ?? concurrency, doubled);
  return { ...after, bearsConcurrency: bears >= concurrency ? undefined : bears };
}

/** Count an answer in the window, and in the smoothed latency. */
export function countAnswer(
  state: EndpointState,
  result: PostResult,
  policy: EndpointPolicy,
  nowMs: number,
): EndpointState {
  return noteLatency(noteResult(state, result, policy, nowMs), result);
}

function noteResult(state: EndpointState, result: PostResult, policy: EndpointPolicy, nowMs: number) {
  // An endpoint that asks for a pause is up: it gets the pause, and no cool-down as well.
  if (askedPauseMs(result) >= minRemedyMs) return state;
  const isOver = nowMs - state.window.startedAtMs >= policy.windowMs;
  const isLongOver = nowMs - state.window.startedAtMs >= 2 * policy.windowMs;
  const window = isOver ? { ...emptyWindow, startedAtMs: nowMs } : state.window;
  return {
    ...state,
    previousWindow: isLongOver ? emptyWindow : isOver ? state.window : state.previousWindow,
    window: counted(window, result),
  };
}

function counted(window: AttemptWindow, result: PostResult): AttemptWindow {
  if (result.ok) return { ...window, succeeded: window.succeeded + 1 };
  if (isRefusal(result)) return { ...window, refused: (window.refused ?? 0) + 1 };
  return { ...window, failed: window.failed + 1 };
}

function noteLatency(state: EndpointState, { ok, durationMs }: PostResult): EndpointState {
  if (!ok && durationMs < (state.latencyMs ?? 0)) return state;
  // Count only slow failures: an immediate refusal tells nothing about response times.
  if (!ok && state.latencyMs === undefined) return state;
  const { latencyMs = durationMs } = state;
  return { ...state, latencyMs: latencyMs + latencyWeight * (durationMs - latencyMs) };
}

function isFailing({ window, previousWindow }: EndpointState, policy: EndpointPolicy): boolean {
  const failed = window.failed + previousWindow.failed;
  const refused = (window.refused ?? 0) + (previousWindow.refused ?? 0);
  const requests = failed + refused + window.succeeded + previousWindow.succeeded;
  if (requests < policy.minRequests) return false;
  return failed / requests >= policy.failureRatio || (failed + refused) / requests >= policy.refusalRatio;
}

/** Reset an endpoint that its owner has enabled, so earlier failures block nothing. */
export function beginAgain(before: EndpointState): EndpointState {
  return {
    ...before,
    circuit: 'closed',
    probeAtMs: 0,
    openings: 0,
    window: emptyWindow,
    previousWindow: emptyWindow,
    pausedUntilMs: 0,
    stall: undefined,
    ...noFailures,
    // A requested drainer may be scheduled for the end of the pause, so request a new one.
    drainer: before.drainer?.id === pendingDrainer ? undefined : before.drainer,
  };
}
