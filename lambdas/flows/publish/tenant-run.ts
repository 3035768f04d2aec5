import type { Observation } from '../../engine/records/observation.ts';
import type { EventClaim, EventRow } from '../../ports/events/event-store.ts';
import type { RecordKey } from '../../ports/events/record-states.ts';
import type { TenantPolicy } from '../../ports/tenants/tenant-store.ts';
import type { RecordCandidate } from './observe-candidate.ts';
import type { Candidate, Publication, PublishPorts } from './publication.ts';
import type { SequenceNumbers } from './sequence-numbers.ts';

/** An input may bring a thousand events: a call that waits for many others has no time left for itself. */
export const maxPlacedAtATime = 50;

/** One tenant's candidates on their way. */
export interface TenantRun {
  readonly ports: PublishPorts;
  readonly tenant: string;
  readonly policy: TenantPolicy | undefined;
  readonly numbers: SequenceNumbers;
  /** Claims that this run holds, or may hold. */
  readonly claims: Map<Candidate, EventClaim>;
  /** Events that earlier runs of an input stored: only their deliveries are left to do. */
  readonly stored: Map<Candidate, EventRow>;
  /** Candidates that have ended. */
  readonly publications: Map<Candidate, Publication>;
}

/** The candidates of one record. */
export interface RecordGroup {
  readonly key: RecordKey;
  readonly candidates: readonly RecordCandidate[];
  readonly observations: readonly Observation[];
}

/** Run a step for candidates. @returns Undefined if it failed, and they with it. */
export async function orFail<T>(
  { publications }: TenantRun,
  candidates: readonly Candidate[],
  step: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    for (const candidate of candidates) publications.set(candidate, { kind: 'failed', error });
    return undefined;
  }
}
