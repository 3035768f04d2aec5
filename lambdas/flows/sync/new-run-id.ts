import type { Clock } from '../../ports/runtime/clock.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';

/** Digits of a time in base 36, so that ids sort by time. */
const timeDigits = 9;

/** The id of a run: later runs have greater ones. */
export function newRunId({
  clock,
  randomness,
}: {
  readonly clock: Clock;
  readonly randomness: Pick<Randomness, 'bytes'>;
}): string {
  return `run_${clock.nowMs().toString(36).padStart(timeDigits, '0')}${randomness.bytes(6).toString('hex')}`;
}
