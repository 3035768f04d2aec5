import { eventId } from '../../engine/event/canonical-event.ts';
import { fingerprintOf } from '../../engine/records/fingerprint.ts';
import type { Observation } from '../../engine/records/observation.ts';
import { type Rank, versionOrdinal, versionTimeMs } from '../../engine/records/rank.ts';
import type { RecordKey } from '../../ports/events/record-states.ts';
import type { Candidate, RecordInput } from './publication.ts';

/** A candidate that says something of a record with a state. */
export type RecordCandidate = Candidate & { readonly record: RecordInput };

export function recordKeyOf({ event, record }: RecordCandidate): RecordKey {
  const { tenant, account, resource, record_id: recordId } = event;
  return { tenant, account, incarnation: record.incarnation, resource, recordId };
}

/** What a candidate says of its record. */
export function observationOf(candidate: RecordCandidate): Observation {
  const { event, record, owner } = candidate;
  const { traits, by, change, changeName, seenAtMs } = record;
  const isPartial = event.thin === true || (by === 'webhook' && traits.isPartial === true);
  return {
    by,
    extent: isPartial ? 'partial' : 'full',
    change,
    rank: rankOf(candidate),
    seenAtMs,
    owner,
    origin: event.origin,
    changeName,
    ...(record.isAbsence === true ? { isAbsence: true } : {}),
    ...(record.isTombstone === true ? { isTombstone: true } : {}),
    ...(record.isSilent === true ? { isSilent: true } : {}),
    fingerprint: isPartial || change === 'deleted' ? undefined : fingerprintOf(event.data, traits.volatile),
  };
}

/**
 * Whether nothing but its receipt orders a webhook: the provider gives neither a version nor a time. When it sends such
 * a webhook a second time, days later perhaps, only the name of the change tells that it is old.
 */
export function isOrderedByReceipt(candidate: RecordCandidate): boolean {
  const { by, traits } = candidate.record;
  const { version, isReceipt } = rankOf(candidate);
  const hasOrder = version !== undefined && traits.versionKind !== 'opaque';
  return by === 'webhook' && !hasOrder && isReceipt === true;
}

/** How far a provider's clock may be ahead. A time beyond that would make every later change of the record stale. */
const maxAheadMs = 86_400_000;

/** A version that is not written as it should be, and a time far in the future, order nothing. */
function rankOf({ event, record: { traits, version, seenAtMs, isTimeOfWebhook } }: RecordCandidate): Rank {
  const isSound = (ms: number | undefined) => ms !== undefined && ms <= seenAtMs + maxAheadMs;
  const versionMs = version === undefined ? undefined : versionTimeMs(traits.versionKind, version);
  const isWritten =
    version !== undefined &&
    (traits.versionKind === 'opaque' || versionOrdinal(traits.versionKind, version) !== undefined) &&
    (versionMs === undefined || isSound(versionMs));
  const known = isWritten ? version : undefined;
  // A read has every change before it began, and the webhook that asked for it tells of one of them.
  if (isTimeOfWebhook === true) return { version: known, atMs: seenAtMs, isReceipt: true };
  const occurredMs = event.occurred_at === undefined ? undefined : Date.parse(event.occurred_at);
  const atMs = [occurredMs, versionMs].find(isSound);
  return {
    version: known,
    ...(atMs === undefined ? { atMs: seenAtMs, isReceipt: true } : { atMs }),
  };
}

/** The id of a record's event. It does not depend on the type, so that a webhook and a poll of a version agree. */
export function recordEventIdOf(candidate: RecordCandidate, identity: string): string {
  return eventId({ ...recordKeyOf(candidate), change: identity });
}
