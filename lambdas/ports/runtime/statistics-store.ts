import type { NormalizeNote, NormalizeOutcome } from '../../contracts/outcomes.ts';
import type { RejectionReason } from '../../engine/request/rejection-reason.ts';

/** Why ingress rejected a request: verification failed, or an earlier check did. */
export type RejectedBy =
  | RejectionReason
  | 'url-unknown'
  | 'source-not-allowed'
  | 'method-not-allowed'
  | 'body-too-large'
  | 'body-malformed'
  | 'key-calls-limited'
  | 'hop-limit'
  | 'rate-limited';

/** Counters of an integration's requests: `verified` requests, their outcomes, their events, and rejected requests. */
export type RequestCount =
  | 'verified'
  | Exclude<NormalizeOutcome, 'enqueued' | 'filtered' | 'pull-only'>
  | NormalizeNote
  | 'coalesced'
  | `rejected:${RejectedBy}`;

export type RequestCounts = Readonly<Partial<Record<RequestCount, number>>>;

/** Scope of requests without exactly one tenant; also the integration of requests that name no deployed integration. */
export const unattributed = '*';

/** Counts of one integration, tenant and hour. */
export interface HourlyCounts {
  /** The tenant, or {@link unattributed}. */
  readonly scope: string;
  /** Its name, or {@link unattributed}. */
  readonly integration: string;
  /** UTC; the first 13 characters of ISO 8601: `2026-11-21T12`. */
  readonly hour: string;
  readonly counts: RequestCounts;
}

export interface StatisticsWriter {
  /** Add to the counts. A failed call may have taken effect; a retry then adds the counts twice. */
  add(counts: HourlyCounts): Promise<void>;
}

export interface StatisticsReader {
  /**
   * Counts of these hours, both included, in no order. May miss changes of the last moments.
   *
   * @param scope - Undefined reads all tenants, and requests without one.
   * @returns Incomplete if there is more than one answer can hold; then it has the newest hours.
   */
  read(
    scope: string | undefined,
    fromHour: string,
    toHour: string,
  ): Promise<{ readonly hours: readonly HourlyCounts[]; readonly isComplete: boolean }>;
}
