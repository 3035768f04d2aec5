import { setImmediate } from 'node:timers/promises';
import type { Pause } from '../../lambdas/ports/runtime/pause.ts';
import type { ManualClock } from './manual-clock.ts';

export interface VirtualTime {
  /** Wait in virtual time. */
  readonly pause: Pause;
  /** Run `act`, which takes real time, while virtual time stands still. */
  stand<T>(act: () => Promise<T>): Promise<T>;
  /**
   * Advance time until all tasks have ended. Paused tasks resume at their time, one after the other.
   *
   * @throws When tasks wait for something other than a pause.
   */
  run(tasks: readonly Promise<unknown>[]): Promise<void>;
}

/** Time that advances when all tasks pause: hours pass in seconds, repeatably for the same seed. */
export function createVirtualTime(clock: ManualClock): VirtualTime {
  /** Sorted so that the next sleeper to wake is last; ties wake in the order of their arrival. */
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
      // The code below reports failures.
      all.catch(() => undefined);
      for (;;) {
        // Let all tasks that do not pause proceed before time advances.
        await setImmediate();
        if (end.isReached) break;
        if (standing > 0) continue;
        const next = sleepers.pop();
        if (next === undefined) throw new Error('all tasks wait for something that never happens');
        clock.advance(next.atMs - clock.nowMs());
        next.wake();
      }
      await all;
    },
  };
}
