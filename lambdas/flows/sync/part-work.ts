import { EngineError } from '../../contracts/engine-error.ts';
import type { ReadRecord } from '../../engine/provider/answer/read-answer.ts';
import {
  type CursorPlan,
  cursorPlace,
  type EdgeRow,
  maxEdge,
  rowMark,
  type StoredCursor,
  valueMs,
} from '../../engine/sync/cursor.ts';
import type { SyncJob } from '../../engine/sync/sync-job.ts';
import {
  addCounts,
  type CurrentRun,
  type PlaceProgress,
  type RunCounts,
  type SyncStop,
} from '../../engine/sync/sync-state.ts';
import type { CursorKey } from '../../ports/sync/sync-store.ts';
import type { Caller } from '../provider/provider-ports.ts';
import type { ChosenRead, SyncPart } from './choose-read.ts';
import type { SyncHold } from './hold-sync.ts';
import type { SyncPorts } from './sync-ports.ts';

/** A page as it waits for the others of its part. */
export interface SpooledPage {
  /** Epoch milliseconds: when its call began. */
  readonly startedAtMs: number;
  /** Rows that are not known yet. */
  readonly rows: readonly ReadRecord[];
  /** Ids of all records on the page: what is absent from a listing is told by them. */
  readonly ids: readonly string[];
}

/** How a step of a run ended. */
export type Advance =
  | { readonly kind: 'done' }
  /** The time of this invocation is over. */
  | { readonly kind: 'time' }
  | { readonly kind: 'stop'; readonly stop: SyncStop }
  /** The run cannot go on; quotes no value of the provider. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** This part cannot be read, and the others can. */
  | { readonly kind: 'skipped'; readonly reason: string };

/** How often a listing begins anew because its page tokens have ended. */
export const maxRestarts = 5;
/** Reasons that a run keeps. */
export const maxSkipped = 20;

/** One invocation's work on a run. */
export interface RunWork {
  readonly ports: SyncPorts;
  readonly caller: Caller;
  readonly hold: SyncHold;
  readonly job: SyncJob;
  /** Epoch milliseconds: when this invocation began with it. */
  readonly startedAtMs: number;
  /** Whether no further call or batch may begin. */
  readonly isOver: () => boolean;
  /** All calls of this invocation have ended by then, epoch milliseconds. */
  readonly endsByMs: number;
  /** Count what was not written into the run yet. */
  readonly tally: Tally;
}

/** One invocation's work on a part of a run. */
export interface PartWork extends RunWork {
  readonly part: SyncPart;
  readonly read: ChosenRead;
  readonly cursor: StoredCursor | undefined;
  /** As it is stored: a run of everything does not begin at it. */
  readonly stored: StoredCursor | undefined;
  /** Pages that this invocation has in hand, by number. */
  readonly memory: Map<number, SpooledPage>;
  /** Rows that this invocation has seen, the latest of them. */
  readonly seen: SeenRows;
  /** Whether another step, or the search for absent records, reads the pages after. */
  readonly isReadAfter: boolean;
}

/** The latest rows of a part, so that the next run knows them. */
export interface SeenRows {
  add(records: readonly ReadRecord[]): void;
  /** Rows whose records could not be read: the next run tries them again. */
  forget(records: readonly ReadRecord[]): void;
  readonly rows: () => readonly EdgeRow[];
}

export function createSeenRows(plan: CursorPlan): SeenRows {
  let rows: EdgeRow[] = [];
  return {
    add(records) {
      for (const record of records) {
        const mark = rowMark(record);
        if (mark !== undefined) rows.push({ mark, atMs: valueMs(plan, record.cursor) });
      }
      if (rows.length > 4 * maxEdge) rows = rows.toSorted((a, b) => b.atMs - a.atMs).slice(0, maxEdge);
    },
    forget(records) {
      const marks = new Set(records.map(rowMark));
      rows = rows.filter(({ mark }) => !marks.has(mark));
    },
    rows: () => rows,
  };
}

/** What is counted between two writes of the run. */
export interface Tally {
  add(counts: Partial<RunCounts>): void;
  /** Everything of this invocation. */
  readonly total: () => RunCounts;
  /** Add what was counted since the last call: what the run's row does not have yet. */
  addTo(counts: RunCounts): RunCounts;
}

export function createTally(none: RunCounts): Tally {
  let [total, rest] = [none, none];
  return {
    add(counts) {
      total = addCounts(total, counts);
      rest = addCounts(rest, counts);
    },
    total: () => total,
    addTo(counts) {
      const sum = addCounts(counts, rest);
      rest = none;
      return sum;
    },
  };
}

export function currentOf({ hold }: Pick<RunWork, 'hold'>): CurrentRun {
  const { current } = hold.row.state;
  if (current === undefined) throw new TypeError('no run is under way');
  return current;
}

export function placeOf(work: Pick<RunWork, 'hold'>): PlaceProgress {
  const { place } = currentOf(work);
  if (place === undefined) throw new TypeError('no part is being read');
  return place;
}

/** Write the progress of a run, with what was counted since. */
export async function saveRun(work: Pick<RunWork, 'hold' | 'tally'>, change: Partial<CurrentRun>): Promise<void> {
  const current = currentOf(work);
  const next = { ...current, ...change, counts: work.tally.addTo(current.counts) };
  await work.hold.update((state) => ({ ...state, current: next }));
}

export async function savePlace(work: Pick<RunWork, 'hold' | 'tally'>, change: Partial<PlaceProgress>): Promise<void> {
  await saveRun(work, { place: { ...placeOf(work), ...change } });
}

/** Where the cursor of a part is; a reset begins with new ones. */
export function cursorKey({ hold }: Pick<RunWork, 'hold'>, name: string): CursorKey {
  const { account, sync, state } = hold.row;
  return { account, sync, place: cursorPlace(name, state.resets) };
}

/** Key of a page in the claim store: below its tenant's, so that an erasure finds it. */
function pageKey({ hold }: Pick<RunWork, 'hold'>, name: string, page: number): string {
  const { tenant, account, sync } = hold.row;
  const run = currentOf({ hold }).id;
  return `${tenant}/syncs/${account}/${sync}/${run}/${encodeURIComponent(name)}/${page}`;
}

/** Days for which pages are kept. */
const spoolDays = 7;

/** Pages of a run that has taken longer than they are kept: it reads them again. */
export class PagesExpired extends Error {
  override readonly name = 'PagesExpired';
}

export async function spoolPage(work: RunWork, name: string, page: number, content: SpooledPage): Promise<void> {
  const text = Buffer.from(JSON.stringify(content));
  await work.ports.payloads.put(pageKey(work, name, page), text, 'application/json', spoolDays);
}

/** A page of a part, from memory or from the spool. @throws {PagesExpired} */
export async function readSpooled(
  work: RunWork,
  name: string,
  page: number,
  memory?: ReadonlyMap<number, SpooledPage>,
): Promise<SpooledPage> {
  const known = memory?.get(page);
  if (known !== undefined) return known;
  try {
    return JSON.parse((await work.ports.payloads.get(pageKey(work, name, page))).toString('utf8')) as SpooledPage;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'corrupt-state')
      throw new PagesExpired(`page ${page} of ${name} is gone`, { cause: error });
    throw error;
  }
}
