import { callOf } from '../../engine/definition/plan-answer.ts';
import type { SyncStep } from '../../engine/provider/language/sync-schema.ts';
import {
  type EdgeRow,
  edgeOf,
  hasExpired,
  laterOf,
  nextValue,
  type StoredCursor,
  writeTime,
} from '../../engine/sync/cursor.ts';
import type { SyncJob } from '../../engine/sync/sync-job.ts';
import type { PlaceProgress } from '../../engine/sync/sync-state.ts';
import { chooseRead, partsOf, type SyncPart } from './choose-read.ts';
import { findAbsent, missedPlace } from './find-absent.ts';
import {
  type Advance,
  createSeenRows,
  currentOf,
  cursorKey,
  maxSkipped,
  type PartWork,
  placeOf,
  type RunWork,
  saveRun,
} from './part-work.ts';
import { publishCombined } from './publish-combined.ts';
import { publishPart } from './publish-part.ts';
import { readDependents } from './read-dependents.ts';
import { beginPart, readPart } from './read-part.ts';

/** After a listing of all records, changes are read from so long before its begin: the clocks of a provider differ. */
const handoverMs = 300_000;

/**
 * Carry a run on, until it is done, must wait, or the time of this invocation is over.
 *
 *   for each resource, and each of its parts: read all pages into the spool -> publish them -> move the cursor
 *
 * Each step may be the last before a crash. The next invocation finds the pages that are in the spool and goes on
 * behind them; what it publishes again is what the states of the records know. The cursor moves when every page of its
 * part is published, and so never passes what nobody has seen. Where other records depend on those of the part, it moves
 * at the end of the run: one that fails before finds them again.
 */
export async function advanceRun(work: RunWork): Promise<Advance> {
  for (;;) {
    const run = currentOf(work);
    const step = work.job.resources[run.step];
    if (step === undefined) {
      await moveHeldCursors(work);
      return { kind: 'done' };
    }
    const parts = isWanted(work, step) ? partsOf(work.caller, step) : [];
    const part = parts[run.part];
    if (part === undefined) {
      const end = await endStep(work, step, parts);
      if (end.kind !== 'done') return end;
      await saveRun(work, { step: run.step + 1, part: 0, absence: undefined, missed: [] });
      continue;
    }
    const end = await advancePart(work, part);
    if (end.kind === 'done') continue;
    if (end.kind !== 'skipped') return end;
    // Of several repositories, one that is gone must not keep the others from being read.
    await saveRun(work, {
      part: run.part + 1,
      place: undefined,
      partial: [...run.partial, part.name],
      skipped: [...run.skipped, `${part.name}: ${end.reason}`].slice(0, maxSkipped),
    });
  }
}

/** A run for one resource reads what depends on it, too. */
function isWanted({ job, hold }: RunWork, step: SyncStep): boolean {
  const { resource } = currentOf({ hold });
  if (resource === undefined || step.resource === resource) return true;
  const parent = job.resources.find(({ resource: name }) => name === step.depends_on);
  return parent !== undefined && isWanted({ job, hold } as RunWork, parent);
}

async function endStep(work: RunWork, step: SyncStep, parts: readonly SyncPart[]): Promise<Advance> {
  const run = currentOf(work);
  const list = callOf(work.caller.definition, step.resource, 'list');
  const isListed = run.complete.includes(step.resource) && list?.spec.complete === true;
  const isWhole = parts.length > 0 && parts.every(({ name }) => !run.partial.includes(name));
  if (!isListed || !isWhole || work.job.emit === 'combined') return { kind: 'done' };
  const end = await findAbsent(work, step, parts);
  if (end.kind !== 'done') return end;
  await work.ports.syncs.putCursor(
    cursorKey(work, missedPlace(step.resource)),
    { readAtMs: run.startedAtMs, edge: [], missed: currentOf(work).missed },
    work.hold.row.tenant,
  );
  return end;
}

async function advancePart(run: RunWork, part: SyncPart): Promise<Advance> {
  const work = await partWork(run, part);
  if ('fault' in work) return { kind: 'failed', reason: work.fault };
  if (currentOf(work).place === undefined) {
    if (await beginsAfterKnown(work)) await compareAfterwards(work);
    const begun = beginPart(work);
    work.hold.imagine((state) =>
      state.current === undefined ? state : { ...state, current: { ...state.current, place: begun } },
    );
  }
  const end = await readAndPublish(work);
  if (end.kind === 'restart') {
    // Asked from its beginning again, it would answer the same, call after call.
    if (work.cursor?.value === undefined)
      return { kind: 'failed', reason: 'the provider refuses the listing from its beginning' };
    await forgetCursor(work);
    return { kind: 'done' };
  }
  if (end.kind !== 'done') {
    // A page in hand is in no spool: what is left of it is read again.
    if (placeOf(work).isInHand === true) await saveRun(work, { place: undefined });
    return end;
  }
  await commit(work);
  return end;
}

async function partWork(run: RunWork, part: SyncPart): Promise<PartWork | { readonly fault: string }> {
  const { mode, place } = currentOf(run);
  const stored = await run.ports.syncs.getCursor(cursorKey(run, part.name));
  const usual = chooseRead(run.caller, part, mode, false);
  if ('fault' in usual) return usual;
  const isExpired = stored !== undefined && hasExpired(usual.plan, stored, run.ports.clock.nowMs());
  const isBlank = place === undefined ? stored?.value === undefined || isExpired : place.by === 'list';
  const read = isBlank ? chooseRead(run.caller, part, mode, true) : usual;
  if ('fault' in read) return read;
  // What an expired cursor says is nothing; and a run of everything compares every record, whatever was known before.
  const isUsed = mode === 'incremental' && !isExpired;
  const cursor = stored === undefined || isUsed ? stored : { readAtMs: stored.readAtMs, edge: [] };
  return {
    ...run,
    part,
    read,
    cursor,
    stored,
    memory: new Map(),
    seen: createSeenRows(read.plan),
    isReadAfter:
      hasDependents(run.job, part) || (read.by === 'list' && !read.isIncremental && part.reads === 'records'),
  };
}

async function readAndPublish(work: PartWork): Promise<Advance | { readonly kind: 'restart' }> {
  const read = work.part.step.depends_on === undefined ? await readPart(work) : await readDependents(work);
  if (read.kind !== 'done') return read;
  return work.job.emit === 'combined' ? publishCombined(work) : publishPart(work);
}

/**
 * Whether a feed of tokens begins although records are known: by webhooks, or by a run that died before it had a token.
 * It begins with what exists, and so does not tell of those that have gone since.
 */
async function beginsAfterKnown({ read, cursor, part, ports, caller }: PartWork): Promise<boolean> {
  if (read.plan.kind !== 'token' || read.by !== 'changes' || cursor?.value !== undefined) return false;
  const { tenant, id: account, createdAt: incarnation } = caller.account;
  const known = await ports.directory.list({ tenant, account, incarnation }, 1, undefined, part.step.resource);
  return known.items.length > 0 || known.next !== undefined;
}

/** Have all records compared once this run is over, where they can be listed. */
async function compareAfterwards({ part, hold, caller }: PartWork): Promise<void> {
  const run = currentOf({ hold });
  const list = callOf(caller.definition, part.step.resource, 'list');
  if (list?.spec.complete !== true || run.mode !== 'incremental') return;
  const wanted = { id: `${run.id}r`, mode: 'reconcile' as const };
  await hold.update((state) => ({
    ...state,
    wanted: state.wanted.some(({ mode }) => mode === 'reconcile') ? state.wanted : [...state.wanted, wanted],
  }));
}

/**
 * The provider no longer knows the cursor: all records are read anew. What was deleted meanwhile no feed tells, so a
 * comparison with all records follows.
 */
async function forgetCursor(work: PartWork): Promise<void> {
  const { part, hold, ports } = work;
  // Asked for first: a function that dies between the two asks again.
  await compareAfterwards(work);
  const { readAtMs } = work.cursor ?? { readAtMs: 0 };
  await ports.syncs.putCursor(cursorKey(work, part.name), { readAtMs, edge: [] }, hold.row.tenant);
  await saveRun(work, { place: undefined });
}

/** Move the cursor of a part, and go on to the next. */
async function commit(work: PartWork): Promise<void> {
  const { part, ports, hold, read } = work;
  const run = currentOf(work);
  const place = placeOf(work);
  const next = cursorAfter(work, place);
  const isHeld = next !== undefined && hasDependents(work.job, part);
  const cursorName = isHeld ? heldPlace(part.name) : part.name;
  if (next !== undefined) await ports.syncs.putCursor(cursorKey(work, cursorName), next, hold.row.tenant);
  const isComplete = read.by === 'list' && !read.isIncremental && part.reads === 'records' && !place.isUnchanged;
  // An account may have thousands of parts: only pages that are read again are noted.
  const keepsPages = work.isReadAfter && place.isInHand !== true && place.spooled > 0;
  const change = {
    part: run.part + 1,
    place: undefined,
    spooled: keepsPages ? { ...run.spooled, [part.name]: place.spooled } : run.spooled,
    ...(isHeld ? { held: [...(run.held ?? []), part.name] } : {}),
    partial: place.isPartial ? [...run.partial, part.name] : run.partial,
    complete: isComplete ? [...new Set([...run.complete, part.step.resource])] : run.complete,
  };
  // What is written with the end of the run needs no write of its own.
  hold.imagine((state) =>
    state.current === undefined ? state : { ...state, current: { ...state.current, ...change } },
  );
  if (place.spooled > 0 && place.isInHand !== true) await saveRun(work, change);
}

function hasDependents({ resources }: SyncJob, { step }: SyncPart): boolean {
  return resources.some(({ depends_on: parent }) => parent === step.resource);
}

/** Where the next cursor of a part waits for the end of its run. */
function heldPlace(name: string): string {
  return `${name}!next`;
}

async function moveHeldCursors(work: RunWork): Promise<void> {
  const { ports, hold } = work;
  for (const name of currentOf(work).held ?? []) {
    const next = await ports.syncs.getCursor(cursorKey(work, heldPlace(name)));
    if (next !== undefined) await ports.syncs.putCursor(cursorKey(work, name), next, hold.row.tenant);
  }
}

/** @returns Undefined where the cursor stays as it is. */
function cursorAfter(
  { read, seen, hold, cursor: used, stored }: PartWork,
  place: PlaceProgress,
): StoredCursor | undefined {
  const { mode, startedAtMs } = currentOf({ hold });
  if (mode === 'backfill') return undefined;
  const { plan } = read;
  const serverMs = place.serverMs ?? place.beganAtMs;
  if (place.isUnchanged) return undefined;
  if (mode !== 'incremental' && stored !== undefined) return undefined;
  const before = used?.value;
  const value = valueAfter(read, place, before, serverMs);
  const isHeld = place.heldAt !== undefined && stored?.heldAt !== place.heldAt && plan.kind === 'time';
  // So many rows have this time that their pages may have drifted: they are read once more.
  const kept = isHeld ? (laterOf(plan, before, place.heldAt) ?? value) : value;
  const edge = isHeld ? [] : edgeOf(plan, kept, settledRows(read, seen.rows(), serverMs));
  const next: StoredCursor = {
    readAtMs: startedAtMs,
    edge,
    ...(kept === undefined ? {} : { value: kept }),
    ...(place.validator === undefined ? {} : { validator: place.validator }),
    ...(place.heldAt === undefined ? {} : { heldAt: place.heldAt }),
  };
  return stored !== undefined && isSame(stored, next, plan.retentionMs) ? undefined : next;
}

function valueAfter(
  { by, isIncremental, plan }: PartWork['read'],
  { top, answered }: PlaceProgress,
  before: string | undefined,
  serverMs: number,
): string | undefined {
  if (plan.kind === 'none') return undefined;
  if (plan.kind === 'token') return answered ?? before;
  if (plan.kind === 'id') return laterOf(plan, before, answered ?? top);
  if (plan.isOfAnswer && answered !== undefined) return nextValue(plan, before, answered, serverMs);
  if (by === 'list' && !isIncremental) return writeTime(plan.form, serverMs - Math.max(handoverMs, plan.lookbackMs));
  return nextValue(plan, before, top, serverMs);
}

/**
 * Rows that have only ids do not show a second change at the same time. One that was read within its own second is read
 * once more.
 */
function settledRows({ call, plan }: PartWork['read'], rows: readonly EdgeRow[], serverMs: number): readonly EdgeRow[] {
  const isThin = 'thin' in call.spec && call.spec.thin;
  return isThin ? rows.filter(({ atMs }) => atMs + plan.precisionMs <= serverMs) : rows;
}

/** A cursor that stays is not written, unless its age matters. */
function isSame(one: StoredCursor, other: StoredCursor, retentionMs: number | undefined): boolean {
  const contents = ({ value, edge, validator, heldAt }: StoredCursor) =>
    JSON.stringify([value ?? null, [...edge].sort(), validator ?? null, heldAt ?? null]);
  const isYoung = retentionMs === undefined || other.readAtMs - one.readAtMs < retentionMs / 10;
  return isYoung && contents(one) === contents(other);
}
