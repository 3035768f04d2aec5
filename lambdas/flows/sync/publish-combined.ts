import { combinedType, eventId, type UnsequencedEvent } from '../../engine/event/canonical-event.ts';
import { schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import { rowMark } from '../../engine/sync/cursor.ts';
import { traceOfRun } from '../../engine/trace/trace-ids.ts';
import { publishFacts } from '../publish/publish-events.ts';
import { type Advance, currentOf, type PartWork, placeOf, readSpooled } from './part-work.ts';
import { spanOfRun } from './run-spans.ts';

/** Data of one event; what a run found beyond it goes into further ones. */
const maxDataBytes = 4_000_000;

/**
 * Publish what a part brought as one event, or as several where it is more than an event can hold.
 *
 * The states of the records are neither asked nor written: whoever wants this wants every row. The ids are made of the
 * run, so a run that dies here publishes the same events again.
 */
export async function publishCombined(work: PartWork): Promise<Advance> {
  const { part } = work;
  const { spooled } = placeOf(work);
  const seen = new Set<string>();
  let records: unknown[] = [];
  let bytes = 0;
  let number = 0;
  for (let page = 0; page < spooled; page += 1)
    for (const record of (await readSpooled(work, part.name, page, work.memory)).rows) {
      // A page may begin with the rows that ended the one before.
      const mark = rowMark(record);
      if (mark !== undefined && seen.has(mark)) continue;
      if (mark !== undefined) seen.add(mark);
      const entry = { record_id: record.id, ...(record.isAbsent ? { deleted: true } : {}), data: record.data };
      const size = Buffer.byteLength(JSON.stringify(entry));
      if (bytes + size > maxDataBytes && records.length > 0) {
        const end = await publishOne(work, records, number);
        if (end !== undefined) return end;
        [records, bytes, number] = [[], 0, number + 1];
      }
      records.push(entry);
      bytes += size;
    }
  if (records.length === 0) return { kind: 'done' };
  return (await publishOne(work, records, number)) ?? { kind: 'done' };
}

async function publishOne(
  work: PartWork,
  records: readonly unknown[],
  number: number,
): Promise<Extract<Advance, { kind: 'stop' }> | undefined> {
  const { ports, caller, part, hold, tally } = work;
  const { account } = caller;
  const run = currentOf(work);
  const { resource } = part.step;
  const until = new Date(run.startedAtMs).toISOString();
  const recordId = number === 0 ? run.id : `${run.id}.${number + 1}`;
  const event: UnsequencedEvent = {
    id: eventId({
      tenant: account.tenant,
      account: account.id,
      resource,
      recordId,
      type: combinedType,
      change: part.name,
    }),
    type: combinedType,
    timestamp: until,
    tenant: account.tenant,
    account: account.id,
    integration: account.integration,
    resource,
    record_id: recordId,
    origin: run.mode === 'backfill' ? 'backfill' : 'poll',
    raw_event_type: `sync.${hold.row.sync}`,
    schema_version: schemaVersionOf(ports.schemas, resource),
    ...(placeOf(work).isFirst ? { snapshot: true as const } : {}),
    correlation_id: traceOfRun(run.id),
    data: { records, count: records.length, since: run.previousRunDate, until },
  };
  const [publication] = await publishFacts(ports, [
    { event, owner: `sync ${hold.row.sync} ${recordId}`, parentSpanId: spanOfRun(work, run).spanId },
  ]);
  if (publication?.kind === 'failed')
    return {
      kind: 'stop',
      stop: { kind: 'backing-off', reason: 'events could not be published', untilMs: ports.clock.nowMs() + 5_000 },
    };
  const deliveries = publication?.kind === 'published' ? publication.deliveries : 0;
  ports.onFound?.({ published: records.length, ...(deliveries === 0 ? {} : { enqueued: deliveries }) });
  tally.add({ created: records.length });
  return undefined;
}
