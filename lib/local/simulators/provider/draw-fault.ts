import { createHash } from 'node:crypto';

/** Faults of the simulated provider; rates are of 100 calls. */
export interface ProviderFaults {
  /** How long each call takes, in milliseconds. */
  readonly latencyMs: readonly [least: number, most: number];
  /** Calls that are answered with 500, 502 or 503. */
  readonly errorPercent: number;
  /** Calls that are never answered. */
  readonly timeoutPercent: number;
  /** Successes whose JSON ends in the middle. */
  readonly malformedPercent: number;
  /** Successes that are a page of HTML. */
  readonly htmlPercent: number;
  /** What `Retry-After` says in 429 and 503. Default: the time until the limit is free, and nothing in 503. */
  readonly retryAfterSeconds: number | undefined;
}

export const noFaults: ProviderFaults = {
  latencyMs: [0, 0],
  errorPercent: 0,
  timeoutPercent: 0,
  malformedPercent: 0,
  htmlPercent: 0,
  retryAfterSeconds: undefined,
};

export interface DrawnFault {
  readonly delayMs: number;
  readonly kind: 'none' | 'error' | 'timeout' | 'malformed' | 'html';
  /** Of an error. */
  readonly status: number;
}

/**
 * The fault of one call. The same seed gives the same faults to the same calls, whatever other calls come between.
 *
 * @param place - Counts the calls of the name.
 */
export function drawFault(faults: ProviderFaults, seed: string, name: string, place: number): DrawnFault {
  const draw = (what: string) => fractionOf(`${seed} ${name} ${place} ${what}`);
  const [least, most] = faults.latencyMs;
  const delayMs = Math.round(least + (most - least) * draw('delay'));
  const status = [500, 502, 503][Math.floor(draw('status') * 3)] ?? 500;
  const rates = [
    ['timeout', faults.timeoutPercent],
    ['error', faults.errorPercent],
    ['malformed', faults.malformedPercent],
    ['html', faults.htmlPercent],
  ] as const;
  let left = draw('kind') * 100;
  for (const [kind, percent] of rates) {
    if (left < percent) return { delayMs, kind, status };
    left -= percent;
  }
  return { delayMs, kind: 'none', status };
}

/** A repeatable number in [0, 1). */
export function fractionOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
