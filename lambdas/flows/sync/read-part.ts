import type { ReadAnswer, ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import { readsSource } from '../../engine/provider/request/call-reads.ts';
import { afterPage, digestOf, type PageRules, type PageStep, split } from '../../engine/sync/after-page.ts';
import { beginning, laterOf, rowMark, sinceOf } from '../../engine/sync/cursor.ts';
import type { CurrentRun, PlaceProgress, TimeWindow } from '../../engine/sync/sync-state.ts';
import { type CalledPage, callPage } from './call-page.ts';
import { filtersOfPart } from './choose-read.ts';
import {
  type Advance,
  currentOf,
  maxRestarts,
  type PartWork,
  placeOf,
  type SpooledPage,
  savePlace,
  spoolPage,
} from './part-work.ts';

/** Rows that are published without being spooled: a page of a quiet sync costs no request. */
const maxUnspooledRows = 100;
/** Pages of one part in one run: a listing without an end must have one. */
const maxPages = 200_000;

/** Where a part begins, in a run that has not read it. */
export function beginPart(work: PartWork): PlaceProgress {
  const { read, cursor, ports } = work;
  const { mode, since, until } = currentOf(work);
  return {
    phase: 'read',
    by: read.by,
    isFirst: cursor === undefined && mode !== 'backfill',
    position: { kind: 'first' },
    spooled: 0,
    published: 0,
    publishedRows: 0,
    windows: [firstWindow(work, mode, since, until)],
    windowRows: 0,
    trail: [],
    repeats: 0,
    isPartial: false,
    isUnchanged: false,
    restarts: 0,
    parents: 0,
    pending: [],
    beganAtMs: ports.clock.nowMs(),
  };
}

function firstWindow(
  { read, cursor, ports }: PartWork,
  mode: CurrentRun['mode'],
  since: string | undefined,
  until: string | undefined,
): TimeWindow {
  if (mode === 'backfill') return { since: since ?? beginning, ...(until === undefined ? {} : { until }) };
  const { plan, isIncremental } = read;
  const isBlank = mode !== 'incremental' || cursor?.value === undefined || !isIncremental;
  if (!isBlank) return { since: sinceOf(plan, cursor.value) };
  // Providers refuse to tell of what they no longer keep.
  return plan.kind === 'time' && plan.retentionMs !== undefined && isIncremental
    ? { since: new Date(ports.clock.nowMs() - plan.retentionMs * 0.9).toISOString() }
    : { since: beginning };
}

/** Read the pages of a part until all are there. */
export async function readPart(work: PartWork): Promise<Advance | { readonly kind: 'restart' }> {
  for (;;) {
    const place = placeOf(work);
    if (place.phase !== 'read') return { kind: 'done' };
    if (work.isOver()) return { kind: 'time' };
    const [window = { since: beginning }] = place.windows;
    const run = currentOf(work);
    const values = { previousRunDate: run.previousRunDate, resources: {} };
    const filters = filtersOfPart(work.part, work.read, values, window.since);
    if (isFault(filters)) return { kind: 'failed', reason: filters.fault };
    const called = await callPage(work, run.mode, {
      filters,
      ...window,
      until: window.until,
      position: place.position,
    });
    const end = await settlePage(work, place, called);
    if (end !== undefined) return end;
  }
}

/** @returns Undefined where reading goes on. */
async function settlePage(
  work: PartWork,
  place: PlaceProgress,
  called: CalledPage,
): Promise<Advance | { readonly kind: 'restart' } | undefined> {
  switch (called.kind) {
    case 'page':
      return acceptPage(work, place, called);
    case 'unchanged':
      await savePlace(work, { phase: 'publish', isUnchanged: true, serverMs: called.serverMs });
      return { kind: 'done' };
    case 'restart':
      return restartPages(work, place);
    case 'split':
      return applyStep(work, place, split(rulesOf(work, place.serverMs), place), undefined);
    default:
      return called;
  }
}

/** A page token that has ended: the part is read from its first page. An ended cursor is another matter. */
async function restartPages(
  work: PartWork,
  place: PlaceProgress,
): Promise<Advance | { readonly kind: 'restart' } | undefined> {
  if (place.position.kind === 'first') return { kind: 'restart' };
  if (place.restarts >= maxRestarts)
    return { kind: 'failed', reason: 'the pages of the listing end before they are read' };
  await savePlace(work, {
    position: { kind: 'first' },
    trail: [],
    repeats: 0,
    windowRows: 0,
    restarts: place.restarts + 1,
  });
  return undefined;
}

async function acceptPage(
  work: PartWork,
  place: PlaceProgress,
  { answer, startedAtMs, serverMs, validator }: Extract<CalledPage, { kind: 'page' }>,
): Promise<Advance | { readonly kind: 'restart' } | undefined> {
  const { read, tally } = work;
  const step = afterPage(rulesOf(work, place.serverMs ?? serverMs), place, {
    rows: answer.rows ?? 0,
    next: answer.next,
    digest: digestOf(answer.records.map(({ id, version, cursor }) => [id, version ?? null, cursor ?? null])),
    lastValue: answer.records.at(-1)?.cursor,
  });
  if (step.kind === 'fault') return { kind: 'failed', reason: step.reason };
  if (place.spooled >= maxPages) return { kind: 'failed', reason: `the listing has more than ${maxPages} pages` };
  if (step.kind === 'repeat') {
    await savePlace(work, step.moved);
    return undefined;
  }
  tally.add({ pages: 1, records: answer.rows ?? 0, unreadable: answer.unread.length });
  const top = answer.records.reduce<string | undefined>(
    (most, { cursor }) => laterOf(read.plan, most, cursor),
    place.top,
  );
  const isPartial = place.isPartial || answer.classification.means === 'partial' || answer.unread.length > 0;
  const facts: Partial<PlaceProgress> = {
    ...(top === undefined ? {} : { top }),
    ...(answer.cursor === undefined ? {} : { answered: answer.cursor }),
    serverMs: place.serverMs ?? serverMs,
    isPartial,
    // Where pages follow, that the first is as it was tells nothing of the others.
    ...(validator === undefined || step.kind !== 'accept' || !step.isEnd ? {} : { validator }),
  };
  const page = pageOf(work, answer, startedAtMs);
  return applyStep(work, place, step, page, facts);
}

function pageOf({ cursor, part, seen }: PartWork, { records }: ReadAnswer, startedAtMs: number): SpooledPage {
  const edge = new Set(cursor?.edge ?? []);
  const ids = records.filter(({ isAbsent }) => !isAbsent).map(({ id }) => id);
  const isKnown = (record: ReadRecord) => {
    const mark = rowMark(record);
    return mark !== undefined && edge.has(mark);
  };
  seen.add(records);
  const rows = records.filter((record) => !isKnown(record));
  return { startedAtMs, rows, ids: part.reads === 'deletions' ? [] : ids };
}

/** Keep a page, and go on. */
async function applyStep(
  work: PartWork,
  place: PlaceProgress,
  step: PageStep,
  page: SpooledPage | undefined,
  facts: Partial<PlaceProgress> = {},
): Promise<Advance | undefined> {
  if (step.kind === 'fault') return { kind: 'failed', reason: step.reason };
  const isEnd = step.kind === 'accept' && step.isEnd;
  if (page !== undefined) {
    const unchanged = knownOf(page);
    work.tally.add({ unchanged });
    if (unchanged > 0) work.ports.onFound?.({ unchanged });
  }
  const moved = { ...facts, ...step.moved, ...(isEnd ? { phase: 'publish' as const } : {}) };
  if (page === undefined || (page.rows.length === 0 && !work.isReadAfter)) {
    // Nothing new on the only page: the end of the run is the only write.
    if (isEnd && place.spooled === 0) imagine(work, { ...place, ...moved });
    else await savePlace(work, moved);
    return isEnd ? { kind: 'done' } : undefined;
  }
  work.memory.set(place.spooled, page);
  const isAlone = isEnd && place.spooled === 0 && page.rows.length <= maxUnspooledRows && !work.isReadAfter;
  const next = { ...moved, spooled: place.spooled + 1 };
  // This invocation has all that there is in hand: if it dies, the page is read again.
  if (isAlone) imagine(work, { ...place, ...next, isInHand: true });
  else {
    await spoolPage(work, work.part.name, place.spooled, page);
    // Pages of large windows are read back one by one.
    work.memory.delete(place.spooled - 2);
    await savePlace(work, next);
  }
  return isEnd ? { kind: 'done' } : undefined;
}

function imagine({ hold }: PartWork, place: PlaceProgress): void {
  hold.imagine((state) => (state.current === undefined ? state : { ...state, current: { ...state.current, place } }));
}

/** Rows that were published before. */
function knownOf({ ids, rows }: SpooledPage): number {
  const fresh = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !fresh.has(id)).length;
}

function rulesOf({ read, ports }: PartWork, serverMs: number | undefined): PageRules {
  const { call, plan, sinceFilter } = read;
  const { spec } = call;
  return {
    plan,
    page: spec.page,
    cap: spec.cap,
    readsSince: read.isIncremental && (sinceFilter !== undefined || readsSource(spec, 'since')),
    readsUntil: readsSource(spec, 'until'),
    serverMs: serverMs ?? ports.clock.nowMs(),
  };
}

function isFault(value: object): value is { readonly fault: string } {
  return 'fault' in value && typeof value.fault === 'string';
}
