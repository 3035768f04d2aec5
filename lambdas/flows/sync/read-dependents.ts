import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import type { PagePosition } from '../../engine/provider/request/page-position.ts';
import { beginning } from '../../engine/sync/cursor.ts';
import { type CalledPage, callPage } from './call-page.ts';
import { filtersOfPart, partsOf } from './choose-read.ts';
import {
  type Advance,
  currentOf,
  maxRestarts,
  maxSkipped,
  type PartWork,
  placeOf,
  readSpooled,
  type SpooledPage,
  savePlace,
  spoolPage,
} from './part-work.ts';

/** Records whose dependents are read at the same time. */
const parentsAtATime = 4;

/** So many records of which none can be asked for are no accident: the run fails, and the next one finds them again. */
const leastRefused = 3;

const firstPage: PagePosition = { kind: 'first' };

interface ParentPage {
  readonly parent: Readonly<Record<string, unknown>>;
  readonly position: PagePosition;
}

/**
 * Read the records that depend on others: for each record of the other resource that this run found anew.
 *
 * The first pages of a few records are asked for together; what goes on beyond them is read page by page, so that a
 * record with very many dependents can be left and taken up again.
 */
export async function readDependents(work: PartWork): Promise<Advance> {
  const parents = createParents(work);
  for (;;) {
    const place = placeOf(work);
    if (place.phase !== 'read') return { kind: 'done' };
    if (work.isOver()) return { kind: 'time' };
    const asked: readonly ParentPage[] =
      place.pending.length > 0
        ? place.pending.slice(0, 1)
        : (await parents.take(place.parents, parentsAtATime)).map((parent) => ({
            parent,
            position: firstPage,
          }));
    if (asked.length === 0) {
      const isNoneRead = place.parents >= leastRefused && place.refusedParents === place.parents;
      if (isNoneRead) return { kind: 'failed', reason: currentOf(work).skipped.at(-1) ?? 'nothing could be read' };
      await savePlace(work, { phase: 'publish' });
      return { kind: 'done' };
    }
    const pages = await Promise.all(asked.map((one) => callFor(work, one)));
    const end = pages.find((page) => page.kind === 'stop');
    if (end !== undefined) return end;
    const read = pages.filter((page) => page.kind === 'page');
    const unread = pages.filter((page) => page.kind === 'skipped' || page.kind === 'failed');
    const content = mergedPage(read);
    const more = [
      ...read.flatMap(({ parent, answer: { next } }) => (next === undefined ? [] : [{ parent, position: next }])),
      ...pages.filter((page) => page.kind === 'again').map(({ parent }) => ({ parent, position: firstPage })),
    ];
    work.tally.add({
      pages: read.length,
      records: read.reduce((sum, { answer }) => sum + (answer.rows ?? 0), 0),
      unreadable: read.reduce((sum, { answer }) => sum + answer.unread.length, 0),
    });
    const isPending = place.pending.length > 0;
    if (content.ids.length + content.rows.length > 0) await spoolPage(work, work.part.name, place.spooled, content);
    noteSkipped(work, unread);
    await savePlace(work, {
      spooled: place.spooled + (content.ids.length + content.rows.length > 0 ? 1 : 0),
      parents: place.parents + (isPending ? 0 : asked.length),
      pending: [...more, ...(isPending ? place.pending.slice(1) : [])],
      refusedParents:
        (place.refusedParents ?? 0) + (isPending ? 0 : pages.filter(({ kind }) => kind === 'failed').length),
      restarts: place.restarts + (pages.some(({ kind }) => kind === 'again') ? 1 : 0),
      serverMs: place.serverMs ?? read[0]?.serverMs,
      isPartial:
        place.isPartial || unread.length > 0 || read.some(({ answer }) => answer.classification.means === 'partial'),
    });
  }
}

/** One record whose dependents cannot be read keeps those of no other from being read. */
function noteSkipped(work: PartWork, unread: readonly { readonly reason: string }[]): void {
  if (unread.length === 0) return;
  const run = currentOf(work);
  const reasons = unread.map(({ reason }) => `${work.part.name}: ${reason}`);
  const skipped = [...new Set([...run.skipped, ...reasons])].slice(0, maxSkipped);
  work.hold.imagine((state) => ({ ...state, current: { ...run, skipped } }));
}

type Called =
  | (Extract<CalledPage, { kind: 'page' }> & { readonly parent: ParentPage['parent'] })
  /** The page token of the record has ended: its dependents are read from their first page. */
  | { readonly kind: 'again'; readonly parent: ParentPage['parent'] }
  | Exclude<Advance, { kind: 'done' | 'time' }>;

async function callFor(work: PartWork, { parent, position }: ParentPage): Promise<Called> {
  const run = currentOf(work);
  const { step } = work.part;
  const values = { previousRunDate: run.previousRunDate, resources: { [step.depends_on ?? '']: parent } };
  const filters = filtersOfPart(work.part, work.read, values, beginning);
  if ('fault' in filters && typeof filters.fault === 'string') return { kind: 'failed', reason: filters.fault };
  const called = await callPage(work, run.mode, {
    filters: filters as never,
    since: beginning,
    until: undefined,
    position,
  });
  switch (called.kind) {
    case 'page':
      return { ...called, parent };
    case 'unchanged':
      return { kind: 'skipped', reason: 'unchanged' };
    case 'restart':
      if (position.kind !== 'first' && placeOf(work).restarts < maxRestarts) return { kind: 'again', parent };
      return { kind: 'failed', reason: `the pages of ${step.resource} end before they are read` };
    case 'split':
      return { kind: 'failed', reason: `the listing of ${step.resource} cannot be read to its end` };
    default:
      return called;
  }
}

function mergedPage(pages: readonly Extract<Called, { kind: 'page' }>[]): SpooledPage {
  const records = pages.flatMap(({ answer }) => answer.records);
  return {
    startedAtMs: Math.min(...pages.map(({ startedAtMs }) => startedAtMs), Number.MAX_SAFE_INTEGER),
    rows: records,
    ids: records.filter(({ isAbsent }) => !isAbsent).map(({ id }) => id),
  };
}

/** The records that this run found of the resource on which the part depends, by number. */
function createParents(work: PartWork) {
  const { caller, job, part } = work;
  const { spooled } = currentOf(work);
  const names = job.resources
    .filter(({ resource }) => resource === part.step.depends_on)
    .flatMap((step) => partsOf(caller, step))
    .filter(({ reads }) => reads === 'records')
    .map(({ name }) => name);
  const pages = names.flatMap((name) => Array.from({ length: spooled[name] ?? 0 }, (_, page) => ({ name, page })));
  let at = 0;
  let before = 0;
  let rows: readonly ReadRecord[] | undefined;
  return {
    /** @param from - Records that are done. */
    async take(from: number, most: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
      const taken: Readonly<Record<string, unknown>>[] = [];
      while (taken.length < most) {
        const page = pages[at];
        if (page === undefined) break;
        rows ??= (await readSpooled(work, page.name, page.page)).rows.filter(({ isAbsent }) => !isAbsent);
        const next = rows[from + taken.length - before];
        if (next !== undefined) taken.push({ ...next.data, id: next.id });
        else {
          before += rows.length;
          at += 1;
          rows = undefined;
        }
      }
      return taken;
    },
  };
}
