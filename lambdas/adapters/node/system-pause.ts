import { setTimeout } from 'node:timers/promises';
import type { Pause } from '../../ports/runtime/pause.ts';

export const systemPause: Pause = async (ms) => {
  await setTimeout(ms);
};
