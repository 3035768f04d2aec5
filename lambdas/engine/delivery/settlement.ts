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

/** What has to be told to whom after posts were settled. */
export type EndpointEffect =
  | { readonly kind: 'circuit-opened'; readonly probeAtMs: number }
  | { readonly kind: 'recovered'; readonly failingSinceMs: number }
  | {
      readonly kind: 'disabling';
      readonly percent: number;
      readonly failingSinceMs: number;
      readonly disablesAtMs: number;
      /** Set where it is told early, because an expression of the subscription was stopped. */
      readonly stopReason?: string;
    }
  /** Nothing is told yet: an endpoint is disabled by how it answers at the end of its time, not by the time alone. */
  | { readonly kind: 'last-probe' }
  | { readonly kind: 'disabled'; readonly failingSinceMs: number };

export interface Settlement {
  readonly state: EndpointState;
  readonly effects: readonly EndpointEffect[];
}

/** Give a lease back, with what came of it; posts that were not made give their tokens back. */
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
    ...(limits.ratePerSecond === undefined ? {} : { tokens: before.tokens + lease.postsNotMade }),
  };
  const effects: EndpointEffect[] = [];
  const { isProbe } = lease;
  const wasOpen = before.circuit === 'open';
  if (isProbe && results.length === 0) state = { ...state, probeAtMs: nowMs };
  for (const result of results) state = noteLatency(noteResult(state, result, policy, nowMs), result);

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
    // A run may die before its subscription is disabled: then the next failure says it again.
    return { state, effects: [...effects, { kind: 'disabled', failingSinceMs: state.failingSinceMs }] };
  const noticed = notice(state, policy, nowMs);
  const { failingSinceMs, noticedPercent } = noticed.state;
  if (stopReason !== undefined && failingSinceMs !== undefined && noticedPercent === 0) {
    // At once, and once for each time of failures: the endpoint itself will not tell its owner.
    const percent = stoppedPercent;
    const disablesAtMs = failingSinceMs + policy.disableAfterMs;
    effects.push({ kind: 'disabling', percent, failingSinceMs, disablesAtMs, stopReason });
    return { state: { ...noticed.state, noticedPercent: percent }, effects };
  }
  return { state: noticed.state, effects: [...effects, ...noticed.effects] };
}

/** Whether the next post decides: the time is over, and what was posted since then has not been answered well. */
function isLastProbe(state: EndpointState, { disableAfterMs }: EndpointPolicy, nowMs: number): boolean {
  const { failingSinceMs, lastProbeDueAtMs } = state;
  return failingSinceMs !== undefined && lastProbeDueAtMs !== undefined && nowMs >= failingSinceMs + disableAfterMs;
}

/** Count the failures of an endpoint anew: nothing is left by which it could be found out whether it still fails. */
export function forgetFailures(before: EndpointState): EndpointState {
  return { ...before, ...noFailures };
}

/** What its owner has to be told by now of an endpoint that only fails. */
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

/** A lease at most doubles the concurrency: after an outage an endpoint is sent a little more at a time. */
function paceAfterLease(before: Pace, results: readonly PostResult[], limits: EndpointLimits): Pace {
  const after = results.reduce((pace: Pace, result) => paceAfter(pace, result, limits), before);
  const { concurrency } = limits;
  const doubled = 2 * (before.bearsConcurrency ?? concurrency);
  const bears = Math.min(after.bearsConcurrency ?? concurrency, doubled);
  return { ...after, bearsConcurrency: bears >= concurrency ? undefined : bears };
}

function noteResult(state: EndpointState, result: PostResult, policy: EndpointPolicy, nowMs: number) {
  // An endpoint that asks for a pause is up: it is given the pause, and no cool-down besides.
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
  // Of failures only those that took long count: a refusal at once says nothing of how long an answer takes.
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

/** Begin again with an endpoint whose owner says that it is well: what was learnt of its failures holds nothing up. */
export function beginAgain(before: EndpointState): EndpointState {
  return {
    ...before,
    circuit: 'closed',
    probeAtMs: 0,
    openings: 0,
    window: emptyWindow,
    previousWindow: emptyWindow,
    pausedUntilMs: 0,
    ...noFailures,
    // One that was asked for may have been asked to come when the pause was over.
    drainer: before.drainer?.id === pendingDrainer ? undefined : before.drainer,
  };
}
