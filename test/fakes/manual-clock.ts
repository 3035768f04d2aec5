import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../lambdas/ports/runtime/clock.ts';
import type { Pause } from '../../lambdas/ports/runtime/pause.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

/** A clock that only tests advance. */
export function createManualClock(startMs = Date.parse('2026-11-21T12:00:00.000Z')): ManualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** A pause that advances the clock instead of waiting, and yields to concurrent work. */
export function pauseOn(clock: ManualClock): Pause {
  return async (ms) => {
    clock.advance(ms);
    await setImmediate();
  };
}
