import { callOf } from '../../engine/definition/plan-answer.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import type { RecordState } from '../../engine/records/record-state.ts';
import { valueMs } from '../../engine/sync/cursor.ts';
import { type Advance, currentOf, type PartWork } from './part-work.ts';
import { absent, provesAbsence, publishFound } from './publish-found.ts';
import { readInFull } from './read-in-full.ts';
import type { FoundRecord, FoundSource } from './to-candidate.ts';

type End = Extract<Advance, { kind: 'stop' | 'failed' }>;

/**
 * Publish rows that tell of deletions.
 *
 * A record may have been restored since, and its listing, which is read before, told so. Where what is known of a record
 * is not older than its deletion, the record is read: the feed tells what was, and the read what is.
 */
export async function publishDeletions(
  work: PartWork,
  rows: readonly ReadRecord[],
  listedAtMs: number,
  source: FoundSource,
): Promise<End | undefined> {
  const { resource } = work.part.step;
  const doubtful = await findDoubtful(work, rows);
  const reads = await readInFull(
    work,
    resource,
    [...doubtful.keys()].map(({ id }) => ({ recordId: id, address: {} })),
  );
  if ('kind' in reads) return reads;
  const found: FoundRecord[] = rows
    .filter((row) => !doubtful.has(row))
    .map((record) => ({ record, startedAtMs: listedAtMs }));
  for (const [place, [row, state]] of [...doubtful].entries()) {
    const read = reads[place];
    if (read?.kind === 'record') found.push(read);
    else if (read?.kind === 'gone' && provesAbsence(work, resource, state, read.startedAtMs))
      found.push({ record: absent(row.id), startedAtMs: read.startedAtMs, isAbsence: true });
    else {
      work.tally.add({ unreadable: 1 });
      // The next run tries it again.
      work.seen.forget([row]);
    }
  }
  return publishFound(work, resource, found, source);
}

/** Rows of records that are known to be there, at a time that is not before their deletion. */
async function findDoubtful(
  work: PartWork,
  rows: readonly ReadRecord[],
): Promise<ReadonlyMap<ReadRecord, RecordState>> {
  const { ports, caller, part, read } = work;
  const { resource } = part.step;
  if (rows.length === 0 || callOf(caller.definition, resource, 'get') === undefined) return new Map();
  const { tenant, id: account, createdAt: incarnation } = caller.account;
  const known = await ports.records.getMany(
    rows.map(({ id: recordId }) => ({ tenant, account, incarnation, resource, recordId })),
  );
  const { startedAtMs } = currentOf(work);
  return new Map(
    rows.flatMap((row, place) => {
      const state = known[place]?.state;
      if (state === undefined || state.isDeleted) return [];
      const isTimed = read.plan.kind === 'time' && row.cursor !== undefined;
      const isLater = isTimed ? state.atMs >= valueMs(read.plan, row.cursor) : state.seenAtMs >= startedAtMs;
      return isLater ? [[row, state] as const] : [];
    }),
  );
}
