import type { ObservedLimit } from '../answer/read-limits.ts';
import { budgetAt } from './admit-calls.ts';
import { type AppliedLimit, type BudgetState, type LimitState, maximumOf, newLimit } from './budget-state.ts';
import { bucketLevel, countEnded, windowMsOf } from './limit-window.ts';

/** How a granted call ended. */
export interface EndedCall {
  readonly id: string;
  /** Whether it may have reached the provider: one that was never sent costs nothing. */
  readonly wasSent: boolean;
  readonly endedAtMs: number;
  /** What the answer says of limits. */
  readonly observed: readonly ObservedLimit[];
  /** Set where the provider says to slow down: what may not be called, and until when, if it tells. */
  readonly slowDown?: SlowDown | undefined;
}

export interface SlowDown {
  /** `*`, the name of a limit or of a call. */
  readonly name: string;
  /** Epoch milliseconds; undefined where the provider does not tell it. */
  readonly notBeforeMs: number | undefined;
}

/** Pause after the first word to slow down that does not say for how long; it doubles each time. */
const firstPauseMs = 1_000;
const maxPauseMs = 15 * 60_000;

/** A word without a reset is trusted this long. */
const toldMs = 60_000;

/** Count a call that has ended, and take over what its answer says of the limits. */
export function settleCall(before: BudgetState, limits: readonly AppliedLimit[], call: EndedCall): BudgetState {
  const state = budgetAt(before, limits, call.endedAtMs);
  const flight = state.flights.find(({ id }) => id === call.id);
  const flights = state.flights.filter(({ id }) => id !== call.id);
  const known = { ...state.limits };
  for (const limit of limits) {
    const { spec } = limit;
    const observed = call.observed.find(({ name }) => name === spec.name);
    const current = known[spec.name] ?? newLimit;
    const cost = flight?.costs[spec.name] ?? 0;
    const counted = call.wasSent ? spend(limit, current, observed?.charged ?? cost, call.endedAtMs) : current;
    known[spec.name] =
      observed === undefined
        ? counted
        : listen(limit, counted, observed, flight?.startedAtMs ?? call.endedAtMs, call.endedAtMs);
  }
  const { slowDown } = call;
  const strikes = slowDown === undefined ? (call.wasSent ? 0 : (state.strikes ?? 0)) : (state.strikes ?? 0) + 1;
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** (strikes - 1));
  const blocks =
    slowDown === undefined
      ? state.blocks
      : {
          ...state.blocks,
          [slowDown.name]: Math.max(state.blocks[slowDown.name] ?? 0, slowDown.notBeforeMs ?? call.endedAtMs + pauseMs),
        };
  return { ...state, flights, limits: known, blocks, strikes };
}

function spend(limit: AppliedLimit, state: LimitState, cost: number, nowMs: number): LimitState {
  const { spec } = limit;
  if (spec.bucket !== undefined) {
    const tokens = bucketLevel(spec, state, maximumOf(limit, state), nowMs) - cost;
    return { ...state, level: { tokens, atMs: nowMs } };
  }
  if (spec.concurrent !== undefined) return state;
  const counted = countEnded(spec, state, cost, nowMs);
  const { told } = counted;
  if (told === undefined) return counted;
  return { ...counted, told: { ...told, since: told.since + cost } };
}

/** What the answer says wins over what was counted, and a later question over an earlier one. */
function listen(
  limit: AppliedLimit,
  state: LimitState,
  { remaining, maximum, resetAtMs }: ObservedLimit,
  askedAtMs: number,
  nowMs: number,
): LimitState {
  const { spec } = limit;
  const next: LimitState = maximum === undefined || maximum <= 0 ? state : { ...state, maximum };
  if (remaining === undefined) return next;
  if (spec.bucket !== undefined) return { ...next, level: { tokens: Math.max(0, remaining), atMs: nowMs } };
  if (spec.concurrent !== undefined) return next;
  if (state.told !== undefined && state.told.askedAtMs > askedAtMs) return next;
  const windowMs = windowMsOf(spec) ?? toldMs;
  const soundReset = resetAtMs !== undefined && resetAtMs > nowMs && resetAtMs <= nowMs + 2 * windowMs;
  const untilMs = soundReset ? resetAtMs : nowMs + Math.min(windowMs, toldMs);
  return {
    ...next,
    told: { remaining: Math.max(0, remaining), askedAtMs, untilMs, since: 0 },
    ...(soundReset && spec.window === 'fixed' ? { resetAtMs } : {}),
  };
}
