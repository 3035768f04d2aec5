import { createHash } from 'node:crypto';

/**
 * Faults of the simulated provider; rates are of 100. `namedFaults` gives usual numbers of each.
 *
 * All are drawn from the seed and the given clock: the same requests at the same times get the same faults.
 */
export interface ProviderFaults {
  /** How long each call takes, in milliseconds. */
  readonly latencyMs: readonly [least: number, most: number];
  /** Calls that are answered with 500, 502 or 503. */
  readonly errorPercent: number;
  /** Calls that are never answered. */
  readonly timeoutPercent: number;
  /** Calls whose connection closes without an answer. */
  readonly droppedPercent: number;
  /** Successes whose JSON ends in the middle. */
  readonly malformedPercent: number;
  /** Successes that are a page of HTML. */
  readonly htmlPercent: number;
  /** What `Retry-After` says in 429 and 503. Default: the time until the limit is free, and nothing in 503. */
  readonly retryAfterSeconds: number | undefined;
  /** Records that a batch read leaves out, though they exist; none where the definition reads that as `gone`. */
  readonly omittedPercent: number;
  /** The times of writes are cut to a multiple of this, so that many records share one; 0 cuts nothing. */
  readonly timeStepMs: number;
  /** Whether two writes of the same record may have the same time, too. */
  readonly repeatsOwnTime: boolean;
  /** Writes that listings show late, with the time of the write. */
  readonly latePercent: number;
  /** The longest delay of a late write. */
  readonly lateMs: number;
  /** Whether reads of one record, and of several, show late writes late, too. */
  readonly lateInGet: boolean;
  /** How far the `Date` of an answer may be from the clock. */
  readonly dateSkewMs: number;
  /** Writes whose time differs from the clock. */
  readonly rowSkewPercent: number;
  /** How far the time of a write may be from the clock. */
  readonly rowSkewMs: number;
  /** Following pages before which the provider itself creates, changes or removes a record of the listing. */
  readonly driftPercent: number;
  /** Following pages that are answered with the page before them. */
  readonly repeatedPagePercent: number;
  /** Following pages whose cursor has ended. */
  readonly expiredPagePercent: number;
  /** Calls whose delta token has ended. */
  readonly expiredCursorPercent: number;
  /** How long cursors of pages and delta tokens work; undefined for ever. */
  readonly cursorLifeMs: number | undefined;
  /** Calls before which every access token ends that can be had anew, but not soon after a 401. */
  readonly expiredAccessPercent: number;
  /** Times of `stormEveryMs` in which one storm of 429 comes. */
  readonly stormPercent: number;
  readonly stormEveryMs: number;
  /** The longest storm. */
  readonly stormMs: number;
  /** Rows after which a listing ends, though more exist: this many, or for `declared` the `cap` of the call. */
  readonly cappedRows: number | 'declared' | undefined;
  /** Rows and records without one of their optional members, or with null in its place; the version stays. */
  readonly missingFieldPercent: number;
  /** Pages whose totals and numbers of pages are wrong, too small or too large. */
  readonly wrongTotalPercent: number;
}

export const noFaults: ProviderFaults = {
  latencyMs: [0, 0],
  errorPercent: 0,
  timeoutPercent: 0,
  droppedPercent: 0,
  malformedPercent: 0,
  htmlPercent: 0,
  retryAfterSeconds: undefined,
  omittedPercent: 0,
  timeStepMs: 0,
  repeatsOwnTime: false,
  latePercent: 0,
  lateMs: 30_000,
  lateInGet: false,
  dateSkewMs: 0,
  rowSkewPercent: 0,
  rowSkewMs: 0,
  driftPercent: 0,
  repeatedPagePercent: 0,
  expiredPagePercent: 0,
  expiredCursorPercent: 0,
  cursorLifeMs: undefined,
  expiredAccessPercent: 0,
  stormPercent: 0,
  stormEveryMs: 60_000,
  stormMs: 10_000,
  cappedRows: undefined,
  missingFieldPercent: 0,
  wrongTotalPercent: 0,
};

export interface DrawnFault {
  readonly delayMs: number;
  readonly kind: 'none' | 'error' | 'timeout' | 'dropped' | 'malformed' | 'html';
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
    ['dropped', faults.droppedPercent],
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
