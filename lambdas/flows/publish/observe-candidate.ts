import { eventId } from '../../engine/event/canonical-event.ts';
import { fingerprintOf } from '../../engine/records/fingerprint.ts';
import type { Observation } from '../../engine/records/observation.ts';
import { versionOrdinal, versionTimeMs } from '../../engine/records/rank.ts';
import type { RecordKey } from '../../ports/events/record-states.ts';
import type { Candidate, RecordInput } from './publication.ts';

/** A candidate that says something of a record with a state. */
export type RecordCandidate = Candidate & { readonly record: RecordInput };

export function recordKeyOf({ event, record }: RecordCandidate): RecordKey {
  const { tenant, account, resource, record_id: recordId } = event;
  return { tenant, account, incarnation: record.incarnation, resource, recordId };
}

/** What a candidate says of its record. */
export function observationOf({ event, record, owner }: RecordCandidate): Observation {
  const { traits, by, change, version, changeName, seenAtMs } = record;
  const isPartial = event.thin === true || (by === 'webhook' && traits.isPartial === true);
  const atMs = timeOf(record, event.occurred_at);
  return {
    by,
    extent: isPartial ? 'partial' : 'full',
    change,
    rank: atMs === undefined ? { version, atMs: seenAtMs, isReceipt: true } : { version, atMs: atMs ?? seenAtMs },
    seenAtMs,
    owner,
    origin: event.origin,
    changeName,
    fingerprint: isPartial || change === 'deleted' ? undefined : fingerprintOf(event.data, traits.volatile),
  };
}

/**
 * Whether nothing but its receipt orders a webhook: the provider gives neither a version nor a time. When it sends such
 * a webhook a second time, days later perhaps, only the name of the change tells that it is old.
 */
export function isOrderedByReceipt({ event, record }: RecordCandidate): boolean {
  const { by, version, traits } = record;
  const hasOrder = version !== undefined && versionOrdinal(traits.versionKind, version) !== undefined;
  return by === 'webhook' && !hasOrder && event.occurred_at === undefined;
}

/** The id of a record's event. It does not depend on the type, so that a webhook and a poll of a version agree. */
export function recordEventIdOf({ event }: RecordCandidate, identity: string): string {
  const { tenant, account, resource, record_id: recordId } = event;
  return eventId({ tenant, account, resource, recordId, change: identity });
}

/** Epoch milliseconds: the provider's time of the change, else its version where that is a time. */
function timeOf({ version, traits }: RecordInput, occurredAt: string | undefined): number | undefined {
  if (occurredAt !== undefined) return Date.parse(occurredAt);
  return version === undefined ? undefined : versionTimeMs(traits.versionKind, version);
}
