import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { CallLimits } from '../../lambdas/ports/tenants/call-limits.ts';
import { type Dumpable, dumpOf } from './dump.ts';

/** Token buckets, each stored as the time at which it is full again. */
export function createInMemoryCallLimits(clock: Clock): CallLimits & Dumpable {
  const fullAtMs = new Map<string, number>();
  return {
    dump: () => dumpOf(fullAtMs),
    async take({ bucket, calls, windowMs, cost = 1 }) {
      const nowMs = clock.nowMs();
      const stepMs = (windowMs / calls) * cost;
      const next = Math.max(fullAtMs.get(bucket) ?? nowMs, nowMs) + stepMs;
      // Tolerate rounding: fractions of a millisecond add up, but the clock has none.
      const excessMs = next - (nowMs + windowMs) - Math.min(stepMs / cost / 2, 0.5);
      if (excessMs > 0) return { kind: 'limited', retryAfterMs: Math.max(1, Math.ceil(excessMs)) };
      fullAtMs.set(bucket, next);
      const fullInMs = next - nowMs;
      const remaining = Math.floor(((windowMs - fullInMs) * calls) / windowMs + 1e-6);
      return { kind: 'admitted', remaining: Math.max(0, Math.min(calls - cost, remaining)), fullInMs };
    },
  };
}
