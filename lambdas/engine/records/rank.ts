/**
 * How the versions of a resource's records are written, and so how two of them compare.
 *
 * `opaque` versions (an ETag) are equal or not, and have no order.
 */
export const versionKinds = ['time', 'epoch_s', 'epoch_ms', 'ms_date', 'integer', 'opaque'] as const;
export type VersionKind = (typeof versionKinds)[number];

/** Orders two states of one record. */
export interface Rank {
  /** The record's version, in the provider's own text; undefined where the input has none. */
  readonly version?: string | undefined;
  /**
   * Epoch milliseconds: the provider's time of the change. Where it is unknown, the time of receipt of a webhook, and
   * the start of a read.
   */
  readonly atMs: number;
  /** Whether the time is ours: of receipt, or of the start of a read. The provider's clock may differ from it. */
  readonly isReceipt?: true | undefined;
}

const nanosPerSecond = 1_000_000_000n;
const nanosPerMs = 1_000_000n;

/**
 * The place of a version among those of its kind. Times are in nanoseconds, so that no provider's precision is lost.
 *
 * @returns Undefined for opaque versions, and for text that is not of the kind.
 */
export function versionOrdinal(kind: VersionKind, version: string): bigint | undefined {
  switch (kind) {
    case 'time':
      return timeOrdinal(version);
    case 'epoch_s':
      return decimalOrdinal(version, 9);
    case 'epoch_ms':
      return decimalOrdinal(version, 6);
    case 'ms_date': {
      const ms = /^\/?Date\((-?\d{1,17})(?:[+-]\d{4})?\)\/?$/.exec(version)?.[1];
      return ms === undefined ? undefined : BigInt(ms) * nanosPerMs;
    }
    case 'integer':
      return /^-?\d{1,64}$/.test(version) ? BigInt(version) : undefined;
    case 'opaque':
      return undefined;
  }
}

const isoTime = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?\s?(Z|[+-]\d\d:?\d\d)?$/i;

/** A time without a zone is in UTC: two versions of one record have the same zone anyway. */
function timeOrdinal(text: string): bigint | undefined {
  const parts = isoTime.exec(text);
  if (parts === null) return undefined;
  const [, day, time, fraction = '', zone = 'Z'] = parts;
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const ms = Date.parse(`${day}T${time}${offset}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * nanosPerMs + BigInt(fraction.padEnd(9, '0'));
}

/** @param fractionDigits - Digits after the point that the ordinal keeps. */
function decimalOrdinal(text: string, fractionDigits: number): bigint | undefined {
  const parts = /^(-?)(\d{1,17})(?:\.(\d+))?$/.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = ''] = parts;
  const digits = fraction.slice(0, fractionDigits).padEnd(fractionDigits, '0');
  const size = BigInt(whole) * 10n ** BigInt(fractionDigits) + BigInt(digits === '' ? '0' : digits);
  return sign === '-' ? -size : size;
}

/** Epoch milliseconds of a version that is a time; undefined for the other kinds. */
export function versionTimeMs(kind: VersionKind, version: string): number | undefined {
  if (kind === 'integer' || kind === 'opaque') return undefined;
  const nanos = versionOrdinal(kind, version);
  return nanos === undefined ? undefined : Number(nanos / (nanosPerSecond / 1000n));
}

/**
 * Compare two ranks: by version where both have one, else by time.
 *
 * @returns Negative where the first is older, positive where it is newer, 0 where neither is.
 */
export function compareRanks(kind: VersionKind, one: Rank, other: Rank): number {
  if (one.version !== undefined && other.version !== undefined) {
    if (one.version === other.version) return 0;
    const [first, second] = [versionOrdinal(kind, one.version), versionOrdinal(kind, other.version)];
    if (first !== undefined && second !== undefined) return first < second ? -1 : first > second ? 1 : 0;
  }
  return Math.sign(one.atMs - other.atMs);
}
