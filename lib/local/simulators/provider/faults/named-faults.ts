import type { ProviderFaults } from '../draw-fault.ts';

interface NamedFault {
  /** What happens, for a person. */
  readonly what: string;
  readonly faults: Partial<ProviderFaults>;
  /** Whether answers show other data than the provider has, so that no poller can be right while it lasts. */
  readonly changesData: boolean;
}

const named = {
  'late-commits': {
    what: 'listings show some writes up to 30 s late, with the time of the write',
    faults: { latePercent: 30, lateMs: 30_000 },
    changesData: false,
  },
  'equal-timestamps': {
    what: 'the times of writes are whole minutes, so that many records share one',
    faults: { timeStepMs: 60_000 },
    changesData: false,
  },
  'page-drift': {
    what: 'records are created, changed and removed between two pages of a listing',
    faults: { driftPercent: 30 },
    changesData: false,
  },
  'repeated-pages': {
    what: 'a following page is the page before it, with the same link or cursor',
    faults: { repeatedPagePercent: 10 },
    changesData: false,
  },
  'partial-failures': {
    what: 'calls fail with 500 to 503, without an answer or with half of it, and batch reads leave records out',
    faults: { errorPercent: 5, droppedPercent: 2, malformedPercent: 2, omittedPercent: 5 },
    changesData: false,
  },
  'rate-storms': {
    what: 'for up to 10 s at a time, every call gets 429 with Retry-After',
    faults: { stormPercent: 30, stormEveryMs: 60_000, stormMs: 10_000 },
    changesData: false,
  },
  'clock-skew': {
    what: 'the Date of answers and the times of some writes are up to 5 s off',
    faults: { dateSkewMs: 5_000, rowSkewPercent: 20, rowSkewMs: 5_000 },
    changesData: false,
  },
  'expiring-tokens': {
    what: 'cursors of pages, delta tokens and access tokens end early',
    faults: { expiredPagePercent: 3, expiredCursorPercent: 3, expiredAccessPercent: 3 },
    changesData: false,
  },
  'wrong-totals': {
    what: 'totals and numbers of pages are too small or too large',
    faults: { wrongTotalPercent: 30 },
    changesData: false,
  },
  'capped-results': {
    what: 'listings of calls with `cap` end after so many rows',
    faults: { cappedRows: 'declared' },
    changesData: false,
  },
  'disappearing-fields': {
    what: 'optional members of records are missing or null at times, and the version stays',
    faults: { missingFieldPercent: 10 },
    changesData: true,
  },
} as const satisfies Readonly<Record<string, NamedFault>>;

export type FaultName = keyof typeof named;

export const faultNames = Object.keys(named) as readonly FaultName[];

/** Faults that a poller must survive without a wrong event; the others show data that the provider does not have. */
export const survivableFaultNames = faultNames.filter((name) => !named[name].changesData);

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(named, name);
}

/** What a fault does, for a person. */
export function faultText(name: FaultName): string {
  const { what, changesData } = named[name];
  return changesData ? `${what} (changes data)` : what;
}

/**
 * Numbers of faults by their names.
 *
 * @example namedFaults(['late-commits', 'page-drift'], { lateMs: 5_000 })
 */
export function namedFaults(
  names: readonly FaultName[],
  others: Partial<ProviderFaults> = {},
): Partial<ProviderFaults> {
  return Object.assign({}, ...names.map((name) => named[name].faults), others);
}
