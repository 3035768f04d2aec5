import { limits } from '../../contracts/limits.ts';

/**
 * One subscription's endpoint, as all functions together see it: what it is being sent, how it answers,
 * and what it may be sent next. Pure: a caller reads a state, asks for the next one, and stores it if
 * nobody stored another in between.
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

interface AttemptWindow {
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

/** Shares of the way to being disabled at which its owner is told, in percent; at the last of them it is probed. */
const noticePercents = [50, 75, 90, 100] as const;
/** Stands for the notice that an expression was stopped, which comes before all others. */
const stoppedPercent = 1;

/** A drainer that was asked for and has not begun. */
const pendingDrainer = 'pending';
/** How long a drainer that was asked for may take to begin. */
const pendingDrainerMs = 60_000;
/** Weight of the newest answer in the smoothed latency. */
const latencyWeight = 0.2;
/** How long a probe may be under way before another is made. */
const probeMs = 60_000;

/** The longest pause that is given, whatever is asked for: what waits meanwhile grows old. */
const maxPauseMs = 86_400_000;
/** A pause of at least this is a remedy of its own: answers that ask for one do not count for the circuit. */
const minRemedyMs = 1_000;

/** Answers of an endpoint, or of what stands before it, that has too much to do. */
const refusals: ReadonlySet<number | undefined> = new Set([429, 502, 503, 504]);
/**
 * Share of the whole concurrency that a round of posts gains when all of it is taken, and loses when all of it is
 * refused. Large, so that an endpoint that refuses a tenth of its posts, whatever their number, keeps most of them.
 */
const roundStep = 0.5;
/** Rounds of posts after a halving in which no further refusal halves: they show what the halving has done. */
const settlingRounds = 10;

const noFailures = {
  failingSinceMs: undefined,
  disableAfterMs: undefined,
  lastProbeDueAtMs: undefined,
  noticedPercent: 0,
} as const satisfies Partial<EndpointState>;
const emptyWindow: AttemptWindow = { startedAtMs: 0, succeeded: 0, failed: 0 };

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

/**
 * Whether an endpoint may be posted to as soon as an event is there. One that nobody knows yet, or that is
 * slow, is drained apart from the others, so that it holds up nobody. A backlog alone is no reason: to
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
function isRefusal({ ok, status }: PostResult): boolean {
  return !ok && refusals.has(status);
}

/** The pause that a refusal asks for; 0 where it asks for none, and then only its own delivery waits. */
function askedPauseMs(result: PostResult): number {
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

/** Something was put into the backlog. */
export function woken(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: true, wakeups: before.wakeups + 1 };
}

/**
 * Ask for a drainer, for when it may begin.
 *
 * @param isUrgent - Not to wait for one that was asked to come later than that.
 * @returns Undefined where one is at it, or was asked for.
 */
export function callDrainer(
  before: EndpointState,
  nowMs: number,
  isUrgent = false,
): { readonly state: EndpointState; readonly beginsAtMs: number } | undefined {
  const beginsAtMs = Math.max(nowMs, blockedUntilMs(before));
  const isTooLate = isUrgent && (drainAskedForMs(before) ?? 0) > beginsAtMs;
  if (before.drainer !== undefined && before.drainer.untilMs > nowMs && !isTooLate) return undefined;
  // A message that is overtaken comes all the same: the drainer that is asked for now needs no other for then.
  const messageAtMs = beginsAtMs > nowMs ? messageFor(beginsAtMs, nowMs) : delayedMessageMs(before, nowMs);
  return { state: leaveDrain(before, beginsAtMs, messageAtMs), beginsAtMs };
}

/** When a drain message is shown that is sent now for a time. Undefined where SQS cannot delay it so long. */
export function messageFor(atMs: number, nowMs: number): number | undefined {
  return atMs - nowMs <= limits.queueMaxDelayMs ? atMs : undefined;
}

/** When a drain message is going to be shown that was sent for later; undefined where none is known. */
export function delayedMessageMs({ drainer }: EndpointState, nowMs: number): number | undefined {
  const atMs = drainer?.messageAtMs;
  return atMs !== undefined && atMs > nowMs ? atMs : undefined;
}

/** For when a drainer was asked that has not begun; undefined where none was. */
function drainAskedForMs({ drainer }: EndpointState): number | undefined {
  return drainer?.id === pendingDrainer ? drainer.untilMs - pendingDrainerMs : undefined;
}

/** When the circuit or a pause lets something through again; 0 where nothing holds it up. */
export function blockedUntilMs({ circuit, probeAtMs, pausedUntilMs }: EndpointState): number {
  return Math.max(circuit === 'open' ? probeAtMs : 0, pausedUntilMs);
}

/** Become the one who drains. @returns Undefined where somebody else does. */
export function claimDrain(
  before: EndpointState,
  drainer: { readonly id: string; readonly durationMs: number },
  nowMs: number,
): EndpointState | undefined {
  const { drainer: current } = before;
  const isOthers = current !== undefined && current.id !== pendingDrainer && current.id !== drainer.id;
  if (isOthers && current.untilMs > nowMs) return undefined;
  return { ...before, drainer: { id: drainer.id, untilMs: nowMs + drainer.durationMs } };
}

/**
 * Stop draining, the backlog being empty. @returns Undefined where something was put into it since it
 * was looked at.
 */
export function finishDrain(before: EndpointState, seenWakeups: number): EndpointState | undefined {
  if (before.wakeups !== seenWakeups) return undefined;
  return { ...before, hasBacklog: false, drainer: undefined };
}

/**
 * Stop draining, although something is left. Another was asked to go on then; if none does, dispatch
 * asks again a little later.
 *
 * @param messageAtMs - When a drain message is shown that was, or is going to be, sent for later.
 */
export function leaveDrain(before: EndpointState, goesOnAtMs: number, messageAtMs?: number): EndpointState {
  const drainer = { id: pendingDrainer, untilMs: goesOnAtMs + pendingDrainerMs };
  return { ...before, drainer: messageAtMs === undefined ? drainer : { ...drainer, messageAtMs } };
}

/** Nobody wants what is in the backlog any more: nobody has to look at it either. */
export function letRest(before: EndpointState): EndpointState {
  return { ...before, hasBacklog: false, drainer: undefined, ...noFailures };
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

/**
 * When an endpoint has to be looked at although nobody sends it anything: its backlog may go on, a drainer
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
