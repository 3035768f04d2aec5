import type { MappingComparison } from '../../engine/mapping/compare-mappings.ts';

/** One account's trial of one version of a candidate. */
export interface CanaryKey {
  readonly tenant: string;
  readonly integration: string;
  readonly account: string;
  /** Digest of the candidate. */
  readonly version: string;
}

/** An input of which the current definition and the candidate make different events. */
export interface CanaryDifference extends MappingComparison {
  /** ISO 8601. */
  readonly at: string;
  /** Id of the accepted request, or of the run that read the record. */
  readonly input: string;
  /** Whose events were published. */
  readonly published: 'current' | 'candidate';
  /** Why one of them made no events; its message quotes nothing of the input. */
  readonly failures: { readonly current?: string | undefined; readonly candidate?: string | undefined };
}

export interface CanaryCounts {
  /** Inputs that both have mapped, or tried to. */
  readonly compared: number;
  readonly different: number;
  /** Inputs that the candidate could not map. */
  readonly failed: number;
}

export interface CanaryWriter {
  /**
   * Add to the counts of a trial, and keep its newest differences, `maxKeptDifferences` at most. All of it expires after
   * seven days without a comparison, or after the tenant's own retention.
   */
  add(key: CanaryKey, counts: CanaryCounts, differences: readonly CanaryDifference[]): Promise<void>;
}

export interface CanaryTrial {
  readonly account: string;
  readonly counts: CanaryCounts;
  /** Newest first. */
  readonly differences: readonly CanaryDifference[];
}

export interface CanaryReader {
  /** The trials of a tenant's accounts, in no order. */
  list(tenant: string, integration: string, version: string): Promise<readonly CanaryTrial[]>;
}

/** Differences kept of one account. */
export const maxKeptDifferences = 20;
