import { limitsOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { ApiSpec } from '../../../../../lambdas/engine/provider/language/api-schema.ts';
import type { LimitSpec } from '../../../../../lambdas/engine/provider/language/limits-schema.ts';
import { durationMs } from '../../../../../lambdas/engine/provider/request/call-transforms.ts';
import { zonedTime } from '../../../../../lambdas/engine/request/zoned-time.ts';

/** What the provider knows of a limit after a call. */
export interface LimitState {
  readonly spec: LimitSpec;
  readonly maximum: number;
  readonly remaining: number;
  /** Epoch milliseconds: when the limit has more room. */
  readonly resetsAtMs: number;
  /** What the call took. */
  readonly charged: number;
}

export type Metered =
  | { readonly kind: 'admitted'; readonly states: () => readonly LimitState[]; readonly end: () => void }
  | {
      readonly kind: 'refused';
      readonly limit: string;
      readonly freeAtMs: number;
      readonly states: () => readonly LimitState[];
    };

/** A call that takes from limits. */
export interface MeteredCall {
  /** Its resource, or `test`. */
  readonly resource: string;
  /** `<resource>.<method>`, or `test`. */
  readonly call: string;
  readonly cost: number;
  /** Who calls; limits of an app count all of them together. */
  readonly owner: string;
}

/** Keeps the declared limits, as the provider would. It shares nothing with the engine's own accounts of them. */
export interface LimitMeter {
  take(call: MeteredCall, nowMs: number): Metered;
}

/** What one limit has counted for one owner. */
interface Counter {
  /** Times and costs of the calls of the window. */
  taken: { readonly atMs: number; readonly cost: number }[];
  atOnce: number;
  level: number;
  filledAtMs: number;
}

/** Pause that a full limit of concurrent calls asks for. */
const concurrentRetryMs = 1_000;

/** A bucket that fills in several steps may lack this much of a whole call. */
const rounding = 1e-9;

/** @param overrides - Other numbers of calls, or sizes, by the name of the limit. */
export function createLimitMeter(api: ApiSpec, overrides: Readonly<Record<string, number>> = {}): LimitMeter {
  const counters = new Map<string, Counter>();
  const counterOf = (spec: LimitSpec, maximum: number, owner: string, nowMs: number): Counter => {
    const key = `${spec.name} ${spec.scope === 'app' ? '' : owner}`;
    let counter = counters.get(key);
    if (counter === undefined) {
      counter = { taken: [], atOnce: 0, level: maximum, filledAtMs: nowMs };
      counters.set(key, counter);
    }
    refresh(spec, maximum, counter, nowMs);
    return counter;
  };
  return {
    take({ resource, call, cost, owner }, nowMs) {
      const limits = limitsOf({ api }, { resource, call }).map((spec) => {
        const maximum = overrides[spec.name] ?? spec.calls ?? spec.concurrent ?? spec.bucket ?? 0;
        const counter = counterOf(spec, maximum, owner, nowMs);
        const charged = spec.concurrent === undefined ? cost : 1;
        return { spec, maximum, counter, charged };
      });
      const states = (charge: boolean) =>
        limits.map(({ spec, maximum, counter, charged }) => ({
          spec,
          maximum,
          remaining: Math.max(0, Math.floor(remainingIn(spec, maximum, counter) + rounding)),
          resetsAtMs: resetOf(spec, maximum, counter, nowMs),
          charged: charge ? charged : 0,
        }));
      const full = limits.filter(
        ({ spec, maximum, counter, charged }) => remainingIn(spec, maximum, counter) + rounding < charged,
      );
      if (full.length > 0) {
        const times = full.map(({ spec, maximum, counter, charged }) => freeAt(spec, maximum, counter, charged, nowMs));
        const freeAtMs = Math.max(...times);
        const name = full[times.indexOf(freeAtMs)]?.spec.name ?? '';
        return { kind: 'refused', limit: name, freeAtMs, states: () => states(false) };
      }
      for (const { spec, counter, charged } of limits) {
        if (spec.concurrent !== undefined) counter.atOnce += 1;
        else if (spec.bucket !== undefined) counter.level -= charged;
        else counter.taken.push({ atMs: nowMs, cost: charged });
      }
      return {
        kind: 'admitted',
        states: () => states(true),
        end: () => limits.forEach(({ spec, counter }) => (counter.atOnce -= spec.concurrent === undefined ? 0 : 1)),
      };
    },
  };
}

/** Forget what is no longer in the window, and fill the bucket. */
function refresh(spec: LimitSpec, maximum: number, counter: Counter, nowMs: number): void {
  const filled = counter.level + ((nowMs - counter.filledAtMs) / 1000) * (spec.restore ?? 0);
  counter.level = Math.min(maximum, filled);
  counter.filledAtMs = nowMs;
  const sinceMs = windowStart(spec, nowMs);
  counter.taken = counter.taken.filter(({ atMs }) =>
    spec.window === 'fixed' || isDay(spec) ? atMs >= sinceMs : atMs > sinceMs,
  );
}

function remainingIn({ concurrent, bucket }: LimitSpec, maximum: number, counter: Counter): number {
  if (concurrent !== undefined) return maximum - counter.atOnce;
  if (bucket !== undefined) return counter.level;
  return maximum - counter.taken.reduce((sum, { cost }) => sum + cost, 0);
}

/** When the limit has room for the call again. */
function freeAt(spec: LimitSpec, maximum: number, counter: Counter, cost: number, nowMs: number): number {
  if (spec.concurrent !== undefined) return nowMs + concurrentRetryMs;
  if (spec.bucket !== undefined) return nowMs + Math.ceil(((cost - counter.level) / (spec.restore ?? 1)) * 1000);
  if (spec.window === 'fixed' || isDay(spec)) return windowEnd(spec, nowMs);
  let missing = cost - remainingIn(spec, maximum, counter);
  for (const one of counter.taken) {
    missing -= one.cost;
    if (missing <= 0) return one.atMs + perMs(spec);
  }
  return nowMs + perMs(spec);
}

function resetOf(spec: LimitSpec, maximum: number, counter: Counter, nowMs: number): number {
  if (spec.bucket !== undefined) return nowMs + ((maximum - counter.level) / (spec.restore ?? 1)) * 1000;
  if (spec.concurrent !== undefined) return nowMs;
  if (spec.window === 'fixed' || isDay(spec)) return windowEnd(spec, nowMs);
  return (counter.taken.at(-1)?.atMs ?? nowMs) + perMs(spec);
}

function perMs({ per }: LimitSpec): number {
  return durationMs(per ?? '1m') ?? 60_000;
}

/** Whether the count of a day ends at midnight. */
function isDay({ resets }: LimitSpec): boolean {
  return resets !== undefined;
}

/** Fixed windows begin at multiples of their length, and days at midnight of their zone. */
function windowStart(spec: LimitSpec, nowMs: number): number {
  if (spec.resets !== undefined) return nowMs - msOfDay(nowMs, spec.resets);
  return spec.window === 'fixed' ? Math.floor(nowMs / perMs(spec)) * perMs(spec) : nowMs - perMs(spec);
}

function windowEnd(spec: LimitSpec, nowMs: number): number {
  return windowStart(spec, nowMs) + perMs(spec);
}

function msOfDay(nowMs: number, zone: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = (zonedTime(nowMs, 'HH:mm:ss', zone) ?? '').split(':').map(Number);
  return ((hours * 60 + minutes) * 60 + seconds) * 1000 + (nowMs % 1000);
}
