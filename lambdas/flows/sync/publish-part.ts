import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import { valueMs } from '../../engine/sync/cursor.ts';
import type { PlaceProgress } from '../../engine/sync/sync-state.ts';
import { batchSizeOf } from '../read/read-records.ts';
import { type Advance, currentOf, type PartWork, placeOf, readSpooled, savePlace, saveRun } from './part-work.ts';
import { publishDeletions } from './publish-deletions.ts';
import { absent, publishFound, unreadableForMs } from './publish-found.ts';
import { readInFull } from './read-in-full.ts';
import type { FoundRecord, FoundSource } from './to-candidate.ts';

/** Rows that are published together. */
const batchRows = 100;
/** Rows of ids that are read together where each takes a call of its own. */
const thinRows = 25;

/** Publish the pages of a part in their order. */
export async function publishPart(work: PartWork): Promise<Advance> {
  const { part, read } = work;
  const isThin = part.reads === 'records' && 'thin' in read.call.spec && read.call.spec.thin;
  const most = isThin ? Math.max(thinRows, batchSizeOf(work.caller, part.step.resource)) : batchRows;
  for (;;) {
    const place = placeOf(work);
    if (place.published >= place.spooled) return { kind: 'done' };
    const { rows, startedAtMs } = await readSpooled(work, part.name, place.published, work.memory);
    const some = rows.slice(place.publishedRows, place.publishedRows + most);
    if (some.length > 0) {
      // A page in hand is not stored: it must be published now, or read again.
      if (work.isOver() && place.isInHand !== true) return { kind: 'time' };
      if (place.isInHand === true) await storeRun(work, place);
      const end = isThin
        ? await publishThin(work, some, startedAtMs)
        : part.reads === 'deletions'
          ? await publishDeletions(work, some, startedAtMs, sourceOf(work))
          : await publishFound(
              work,
              part.step.resource,
              some.map((record) => ({ record, startedAtMs })),
              sourceOf(work),
            );
      if (end !== undefined) return end;
    }
    const publishedRows = place.publishedRows + some.length;
    const isPageDone = publishedRows >= rows.length;
    const moved = isPageDone ? { published: place.published + 1, publishedRows: 0 } : { publishedRows };
    if (place.isInHand === true)
      work.hold.imagine((state) => ({ ...state, current: { ...currentOf(work), place: { ...place, ...moved } } }));
    else await savePlace(work, moved);
  }
}

/**
 * Another invocation must go on with this run, and not begin one: what is published again is known by the run, and only
 * then are its deliveries queued again, should this one die before it has done so.
 */
async function storeRun(work: PartWork, place: PlaceProgress): Promise<void> {
  await saveRun(work, { place: undefined });
  work.hold.imagine((state) => ({ ...state, current: { ...currentOf(work), place } }));
}

/** Rows that have only ids: the records are read now that all ids are there. */
async function publishThin(
  work: PartWork,
  rows: readonly ReadRecord[],
  listedAtMs: number,
): Promise<Exclude<Advance, { kind: 'done' | 'time' }> | undefined> {
  const { part, tally } = work;
  const { resource } = part.step;
  const wanted = rows.filter(({ isAbsent }) => !isAbsent);
  const address = Object.fromEntries(Object.entries(part.each).map(([name, { eq }]) => [name, eq]));
  const reads = await readInFull(
    work,
    resource,
    wanted.map(({ id }) => ({ recordId: id, address })),
  );
  if ('kind' in reads) return reads;
  const found: FoundRecord[] = rows
    .filter(({ isAbsent }) => isAbsent)
    .map((record) => ({ record, startedAtMs: listedAtMs }));
  for (const [place, read] of reads.entries()) {
    const { id } = wanted[place] as ReadRecord;
    switch (read.kind) {
      case 'record':
        found.push(read);
        break;
      case 'gone':
        if (isListedLately(work, wanted[place] as ReadRecord, read.startedAtMs)) {
          tally.add({ unreadable: 1 });
          work.seen.forget([wanted[place] as ReadRecord]);
        } else found.push({ record: absent(id), startedAtMs: read.startedAtMs, isAbsence: true });
        break;
      case 'no-call':
        return { kind: 'failed', reason: `the definition has no call that reads a record of ${resource}` };
      case 'forbidden':
      case 'unreadable':
      case 'unusable':
        tally.add({ unreadable: 1 });
        work.seen.forget([wanted[place] as ReadRecord]);
        break;
    }
  }
  return publishFound(work, resource, found, sourceOf(work));
}

function sourceOf(work: PartWork): FoundSource {
  const { published, isFirst } = placeOf(work);
  return { page: `${work.part.name} ${published}`, isFirst };
}

function isListedLately(work: PartWork, { cursor }: ReadRecord, readAtMs: number): boolean {
  const { plan } = work.read;
  return plan.kind === 'time' && readAtMs - valueMs(plan, cursor) < unreadableForMs(work, work.part.step.resource);
}
