import { createHash } from 'node:crypto';
import type { Randomness } from '../../lambdas/ports/runtime/randomness.ts';

/** Repeatable randomness: SHA-256 of the seed and a counter. */
export function createSeededRandomness(seed = 'tributary'): Randomness {
  let draws = 0;
  const block = () => createHash('sha256').update(`${seed} ${draws++}`).digest();
  return {
    fraction: () => block().readUInt32BE(0) / 2 ** 32,
    bytes: (count) => Buffer.concat(Array.from({ length: Math.ceil(count / 32) }, block)).subarray(0, count),
  };
}
