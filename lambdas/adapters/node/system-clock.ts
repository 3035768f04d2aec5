import type { Clock } from '../../ports/runtime/clock.ts';

export const systemClock: Clock = { nowMs: () => Date.now() };
