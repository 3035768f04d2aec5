import { createHash } from 'node:crypto';
import type { PageSpec } from '../provider/language/call-schema.ts';
import type { PagePosition } from '../provider/request/page-position.ts';
import { versionTimeMs } from '../records/rank.ts';
import { type CursorPlan, sinceOf } from './cursor.ts';
import type { PlaceProgress, TimeWindow } from './sync-state.ts';

/** What a page was. */
export interface PageFacts {
  /** Rows that the provider gave, before any is left out. */
  readonly rows: number;
  readonly next: PagePosition | undefined;
  /** Of its rows. */
  readonly digest: string;
  /** The cursor's value of its last row. */
  readonly lastValue: string | undefined;
}

/** How the call of the page can go on. */
export interface PageRules {
  readonly plan: CursorPlan;
  readonly page: PageSpec | undefined;
  /** The most rows of one request and its pages. */
  readonly cap: number | undefined;
  /** Whether the call reads `{since}` or a filter like it. */
  readonly readsSince: boolean;
  readonly readsUntil: boolean;
  /** The server's clock, for a stretch without an end; epoch milliseconds. */
  readonly serverMs: number;
}

type Moved = Pick<PlaceProgress, 'position' | 'windows' | 'windowRows' | 'trail' | 'repeats' | 'heldAt'>;

export type PageStep =
  /** The page counts. `isEnd` where none follows. */
  | { readonly kind: 'accept'; readonly moved: Moved; readonly isEnd: boolean }
  /** The provider gave a page again: it does not count, and the position is asked for once more. */
  | { readonly kind: 'repeat'; readonly moved: Moved }
  | { readonly kind: 'fault'; readonly reason: string };

const maxRepeats = 3;
/** Positions that are remembered; a listing that goes in a larger circle ends by its number of pages. */
const maxTrail = 300;
/** A stretch is not split further. */
const leastWindowMs = 1_000;
const first: PagePosition = { kind: 'first' };

/**
 * Where reading goes on behind a page.
 *
 * Pages by number and offset drift, also where links hold the number: a row that changes meanwhile moves to the end, and
 * the one behind it slips onto a page that was read. So where rows come in the order of the cursor, the next request begins at the last row's time,
 * and not at the next page. Rows of that time come twice, and are known by their marks. Only where one time fills a
 * page is the next page asked for; the cursor is then held at that time once, so that its rows are read again. What
 * comes after that time on such a page is read again at once, from a first page of its own.
 */
export function afterPage(rules: PageRules, progress: PlaceProgress, facts: PageFacts): PageStep {
  const { trail, repeats, position } = progress;
  const [lastDigest, ...positions] = trail;
  const own = digestOf(position);
  const isRepeated = position.kind !== 'first' && facts.rows > 0 && facts.digest === lastDigest;
  if (isRepeated)
    return repeats + 1 > maxRepeats
      ? { kind: 'fault', reason: 'the provider gives the same page again and again' }
      : { kind: 'repeat', moved: { ...movedOf(progress), repeats: repeats + 1 } };
  const seen = [own, ...positions].slice(0, maxTrail);
  const base: Moved = { ...movedOf(progress), trail: [facts.digest, ...seen], repeats: 0 };
  const rows = progress.windowRows + facts.rows;
  const slid = slide(rules, progress, facts);
  const isCapped = rules.cap !== undefined && rows >= rules.cap;
  if (isCapped && slid === undefined) return split(rules, progress, base);
  const isPastPage = slid?.isPastPage === true;
  if (facts.next === undefined && !isCapped && !isPastPage) return nextWindow(base);
  if (slid !== undefined && (isCapped || isPastPage || mayDrift(facts.next)))
    return { kind: 'accept', isEnd: false, moved: restartAt(base, slid) };
  if (facts.next === undefined) return nextWindow(base);
  if (!isCounted(facts.next) && seen.includes(digestOf(facts.next)))
    return repeats + 1 > maxRepeats
      ? { kind: 'fault', reason: 'the pages of the listing go in a circle' }
      : { kind: 'repeat', moved: { ...movedOf(progress), repeats: repeats + 1 } };
  // The earliest such time: what comes after it is read again with it.
  const held = mayDrift(facts.next) && canSlide(rules) ? (progress.heldAt ?? facts.lastValue) : undefined;
  return {
    kind: 'accept',
    isEnd: false,
    moved: { ...base, position: facts.next, windowRows: rows, ...(held === undefined ? {} : { heldAt: held }) },
  };
}

/** Ask for less at a time: the stretch is read in two halves. */
export function split(rules: PageRules, progress: PlaceProgress, base: Moved = movedOf(progress)): PageStep {
  const [window, ...rest] = progress.windows;
  if (!rules.readsUntil || window === undefined)
    return { kind: 'fault', reason: 'the provider caps the listing, and the definition has no way to ask for less' };
  const [fromMs, toMs] = [
    Date.parse(window.since),
    window.until === undefined ? rules.serverMs : Date.parse(window.until),
  ];
  if (toMs - fromMs < 2 * leastWindowMs)
    return { kind: 'fault', reason: 'more rows have one time than the provider gives' };
  const middle = new Date(Math.floor((fromMs + toMs) / 2)).toISOString();
  const windows: readonly TimeWindow[] = [
    { since: window.since, until: middle },
    // The last stretch has no end: what changes meanwhile belongs to it.
    { since: middle, ...(window.until === undefined ? {} : { until: window.until }) },
    ...rest,
  ];
  return {
    kind: 'accept',
    isEnd: false,
    moved: { ...base, windows, position: first, windowRows: 0, trail: [], repeats: 0 },
  };
}

function canSlide({ plan, page, readsSince }: PageRules): boolean {
  return plan.kind === 'time' && page?.order === 'asc' && readsSince;
}

/** The request that goes on at the last row; undefined where that is no step forward. */
function slide(
  rules: PageRules,
  { windows, position }: PlaceProgress,
  { lastValue }: PageFacts,
): TimeWindow | undefined {
  const [window] = windows;
  if (!canSlide(rules) || lastValue === undefined || window === undefined) return undefined;
  const { plan } = rules;
  const since = sinceOf({ ...plan, lookbackMs: plan.exclusiveMs }, lastValue);
  const [sinceMs, windowMs] = [timeMs(since), timeMs(window.since)];
  if (sinceMs === undefined || windowMs === undefined || sinceMs <= windowMs) return undefined;
  const { isPastPage: _, ...stretch } = window;
  // One time filled the pages before this one, so a row behind that time may have slipped onto them. A provider that
  // cuts the time of the request gives the same pages again: it is asked once.
  return mayDrift(position) && window.isPastPage !== true
    ? { ...stretch, since: new Date(windowMs + Math.max(1, plan.exclusiveMs)).toISOString(), isPastPage: true }
    : { ...stretch, since };
}

/** Whether rows move to and from the page while they change. What a link holds is unknown. */
function mayDrift(position: PagePosition | undefined): boolean {
  return isCounted(position) || position?.kind === 'url';
}

function isCounted(position: PagePosition | undefined): boolean {
  return position?.kind === 'number' || position?.kind === 'offset';
}

function restartAt(base: Moved, window: TimeWindow): Moved {
  const [, ...rest] = base.windows;
  // Positions of another request say nothing of this one.
  return {
    ...base,
    windows: [window, ...rest],
    position: first,
    windowRows: 0,
    trail: base.trail.slice(0, 1),
  };
}

function nextWindow(base: Moved): PageStep {
  const [, ...rest] = base.windows;
  return {
    kind: 'accept',
    isEnd: rest.length === 0,
    moved: { ...base, windows: rest, position: first, windowRows: 0, trail: [] },
  };
}

function movedOf({ position, windows, windowRows, trail, repeats, heldAt }: PlaceProgress): Moved {
  return { position, windows, windowRows, trail, repeats, ...(heldAt === undefined ? {} : { heldAt }) };
}

function timeMs(text: string): number | undefined {
  return versionTimeMs('time', text);
}

export function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 12);
}
