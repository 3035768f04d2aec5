import type { Clock } from '../../../../lambdas/ports/runtime/clock.ts';

/** A clock that moves where a history says, and where the engine waits. */
export interface DrivenClock extends Clock {
  advance(ms: number): void;
}

export function createDrivenClock(startMs: number): DrivenClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}
