import { fractionOf, type ProviderFaults } from '../draw-fault.ts';
import type { FaultName } from './named-faults.ts';

/** When a write happens, and when readers see it. */
export interface WriteTime {
  /** Epoch milliseconds that the record says. */
  readonly atMs: number;
  /** Epoch milliseconds by the clock. */
  readonly writtenAtMs: number;
  /** Epoch milliseconds from which listings show it. */
  readonly visibleFromMs: number;
  /** Whether the record may have the time that it had before the write. */
  readonly repeatsOwnTime: boolean;
}

/** The time of a write that has no fault. */
export function plainTime(atMs: number): WriteTime {
  return { atMs, writtenAtMs: atMs, visibleFromMs: atMs, repeatsOwnTime: false };
}

export interface WriteTimes {
  /** Of a record that is there from the start. */
  ofFirst(atMs: number, nowMs: number): WriteTime;
  /** Of the next write of a resource. */
  ofNext(resource: string, nowMs: number): WriteTime;
}

/** Draw the times of writes: cut to a step, off the clock, or shown late. */
export function createWriteTimes(
  faults: ProviderFaults,
  seed: string,
  count: (kind: FaultName) => void = () => undefined,
): WriteTimes {
  const writes = new Map<string, number>();
  const cut = (ms: number) => (faults.timeStepMs > 0 ? Math.floor(ms / faults.timeStepMs) * faults.timeStepMs : ms);
  return {
    ofFirst: (atMs, nowMs) => ({ ...plainTime(nowMs), atMs: cut(atMs), repeatsOwnTime: faults.repeatsOwnTime }),
    ofNext(resource, nowMs) {
      // The faults may have changed since the last write.
      const { timeStepMs, repeatsOwnTime, latePercent, lateMs, rowSkewPercent, rowSkewMs } = faults;
      const place = (writes.get(resource) ?? 0) + 1;
      writes.set(resource, place);
      const draw = (what: string) => fractionOf(`${seed} write ${resource} ${place} ${what}`);
      const isSkewed = draw('skews') * 100 < rowSkewPercent;
      const isLate = draw('late') * 100 < latePercent;
      const skewMs = isSkewed ? Math.round((2 * draw('skew') - 1) * rowSkewMs) : 0;
      const delayMs = isLate ? Math.ceil(draw('delay') * lateMs) : 0;
      if (skewMs !== 0) count('clock-skew');
      if (delayMs > 0) count('late-commits');
      const atMs = cut(nowMs + skewMs);
      if (timeStepMs > 0 && atMs !== nowMs + skewMs) count('equal-timestamps');
      return { atMs, writtenAtMs: nowMs, visibleFromMs: nowMs + delayMs, repeatsOwnTime };
    },
  };
}
