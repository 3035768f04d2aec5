import { setImmediate } from 'node:timers/promises';
import type { Pause } from '../../lambdas/ports/runtime/pause.ts';
import type { ManualClock } from './manual-clock.ts';

export interface VirtualTime {
  /** Wait in virtual time. */
  readonly pause: Pause;
  /** Do something that takes real time: virtual time stands meanwhile. */
  stand<T>(act: () => Promise<T>): Promise<T>;
  /**
   * Let time pass until all tasks have ended. Whoever pauses goes on at his time, one after the other.
   *
   * @throws When they wait for something that is no pause.
   */
  run(tasks: readonly Promise<unknown>[]): Promise<void>;
}

/** Time that passes when everybody waits for it: hours in seconds, and the same way with the same seed. */
export function createVirtualTime(clock: ManualClock): VirtualTime {
  /** The next to wake up stands last; of two of one moment the one who came first. */
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  let standing = 0;
  return {
    async stand(act) {
      standing += 1;
      try {
        return await act();
      } finally {
        standing -= 1;
      }
    },
    pause: (ms) =>
      new Promise((wake) => {
        const atMs = clock.nowMs() + ms;
        let place = sleepers.length;
        while (place > 0 && (sleepers[place - 1]?.atMs ?? 0) <= atMs) place -= 1;
        sleepers.splice(place, 0, { atMs, wake });
      }),
    async run(tasks) {
      const end: { isReached: boolean } = { isReached: false };
      const all = Promise.all(tasks).finally(() => {
        end.isReached = true;
      });
      // Whoever fails is heard of below.
      all.catch(() => undefined);
      for (;;) {
        // All that can go on without waiting does, before time passes.
        await setImmediate();
        if (end.isReached) break;
        if (standing > 0) continue;
        const next = sleepers.pop();
        if (next === undefined) throw new Error('all wait for something that never comes');
        clock.advance(next.atMs - clock.nowMs());
        next.wake();
      }
      await all;
    },
  };
}
