import { createHash } from 'node:crypto';
import type { ReadRecord } from '../provider/answer/read-answer.ts';
import type { CursorForm, CursorSpec } from '../provider/language/cursor-schema.ts';
import { durationMs } from '../provider/request/call-transforms.ts';
import { canonicalJson } from '../records/canonical-json.ts';
import { versionOrdinal, versionTimeMs } from '../records/rank.ts';

/** Where a part of a sync goes on; JSON. */
export interface StoredCursor {
  /** A time or an id, as the provider writes it; a token, or the URL of the next call. Undefined where there is none. */
  readonly value?: string | undefined;
  /** Epoch milliseconds: when the run began that brought the cursor here. */
  readonly readAtMs: number;
  /**
   * Rows from the lookback on that were published, by {@link rowMark}: a run that finds them again need not look at
   * their records. Bounded: a row that is left out is compared with its record.
   */
  readonly edge: readonly string[];
  /** What a conditional request sends, and what it asks for. */
  readonly validator?: Validator | undefined;
  /** A time at which the cursor was held, so that its rows are read twice. */
  readonly heldAt?: string | undefined;
  /** Records that were absent from the last complete listing, by {@link idMark}, where two of them prove a delete. */
  readonly missed?: readonly string[] | undefined;
}

export interface Validator {
  /** Digest of what the call asked for. */
  readonly asked: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

/** What a cursor does, with its defaults in place. */
export interface CursorPlan {
  readonly kind: CursorSpec['kind'] | 'none';
  readonly form: CursorForm;
  /** Milliseconds before the cursor from which a run reads again. */
  readonly lookbackMs: number;
  /** Milliseconds to take off a time so that rows of that time are read, too; 0 where the provider gives them. */
  readonly exclusiveMs: number;
  readonly settleMs: number;
  /** The step in which times are written: two changes of a record within it have the same time. */
  readonly precisionMs: number;
  readonly retentionMs: number | undefined;
  readonly isUrl: boolean;
  /** Whether the answer, and not the rows, says where the next run goes on. */
  readonly isOfAnswer: boolean;
}

/** Where the cursor of a part is stored: a reset begins with new ones. @param resets - Of the sync. */
export function cursorPlace(part: string, resets: number | undefined): string {
  return resets === undefined ? part : `${part}@${resets}`;
}

/** Rows that a cursor remembers; more would make each write of it dearer. */
export const maxEdge = 1_000;
/** The first run reads from here. */
export const beginning = '1970-01-01T00:00:00.000Z';

/** @param versionForm - How the resource writes its versions. */
export function planCursor(spec: CursorSpec | undefined, versionForm: CursorForm | undefined): CursorPlan {
  const ms = (text: string | undefined) => (text === undefined ? 0 : (durationMs(text) ?? 0));
  const kind = spec?.kind ?? 'time';
  const exclusiveMs = spec?.bound === 'exclusive' ? Math.max(1, ms(spec.precision)) : 0;
  return {
    kind,
    form: spec?.as ?? (kind === 'id' ? 'integer' : (versionForm ?? 'time')),
    lookbackMs: Math.max(ms(spec?.lookback ?? spec?.lag), exclusiveMs),
    exclusiveMs,
    settleMs: ms(spec?.settle),
    precisionMs: Math.max(1_000, ms(spec?.precision)),
    retentionMs: spec?.retention === undefined ? undefined : ms(spec.retention),
    isUrl: spec?.url ?? false,
    isOfAnswer: spec?.answer !== undefined,
  };
}

/** Where a run begins to read: ISO 8601 for times, the provider's own text where nothing is taken from it. */
export function sinceOf(
  { kind, form, lookbackMs }: Pick<CursorPlan, 'kind' | 'form' | 'lookbackMs'>,
  value: string | undefined,
): string {
  if (value === undefined || kind !== 'time') return beginning;
  const ms = versionTimeMs(form, value);
  if (ms === undefined) return beginning;
  if (lookbackMs === 0 && form === 'time') return value;
  return isoOf(ms - lookbackMs);
}

/** A time before the epoch's begin is that: providers refuse it. */
function isoOf(ms: number): string {
  return new Date(Math.max(0, Math.floor(ms))).toISOString();
}

/** Whether a cursor is older than what the provider keeps; a tenth of the time is left for the run itself. */
export function hasExpired(plan: CursorPlan, { readAtMs, value }: StoredCursor, nowMs: number): boolean {
  const { retentionMs, kind, form } = plan;
  if (retentionMs === undefined) return false;
  const atMs = kind === 'time' && value !== undefined ? versionTimeMs(form, value) : undefined;
  return nowMs - (atMs ?? readAtMs) > retentionMs * 0.9;
}

/** The later of two values of a cursor; a text that is not of its form moves nothing. */
export function laterOf({ form }: CursorPlan, one: string | undefined, other: string | undefined): string | undefined {
  const [first, second] = [ordinalOf(form, one), ordinalOf(form, other)];
  if (second === undefined) return first === undefined ? undefined : one;
  return first === undefined || second > first ? other : one;
}

/**
 * Where the next run goes on, once every page of this one is published: at the last change that was seen, but not
 * nearer to the server's clock than the settle delay, so that a row that is committed late is read all the same. It
 * never goes back. Where nothing changes for half of the time that the provider keeps changes, it follows at that
 * distance.
 *
 * @param top - The latest value that a row of the run had.
 * @param serverMs - The server's clock when the run began to read.
 */
export function nextValue(
  plan: CursorPlan,
  before: string | undefined,
  top: string | undefined,
  serverMs: number,
): string | undefined {
  const { kind, form, settleMs, retentionMs } = plan;
  const seen = laterOf(plan, before, top);
  if (kind !== 'time') return seen;
  const later =
    retentionMs === undefined || seen === undefined
      ? seen
      : laterOf(plan, seen, writeTime(form, serverMs - retentionMs / 2));
  const ms = later === undefined ? undefined : versionTimeMs(form, later);
  const boundMs = serverMs - settleMs;
  if (ms === undefined || ms <= boundMs || later === before) return later;
  return laterOf(plan, before, writeTime(form, boundMs));
}

function ordinalOf(form: CursorForm, value: string | undefined): bigint | undefined {
  return value === undefined ? undefined : versionOrdinal(form, value);
}

/** A time in the provider's form. */
export function writeTime(form: CursorForm, ms: number): string {
  switch (form) {
    case 'epoch_s':
      return String(Math.floor(ms / 1000));
    case 'epoch_ms':
    case 'integer':
      return String(Math.floor(ms));
    case 'ms_date':
      return `/Date(${Math.floor(ms)})/`;
    case 'time':
      return isoOf(ms);
  }
}

/**
 * Identifies a row as it is: the same record with other content, even at the same time, has another mark. Undefined for
 * a row that does not say when it changed: two changes of its record would look alike.
 */
export function rowMark({ id, version, cursor, isAbsent, data }: ReadRecord): string | undefined {
  if (cursor === undefined) return undefined;
  return digest(canonicalJson([id, version ?? null, cursor, isAbsent, data as never]));
}

/** Identifies a record among those that were missing. */
export function idMark(id: string): string {
  return digest(id);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** A row at the edge: what it is, and when it changed. */
export interface EdgeRow {
  readonly mark: string;
  readonly atMs: number;
}

/** The marks that the next run may find again: those from the lookback before the cursor on, the latest ones. */
export function edgeOf(plan: CursorPlan, value: string | undefined, rows: readonly EdgeRow[]): readonly string[] {
  const valueMs = value === undefined || plan.kind !== 'time' ? undefined : versionTimeMs(plan.form, value);
  const fromMs = valueMs === undefined ? Number.NEGATIVE_INFINITY : valueMs - plan.lookbackMs;
  return [...new Map(rows.map((row) => [row.mark, row])).values()]
    .filter(({ atMs }) => atMs >= fromMs)
    .toSorted((a, b) => b.atMs - a.atMs)
    .slice(0, maxEdge)
    .map(({ mark }) => mark);
}

/** Epoch milliseconds of a cursor's value; 0 for ids. */
export function valueMs({ form }: CursorPlan, value: string | undefined): number {
  return (value === undefined ? undefined : versionTimeMs(form, value)) ?? 0;
}
