import type { NormalizeNote, NormalizeOutcome } from '../../contracts/outcomes.ts';
import type { RejectionReason } from '../../engine/request/rejection-reason.ts';

/** Why ingress turned a request away: it was not verified, or not looked at that far. */
export type RejectedBy =
  | RejectionReason
  | 'url-unknown'
  | 'method-not-allowed'
  | 'body-too-large'
  | 'body-malformed'
  | 'key-calls-limited'
  | 'hop-limit'
  | 'rate-limited';

/** What is counted of an integration's requests: `verified` ones, how they ended, their events, and those turned away. */
export type RequestCount =
  | 'verified'
  | Exclude<NormalizeOutcome, 'enqueued' | 'filtered'>
  | NormalizeNote
  | `rejected:${RejectedBy}`;

export type RequestCounts = Readonly<Partial<Record<RequestCount, number>>>;

/** Scope of what has no tenant, or several; and the integration of what names none that is deployed. */
export const unattributed = '*';

/** What was counted of one integration for one tenant in one hour. */
export interface HourlyCounts {
  /** The tenant, or {@link unattributed}. */
  readonly scope: string;
  /** By name, or {@link unattributed}. */
  readonly integration: string;
  /** UTC, as ISO 8601 begins: `2026-11-21T12`. */
  readonly hour: string;
  readonly counts: RequestCounts;
}

export interface StatisticsWriter {
  /** Add to what was counted. A failure may have had its effect: then these counts are added twice. */
  add(counts: HourlyCounts): Promise<void>;
}

export interface StatisticsReader {
  /**
   * What was counted in these hours, both included, in no order. May be late by a moment.
   *
   * @param scope - Undefined reads all tenants, and what has none.
   * @returns Not complete where it is more than one answer can read; the newest hours are there then.
   */
  read(
    scope: string | undefined,
    fromHour: string,
    toHour: string,
  ): Promise<{ readonly hours: readonly HourlyCounts[]; readonly isComplete: boolean }>;
}
