import type { Clock } from '../../lambdas/ports/clock.ts';

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
