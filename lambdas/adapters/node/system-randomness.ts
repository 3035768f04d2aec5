import { randomBytes } from 'node:crypto';
import type { Randomness } from '../../ports/runtime/randomness.ts';

export const systemRandomness: Randomness = { fraction: () => Math.random(), bytes: (count) => randomBytes(count) };
