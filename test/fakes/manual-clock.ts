import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Pause } from '../../lambdas/ports/runtime/pause.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

/** A clock that stands until a test moves it. */
export function createManualClock(startMs = Date.parse('2026-11-21T12:00:00.000Z')): ManualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** A pause lets the clock pass instead of waiting; what runs beside it gets a turn. */
export function pauseOn(clock: ManualClock): Pause {
  return async (ms) => {
    clock.advance(ms);
    await setImmediate();
  };
}
