import type { PollOutcome } from '../../contracts/outcomes.ts';
import { recordTraitsOf } from '../../engine/definition/record-traits.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import { fingerprintOf } from '../../engine/records/fingerprint.ts';
import type { DriftCause, PlaceProgress } from '../../engine/sync/sync-state.ts';
import { fanOutOf } from '../publish/fan-out-of.ts';
import type { Candidate, Publication } from '../publish/publication.ts';
import { publishEvents } from '../publish/publish-events.ts';
import { batchSizeOf } from '../read/read-records.ts';
import {
  type Advance,
  currentOf,
  type PartWork,
  placeOf,
  type RunWork,
  readSpooled,
  savePlace,
  saveRun,
} from './part-work.ts';
import { readInFull } from './read-in-full.ts';
import type { FoundOutcomes } from './sync-ports.ts';
import { type FoundRecord, type FoundSource, toCandidate } from './to-candidate.ts';

/** Rows that are published together. */
const batchRows = 100;
/** Rows of ids that are read together where each takes a call of its own. */
const thinRows = 25;
/** Pause after events could not be published. */
const retryMs = 5_000;

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
        found.push({ record: absent(id), startedAtMs: read.startedAtMs, isAbsence: true });
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

export function absent(id: string): ReadRecord {
  return { id, isAbsent: true, data: { id } };
}

/** Publish what was read of records. @returns Undefined where all of it is published. */
export async function publishFound(
  work: RunWork,
  resource: string,
  found: readonly FoundRecord[],
  source: FoundSource,
): Promise<Extract<Advance, { kind: 'stop' }> | undefined> {
  const { ports } = work;
  const candidates = found.map((one) => toCandidate(work, resource, one, source));
  const causes =
    currentOf(work).mode === 'reconcile' && !source.isFirst ? await causesOf(work, resource, candidates) : undefined;
  const publications = await publishEvents(ports, candidates);
  ports.onFound?.(outcomesOf(publications));
  for (const [place, publication] of publications.entries()) countOne(work, publication, causes?.[place]);
  const isFailed = publications.some(({ kind }) => kind === 'failed');
  if (!isFailed) return undefined;
  const untilMs = ports.clock.nowMs() + retryMs;
  return { kind: 'stop', stop: { kind: 'backing-off', reason: 'events could not be published', untilMs } };
}

function outcomesOf(publications: readonly Publication[]): FoundOutcomes {
  const sums = new Map<PollOutcome, number>();
  const add = (name: PollOutcome, amount: number) => sums.set(name, (sums.get(name) ?? 0) + amount);
  for (const publication of publications) {
    if (publication.kind === 'failed') continue;
    add(publication.kind, 1);
    if (publication.kind === 'published') add(...fanOutOf(publication));
  }
  return Object.fromEntries(sums);
}

function countOne({ tally }: RunWork, publication: Publication, cause: DriftCause | undefined): void {
  if (publication.kind !== 'published') {
    if (publication.kind !== 'failed') tally.add({ unchanged: 1 });
    return;
  }
  const name = publication.type.slice('record:'.length);
  if (name === 'created' || name === 'updated' || name === 'deleted') tally.add({ [name]: 1 });
  if (cause !== undefined) tally.add({ drift: { [cause]: 1 } });
}

/** Why reconciliation found what the other ways had not told, should it turn out to be a change. */
async function causesOf(
  { ports, caller, job }: RunWork,
  resource: string,
  candidates: readonly Candidate[],
): Promise<readonly DriftCause[]> {
  const { account, definition } = caller;
  const traits = recordTraitsOf(definition, resource, ports.schemas.schemas.get(resource));
  const states = await ports.records.getMany(
    candidates.map(({ event }) => ({
      tenant: account.tenant,
      account: account.id,
      incarnation: account.createdAt,
      resource,
      recordId: event.record_id,
    })),
  );
  const isPolled = job.resources.some(
    (step) => step.resource === resource && definition.resources?.[resource]?.changes !== undefined,
  );
  return candidates.map(({ record, event }, place): DriftCause => {
    const state = states[place]?.state;
    if (record?.change === 'deleted') return 'silent-delete';
    const isSameVersion = state?.version !== undefined && state.version === record?.version;
    if (isSameVersion && state.fingerprint !== fingerprintOf(event.data, traits?.volatile ?? []))
      return 'mapping-changed';
    return isPolled ? 'missed-poll' : 'missed-webhook';
  });
}
