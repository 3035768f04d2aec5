import { callOf } from '../../engine/definition/plan-answer.ts';
import type { SyncStep } from '../../engine/provider/language/sync-schema.ts';
import { idMark } from '../../engine/sync/cursor.ts';
import type { AbsenceProgress } from '../../engine/sync/sync-state.ts';
import type { ListedRecord } from '../../ports/events/record-states.ts';
import { withLostChange } from '../publish/lost-changes.ts';
import type { SyncPart } from './choose-read.ts';
import { type Advance, currentOf, cursorKey, type RunWork, readSpooled, saveRun } from './part-work.ts';
import { absent, provesAbsence, publishFound } from './publish-found.ts';
import { readInFull } from './read-in-full.ts';
import { type FoundRecord, type FoundSource, ownerOf } from './to-candidate.ts';

/** Known records that are looked at together. */
const pageRecords = 200;
/** Records that were missing once are remembered up to this number; others wait for a later listing. */
const maxMissed = 5_000;

/**
 * Delete the records that a complete listing does not have.
 *
 * All are counted first: a listing that lacks more than a declared part of them is not believed, and nothing is deleted.
 * A record that the engine heard of since the run began is not missing: the listing is older than that.
 */
export async function findAbsent(work: RunWork, step: SyncStep, parts: readonly SyncPart[]): Promise<Advance> {
  const listed = await listedIds(work, parts);
  for (;;) {
    const run = currentOf(work);
    const progress: AbsenceProgress = run.absence ?? { pass: 'count', known: 0, missing: 0 };
    if (work.isOver()) return { kind: 'time' };
    const { items, next } = await knownRecords(work, step.resource, progress.after);
    const live = items.filter(({ state }) => !state.isDeleted);
    const isMissing = ({ recordId, state }: ListedRecord) => !listed.has(recordId) && state.seenAtMs <= run.startedAtMs;
    const missing = live.filter(isMissing);
    const untold = await untoldEnds(
      work,
      step.resource,
      items.filter(({ recordId, state }) => state.isDeleted && !listed.has(recordId)),
    );
    if (progress.pass === 'count') {
      const counted = {
        known: progress.known + live.length,
        missing: progress.missing + missing.length,
        untold: (progress.untold ?? 0) + untold.length,
      };
      if (next !== undefined) await saveRun(work, { absence: { pass: 'count', after: next, ...counted } });
      else {
        const fault = tooManyFault(work, counted);
        if (fault !== undefined) return { kind: 'failed', reason: fault };
        if (counted.missing === 0 && counted.untold === 0) return { kind: 'done' };
        await saveRun(work, { absence: { pass: 'act', ...counted } });
      }
      continue;
    }
    const end = await deleteMissing(work, step.resource, [...missing, ...untold]);
    if (end !== undefined) return end;
    if (next === undefined) return { kind: 'done' };
    await saveRun(work, { absence: { ...progress, after: next } });
  }
}

/**
 * Deleted records whose delete event may be missing: an invocation of this run, or an earlier run, died after it wrote
 * the state and before it wrote the event.
 */
async function untoldEnds(
  work: RunWork,
  resource: string,
  ended: readonly ListedRecord[],
): Promise<readonly ListedRecord[]> {
  const owner = ownerOf(work, sourceOf(resource).page);
  const isOwn = ({ state }: ListedRecord) => state.changes.at(-1)?.owner === owner;
  const others = ended.filter((one) => !isOwn(one));
  return [...ended.filter(isOwn), ...(await withLostChange(work.ports, work.caller.account.tenant, others))];
}

async function listedIds(work: RunWork, parts: readonly SyncPart[]): Promise<ReadonlySet<string>> {
  const { spooled } = currentOf(work);
  const ids = new Set<string>();
  for (const { name } of parts)
    for (let page = 0; page < (spooled[name] ?? 0); page += 1)
      for (const id of (await readSpooled(work, name, page)).ids) ids.add(id);
  return ids;
}

async function knownRecords({ ports, caller }: RunWork, resource: string, after: string | undefined) {
  const { tenant, id, createdAt } = caller.account;
  return ports.directory.list({ tenant, account: id, incarnation: createdAt }, pageRecords, after, resource);
}

/** One record may always be missing: a small account would never lose any otherwise. */
function tooManyFault(
  { job }: RunWork,
  { known, missing }: Pick<AbsenceProgress, 'known' | 'missing'>,
): string | undefined {
  const most = Math.max(1, Math.floor(known * job.max_missing));
  return missing <= most
    ? undefined
    : `${missing} of ${known} known records are absent from the listing, and at most ${most} may be: nothing was deleted`;
}

async function deleteMissing(
  work: RunWork,
  resource: string,
  missing: readonly ListedRecord[],
): Promise<Advance | undefined> {
  if (missing.length === 0) return undefined;
  const hasGet = callOf(work.caller.definition, resource, 'get') !== undefined;
  const proof = work.job.confirm ?? (hasGet ? 'get' : 'twice');
  return proof === 'get' ? confirmByGet(work, resource, missing) : confirmByListing(work, resource, missing);
}

async function confirmByGet(
  work: RunWork,
  resource: string,
  missing: readonly ListedRecord[],
): Promise<Advance | undefined> {
  const reads = await readInFull(
    work,
    resource,
    missing.map(({ recordId }) => ({ recordId, address: {} })),
  );
  if ('kind' in reads) return reads;
  const found: FoundRecord[] = [];
  for (const [place, read] of reads.entries()) {
    const { recordId, state } = missing[place] as ListedRecord;
    const end = { record: absent(recordId), isAbsence: true, isUntold: state.isDeleted };
    if (read.kind === 'gone' && (state.isDeleted || provesAbsence(work, resource, state, read.startedAtMs)))
      found.push({ ...end, startedAtMs: read.startedAtMs });
    else if (read.kind === 'record') found.push(read);
    // What cannot be read, or not yet, is not proven to be gone.
    else work.tally.add({ unreadable: 1 });
  }
  return publishFound(work, resource, found, sourceOf(resource));
}

async function confirmByListing(
  work: RunWork,
  resource: string,
  missing: readonly ListedRecord[],
): Promise<Advance | undefined> {
  const before = await work.ports.syncs.getCursor(cursorKey(work, missedPlace(resource)));
  const missedBefore = new Set(before?.missed ?? []);
  // An end that a state has was proven before.
  const isProven = ({ recordId, state }: ListedRecord) => state.isDeleted || missedBefore.has(idMark(recordId));
  const proven = missing.filter(isProven);
  const found = proven.map(({ recordId, state }) => ({
    record: absent(recordId),
    startedAtMs: currentOf(work).startedAtMs,
    isAbsence: true,
    isUntold: state.isDeleted,
  }));
  const end = await publishFound(work, resource, found, sourceOf(resource));
  if (end !== undefined) return end;
  const others = missing.filter((one) => !isProven(one));
  const missed = [...currentOf(work).missed, ...others.map(({ recordId }) => idMark(recordId))];
  await saveRun(work, { missed: [...new Set(missed)].slice(0, maxMissed) });
  return undefined;
}

function sourceOf(resource: string): FoundSource {
  return { page: `${resource} absent`, isFirst: false };
}

/** Where the records that a listing lacked are remembered until the next one. */
export function missedPlace(resource: string): string {
  return `${resource}!missed`;
}
