import {
  type AppliedLimit,
  type BudgetState,
  type Flight,
  maximumOf,
  newLimit,
  type Priority,
  priorities,
  reserveOf,
} from './budget-state.ts';
import { bucketLevel, costInFlight, countEnded, limitAt } from './limit-window.ts';

/** A request for calls. */
export interface Ask {
  /** One for each call that is wanted. */
  readonly ids: readonly string[];
  readonly priority: Priority;
  /** Names of the call for blocks: its resource, and the call itself. */
  readonly names: readonly string[];
  /** What each call takes of limits that count cost. */
  readonly cost: number;
  /** The limits that count the call. */
  readonly limits: readonly AppliedLimit[];
  readonly nowMs: number;
  /** After this time the caller of a granted call is certainly dead. */
  readonly leaseMs: number;
}

export interface Admission {
  /** The calls that may be made now; they are on their way in the next state. */
  readonly granted: readonly string[];
  /** When to ask again for the others, epoch milliseconds; undefined where all are granted. */
  readonly askAgainAtMs: number | undefined;
  /** The limit or the block that stops the others, by name. */
  readonly stoppedBy: string | undefined;
  readonly next: BudgetState;
}

/** How long a waiting caller takes until it has the rank of the next more urgent priority. */
export const agingMs = 30_000;
/** Calls on their way end at a time that is not known: ask again after this time. */
const flightLookMs = 250;
/** Callers that wait may be late. */
const waitingGraceMs = 2_000;
/** A row must not grow without bound, whatever a provider allows. */
const maxFlights = 500;

/** A dead call is remembered so long for limits that no call has asked for since. Few windows are longer than a month. */
const deadForMs = 31 * 86_400_000;

/**
 * The state without what time has ended: old windows and blocks, calls whose caller died, and waits that were given up.
 *
 * @param limits - Those that count the call at hand. What a dead call took of others stays in flight until one of theirs
 *   is asked for.
 */
export function budgetAt(state: BudgetState, limits: readonly AppliedLimit[], nowMs: number): BudgetState {
  const dead = state.flights.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
  const flights = dead.length === 0 ? state.flights : withoutCounted(state.flights, limits, nowMs);
  const states = { ...state.limits };
  for (const { spec } of limits) {
    let limit = limitAt(spec, states[spec.name] ?? newLimit, nowMs);
    // A call without an end may have been made until its caller was certainly dead.
    for (const { costs, expiresAtMs } of dead) {
      const cost = costs[spec.name];
      if (cost !== undefined) limit = limitAt(spec, countEnded(spec, limit, cost, expiresAtMs), nowMs);
    }
    states[spec.name] = limit;
  }
  const blocks = Object.fromEntries(Object.entries(state.blocks).filter(([, untilMs]) => untilMs > nowMs));
  const waiting = Object.fromEntries(
    Object.entries(state.waiting).filter(([, { untilMs }]) => untilMs + waitingGraceMs > nowMs),
  );
  return { ...state, flights, limits: states, blocks, waiting };
}

function withoutCounted(flights: readonly Flight[], limits: readonly AppliedLimit[], nowMs: number): readonly Flight[] {
  const names = new Set(limits.map(({ spec }) => spec.name));
  return flights.flatMap((flight) => {
    if (flight.expiresAtMs > nowMs) return [flight];
    const uncounted = Object.entries(flight.costs).filter(([name]) => !names.has(name));
    const isOver = uncounted.length === 0 || flight.expiresAtMs + deadForMs <= nowMs;
    return isOver ? [] : [{ ...flight, costs: Object.fromEntries(uncounted) }];
  });
}

/** Grant as many calls as every limit allows, and leave room for those that are more urgent. */
export function admitCalls(before: BudgetState, ask: Ask): Admission {
  const { ids, priority, nowMs, limits, names } = ask;
  const state = budgetAt(before, limits, nowMs);
  const block = blockOf(state, ['*', ...names, ...limits.map(({ spec }) => spec.name)]);
  if (block !== undefined) return refused(state, ask, [], block.untilMs, block.name);
  const ahead = callsAhead(state, priority, nowMs);
  let most = Math.min(ids.length, maxFlights - state.flights.length);
  let stop: { readonly name: string; readonly atMs: number } | undefined;
  for (const limit of limits) {
    const cost = costOf(limit, ask.cost);
    const room = roomIn(limit, state, priority, nowMs) - ahead * cost;
    const calls = Math.max(0, Math.floor(room / cost + 1e-9));
    if (calls >= ids.length) continue;
    const atMs = whenFree(limit, state, priority, cost, nowMs);
    if (stop === undefined || calls < most) stop = { name: limit.spec.name, atMs };
    most = Math.min(most, calls);
  }
  const granted = ids.slice(0, Math.max(0, most));
  const flights: readonly Flight[] = granted.map((id) => ({
    id,
    priority,
    startedAtMs: nowMs,
    expiresAtMs: nowMs + ask.leaseMs,
    costs: Object.fromEntries(limits.map((limit) => [limit.spec.name, costOf(limit, ask.cost)])),
  }));
  const next = { ...state, flights: [...state.flights, ...flights] };
  if (granted.length === ids.length) {
    const { [priority]: _, ...waiting } = next.waiting;
    return { granted, askAgainAtMs: undefined, stoppedBy: undefined, next: { ...next, waiting } };
  }
  return refused(next, ask, granted, stop?.atMs ?? nowMs + flightLookMs, stop?.name ?? 'calls');
}

function refused(
  state: BudgetState,
  { ids, priority, nowMs }: Ask,
  granted: readonly string[],
  atMs: number,
  stoppedBy: string,
): Admission {
  const before = state.waiting[priority];
  const wait = {
    sinceMs: before?.sinceMs ?? nowMs,
    untilMs: Math.max(atMs, before?.untilMs ?? 0),
    calls: ids.length - granted.length,
  };
  return {
    granted,
    askAgainAtMs: atMs,
    stoppedBy,
    next: { ...state, waiting: { ...state.waiting, [priority]: wait } },
  };
}

function blockOf({ blocks }: BudgetState, names: readonly string[]) {
  const found = names.flatMap((name) => (blocks[name] === undefined ? [] : [{ name, untilMs: blocks[name] }]));
  return found.sort((a, b) => b.untilMs - a.untilMs)[0];
}

/** A limit of points takes the cost of the call; another one takes one call. */
function costOf({ spec }: AppliedLimit, cost: number): number {
  return spec.concurrent === undefined ? cost : 1;
}

/** Calls that others wait for, who go first: the more urgent, and those that have waited long. */
function callsAhead({ waiting }: BudgetState, priority: Priority, nowMs: number): number {
  const own = rankOf(priority, waiting[priority]?.sinceMs, nowMs);
  return priorities.reduce((sum, other) => {
    const wait = waiting[other];
    if (other === priority || wait === undefined) return sum;
    return rankOf(other, wait.sinceMs, nowMs) < own ? sum + wait.calls : sum;
  }, 0);
}

function rankOf(priority: Priority, sinceMs: number | undefined, nowMs: number): number {
  const aged = sinceMs === undefined ? 0 : Math.floor((nowMs - sinceMs) / agingMs);
  return Math.max(0, priorities.indexOf(priority) - aged);
}

/** What a priority may take of a limit now. */
export function roomIn(limit: AppliedLimit, state: BudgetState, priority: Priority, nowMs: number): number {
  const { spec } = limit;
  const known = state.limits[spec.name] ?? newLimit;
  const maximum = maximumOf(limit, known);
  const flying = costInFlight(spec.name, state.flights);
  const reserve = reserveOf(limit, maximum, priority);
  if (spec.concurrent !== undefined) return maximum - flying - reserve;
  if (spec.bucket !== undefined) return bucketLevel(spec, known, maximum, nowMs) - flying - reserve;
  const ended = known.ended.reduce((sum, [, cost]) => sum + cost, 0);
  const own = maximum - ended - flying - reserve;
  if (known.told === undefined) return own;
  const { remaining, since } = known.told;
  // Calls on their way may or may not be in what the provider told: they count as if they were not.
  return Math.min(own, remaining - since - flying - reserve);
}

/** When a limit may have room for one more call. */
function whenFree(limit: AppliedLimit, state: BudgetState, priority: Priority, cost: number, nowMs: number): number {
  const { spec } = limit;
  const known = state.limits[spec.name] ?? newLimit;
  if (spec.bucket !== undefined) {
    const missing = cost - roomIn(limit, state, priority, nowMs);
    const ms = Math.ceil((missing / (spec.restore ?? 1)) * 1000);
    return nowMs + Math.max(1, Math.min(ms, 3_600_000));
  }
  if (spec.concurrent !== undefined) return nowMs + flightLookMs;
  const [first] = known.ended;
  const times = [first?.[0], known.told?.untilMs, known.resetAtMs].filter((at) => at !== undefined && at > nowMs);
  const earliest = Math.min(...(times as number[]));
  // Nothing has ended: the room is taken by calls on their way.
  return Number.isFinite(earliest) ? earliest : nowMs + flightLookMs;
}
