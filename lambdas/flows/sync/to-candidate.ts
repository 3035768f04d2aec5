import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import { eventId, type Origin, type UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import type { RecordTraits } from '../../engine/records/observation.ts';
import { traceOfRun } from '../../engine/trace/trace-ids.ts';
import type { Candidate, RecordInput } from '../publish/publication.ts';
import type { RunWork } from './part-work.ts';
import { currentOf } from './part-work.ts';
import { spanOfRun } from './run-spans.ts';

/** What a run read of a record. */
export interface FoundRecord {
  readonly record: ReadRecord;
  /** Epoch milliseconds: when its call began. */
  readonly startedAtMs: number;
  /** Whether nothing but its absence tells that it was deleted. */
  readonly isAbsence?: boolean | undefined;
  /** Whether the record is deleted already, and its delete event is missing. */
  readonly isUntold?: boolean | undefined;
}

/** Where a run found records. */
export interface FoundSource {
  /** Names the page: what is published again after a crash is known by it, and a row that comes twice is not. */
  readonly page: string;
  /** Whether nothing of the resource was known before the run. */
  readonly isFirst: boolean;
}

const origins = { incremental: 'poll', full: 'poll', reconcile: 'reconcile', backfill: 'backfill' } as const;

/**
 * What a row is for its record: the same observation as that of a webhook or a read, so that all paths converge.
 *
 * @param source - Where the run found it.
 */
export function toCandidate(
  work: Pick<RunWork, 'caller' | 'ports' | 'hold' | 'job' | 'startedAtMs'>,
  resource: string,
  { record, startedAtMs, isAbsence = false, isUntold = false }: FoundRecord,
  source: FoundSource,
): Candidate {
  const { hold } = work;
  const { account, definition } = work.caller;
  const { schemas } = work.ports;
  const { isFirst, page } = source;
  const run = currentOf(work);
  const origin: Origin = origins[run.mode];
  const type = record.isAbsent ? 'record:deleted' : 'record:created';
  const traits = recordTraitsOf(definition, resource, schemas.schemas.get(resource));
  const occurredAt = occurredAtOf(record);
  const event: UnsequencedEvent = {
    // Of a fact, the version names the change; of a record, the state gives the id.
    id: eventId({
      tenant: account.tenant,
      account: account.id,
      resource,
      recordId: record.id,
      type,
      change: record.version ?? 'read',
    }),
    type,
    timestamp: new Date(startedAtMs).toISOString(),
    tenant: account.tenant,
    account: account.id,
    integration: account.integration,
    resource,
    record_id: record.id,
    origin,
    raw_event_type: `sync.${hold.row.sync}`,
    schema_version: schemaVersionOf(schemas, resource),
    ...(occurredAt === undefined ? {} : { occurred_at: occurredAt }),
    ...(isFirst && !record.isAbsent ? { snapshot: true as const } : {}),
    correlation_id: traceOfRun(run.id),
    data: record.data,
  };
  const owner = ownerOf(work, page);
  const parentSpanId = spanOfRun(work, run).spanId;
  if (traits === undefined) return { event, owner, parentSpanId };
  return {
    event,
    owner,
    parentSpanId,
    record: recordInputOf(work, traits, { record, startedAtMs, isAbsence, isUntold }, source),
  };
}

/** What a row says of its record. */
function recordInputOf(
  { caller, job }: Pick<RunWork, 'caller' | 'job'>,
  traits: RecordTraits,
  { record, startedAtMs, isAbsence, isUntold }: FoundRecord,
  { isFirst }: FoundSource,
): RecordInput {
  return {
    incarnation: caller.account.createdAt,
    traits,
    by: 'read',
    change: record.isAbsent ? 'deleted' : 'unknown',
    version: record.version,
    changeName: undefined,
    seenAtMs: startedAtMs,
    ...(isAbsence === true || record.isAbsent ? { isAbsence: true as const } : {}),
    ...(isUntold === true ? { isLastLost: true as const } : {}),
    ...(record.isDeleted === true ? { isTombstone: true as const } : {}),
    ...(isFirst && job.snapshot === 'silent' ? { isSilent: true as const } : {}),
    ...(record.updated === undefined ? { isTimeOfWebhook: true as const } : {}),
  };
}

/** Names what a run found on a page. Another invocation of the run continues what it began. */
export function ownerOf({ caller, hold }: Pick<RunWork, 'caller' | 'hold'>, page: string): string {
  return `sync ${caller.account.id} ${currentOf({ hold }).id} ${page}`;
}

function occurredAtOf({ updated }: ReadRecord): string | undefined {
  if (updated === undefined) return undefined;
  const ms = typeof updated === 'number' ? updated : Date.parse(updated);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}
