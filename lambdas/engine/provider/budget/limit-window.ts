import { zonedTime } from '../../request/zoned-time.ts';
import type { LimitSpec } from '../language/limits-schema.ts';
import { durationMs } from '../request/call-transforms.ts';
import type { Flight, LimitState } from './budget-state.ts';

/** Slots into which a window is divided: a call counts until the end of its slot, plus the window. */
const slots = 60;
const dayMs = 86_400_000;

/** Length of a limit's window in milliseconds; undefined for limits without one. */
export function windowMsOf({ per }: LimitSpec): number | undefined {
  return per === undefined ? undefined : durationMs(per);
}

/** A limit's state at a time: what has left its window is forgotten. */
export function limitAt(spec: LimitSpec, state: LimitState, nowMs: number): LimitState {
  const { told, resetAtMs, ...rest } = state;
  const isReset = resetAtMs !== undefined && resetAtMs <= nowMs;
  const stillTold = told !== undefined && told.untilMs > nowMs && !isReset ? { told } : {};
  const ended = isReset ? [] : state.ended.filter(([untilMs]) => untilMs > nowMs);
  const next = nextResetMs(spec, nowMs);
  const reset = next ?? (isReset ? undefined : resetAtMs);
  return { ...rest, ended, ...stillTold, ...(reset === undefined ? {} : { resetAtMs: reset }) };
}

/** When a day ends in the zone that the limit names; undefined for others. */
function nextResetMs({ resets, per }: LimitSpec, nowMs: number): number | undefined {
  if (resets === undefined || per !== '1d') return undefined;
  const time = zonedTime(nowMs, 'HH:mm:ss', resets);
  if (time === undefined) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  return nowMs - (nowMs % 1000) - (hours * 3600 + minutes * 60 + seconds) * 1000 + dayMs;
}

/** Count a call that has ended. The provider may have counted it at any time until then. */
export function countEnded(spec: LimitSpec, state: LimitState, cost: number, endedAtMs: number): LimitState {
  const windowMs = windowMsOf(spec);
  if (windowMs === undefined) return state;
  const width = Math.max(1, Math.ceil(windowMs / slots));
  const untilMs =
    state.resetAtMs !== undefined && (spec.window === 'fixed' || spec.resets !== undefined)
      ? state.resetAtMs
      : (Math.floor(endedAtMs / width) + 1) * width + windowMs;
  const place = state.ended.findIndex(([until]) => until === untilMs);
  const ended =
    place < 0
      ? [...state.ended, [untilMs, cost] as const].sort(([a], [b]) => a - b)
      : state.ended.map((slot, index) => (index === place ? ([untilMs, slot[1] + cost] as const) : slot));
  return { ...state, ended };
}

/** What a bucket holds at a time, before the calls that are on their way. */
export function bucketLevel(spec: LimitSpec, { level }: LimitState, maximum: number, nowMs: number): number {
  if (level === undefined) return maximum;
  return Math.min(maximum, level.tokens + ((spec.restore ?? 0) * Math.max(0, nowMs - level.atMs)) / 1000);
}

/** Cost of the calls on their way. */
export function costInFlight(name: string, flights: readonly Flight[]): number {
  return flights.reduce((sum, { costs }) => sum + (costs[name] ?? 0), 0);
}
