import type { PagePosition } from '../provider/request/page-position.ts';
import type { Validator } from './cursor.ts';
import type { SyncJob, SyncTiming } from './sync-job.ts';

export const runModes = ['incremental', 'full', 'reconcile', 'backfill'] as const;
export type RunMode = (typeof runModes)[number];

/** Why reconciliation found what the other ways had not told. */
export const driftCauses = ['missed-webhook', 'missed-poll', 'silent-delete', 'mapping-changed'] as const;
export type DriftCause = (typeof driftCauses)[number];

/** What a run counted. */
export interface RunCounts {
  /** Answers of the provider, reads of single records included. */
  readonly calls: number;
  readonly pages: number;
  /** Rows that the provider gave. */
  readonly records: number;
  readonly created: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  /** Rows that the definition could not read. */
  readonly unreadable?: number | undefined;
  /** By cause; of reconciliations. */
  readonly drift?: { readonly [Cause in DriftCause]?: number } | undefined;
}

export const noCounts: RunCounts = { calls: 0, pages: 0, records: 0, created: 0, updated: 0, deleted: 0, unchanged: 0 };

/** A run that somebody asked for. */
export interface WantedRun {
  readonly id: string;
  readonly mode: RunMode;
  /** ISO 8601; of a backfill. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** Only this resource of the sync, and what depends on it. */
  readonly resource?: string | undefined;
}

/** A stretch of time that is read by itself. ISO 8601. */
export interface TimeWindow {
  readonly since: string;
  readonly until?: string | undefined;
  /** Whether it begins behind a time that filled a page. */
  readonly isPastPage?: true | undefined;
}

/** Where reading or publishing stands within one place of a run. */
export interface PlaceProgress {
  readonly phase: 'read' | 'publish';
  /** The call that reads it. */
  readonly by: 'changes' | 'list';
  /** Whether nothing of the place was known before: its events are a snapshot. */
  readonly isFirst: boolean;
  readonly position: PagePosition;
  /** Pages in the spool. */
  readonly spooled: number;
  /** Pages that are published, and rows of the next one. */
  readonly published: number;
  readonly publishedRows: number;
  /** The stretches that are left to read; the first is being read. */
  readonly windows: readonly TimeWindow[];
  /** Rows of the stretch that is being read: a provider may cap them. */
  readonly windowRows: number;
  /** The latest value of the cursor that a row had. */
  readonly top?: string | undefined;
  /** What the last answer said: a token, or a time. */
  readonly answered?: string | undefined;
  /** The server's clock at the first answer; epoch milliseconds. */
  readonly serverMs?: number | undefined;
  /** Digests of the last positions and pages, against listings that go in circles. */
  readonly trail: readonly string[];
  readonly repeats: number;
  /** A time that so many rows share that they filled pages, which may have drifted: they are read once more. */
  readonly heldAt?: string | undefined;
  /** Whether an answer told that the listing has gaps: nothing is proven by absence from it. */
  readonly isPartial: boolean;
  readonly validator?: Validator | undefined;
  /** Whether the provider said that nothing has changed. */
  readonly isUnchanged: boolean;
  /** How often reading began anew because page tokens had ended. */
  readonly restarts: number;
  /** Epoch milliseconds. */
  readonly beganAtMs: number;
  /** Whether its only page is in the memory of one invocation: another one reads it again. Never stored. */
  readonly isInHand?: true | undefined;
  /** Of a resource that depends on another: how many of its records are done. */
  readonly parents: number;
  /** For how many of those the provider refused the call. @default 0 */
  readonly refusedParents?: number | undefined;
  /** Of these records further pages are to be read. */
  readonly pending: readonly { readonly parent: Readonly<Record<string, unknown>>; readonly position: PagePosition }[];
}

/** Where the search for absent records stands. */
export interface AbsenceProgress {
  readonly pass: 'count' | 'act';
  readonly after?: string | undefined;
  readonly known: number;
  readonly missing: number;
  /** Deleted records whose delete event is missing. @default 0 */
  readonly untold?: number | undefined;
}

/** A run of a sync, under way. */
export interface CurrentRun extends WantedRun {
  readonly startedAtMs: number;
  readonly isAsked: boolean;
  /** ISO 8601: when the last run began whose every page was published. */
  readonly previousRunDate: string;
  /** The resource and the part of it that are being read, by number. */
  readonly step: number;
  readonly part: number;
  readonly place?: PlaceProgress | undefined;
  readonly absence?: AbsenceProgress | undefined;
  /** Marks of records that were absent, where two listings prove a delete. */
  readonly missed: readonly string[];
  /** Pages of each place that is done, by its name: what depends on it reads them. */
  readonly spooled: Readonly<Record<string, number>>;
  /** Places whose cursors move when the run has succeeded, because other records depend on what was found there. */
  readonly held?: readonly string[] | undefined;
  /** Places whose listing has gaps. */
  readonly partial: readonly string[];
  /** Resources that were listed completely. */
  readonly complete: readonly string[];
  /** Places that could not be read, and why. */
  readonly skipped: readonly string[];
  readonly counts: RunCounts;
}

/** A run that has ended. */
export interface SyncRun extends RunCounts {
  readonly id: string;
  readonly mode: RunMode;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled';
  /** Why it failed; quotes no value of the provider. */
  readonly reason?: string | undefined;
}

/** Why a run does not go on now. */
export interface SyncStop {
  readonly kind: 'rate-limited' | 'backing-off' | 'auth-failed';
  readonly reason: string;
  /** Epoch milliseconds. */
  readonly untilMs: number;
}

/** What a tenant is told of a sync; the run names the occurrence. */
export interface SyncNews {
  readonly kind: 'failing' | 'recovered' | 'drift';
  readonly id: string;
  readonly reason: string;
}

/** What is known of a sync. */
export interface SyncState {
  /** Undefined where the definition declares it. */
  readonly job?: SyncJob | undefined;
  /** What a caller has set for a declared sync, in the place of what the definition says. */
  readonly timing?: Partial<SyncTiming> | undefined;
  /** Times that it was reset: cursors of before do not count. @default 0 */
  readonly resets?: number | undefined;
  readonly isPaused: boolean;
  readonly wanted: readonly WantedRun[];
  readonly current?: CurrentRun | undefined;
  /** A long run that gives way to live changes. */
  readonly suspended?: CurrentRun | undefined;
  /** Epoch milliseconds of the next run by schedule, and of the next reconciliation. */
  readonly nextAtMs: number;
  readonly reconcileAtMs?: number | undefined;
  readonly intervalMs?: number | undefined;
  /** Failures in a row, and when the first of them was. */
  readonly failures: number;
  /** Pages that the run had when it stopped last: a run that gets on does not wait longer and longer. */
  readonly stoppedAtPages?: number | undefined;
  readonly failingSinceMs?: number | undefined;
  readonly stop?: SyncStop | undefined;
  /** Why the last comparison of all records came to no end. Changes are read all the same. */
  readonly reconcileFault?: { readonly reason: string; readonly sinceMs: number } | undefined;
  readonly lastRun?: SyncRun | undefined;
  /** When the last run began that saw every change: what changed later may be unknown. */
  readonly freshAtMs?: number | undefined;
  /** What the tenant is still to be told. */
  readonly news?: readonly SyncNews[] | undefined;
  /** Whether the tenant knows that it fails. */
  readonly isToldFailing?: true | undefined;
}

export const syncStatuses = ['idle', 'running', 'backing-off', 'rate-limited', 'paused', 'failing'] as const;
export type SyncStatus = (typeof syncStatuses)[number];

/** Failures in a row after which a sync counts as failing, and its tenant is told. */
export const failuresToTell = 5;

/** What a sync does now. */
export function statusOf({ isPaused, stop, failures, current, reconcileFault }: SyncState, nowMs: number): SyncStatus {
  if (isPaused) return 'paused';
  if (failures >= failuresToTell || stop?.kind === 'auth-failed' || reconcileFault !== undefined) return 'failing';
  if (stop !== undefined && stop.untilMs > nowMs) return stop.kind === 'rate-limited' ? 'rate-limited' : 'backing-off';
  return current === undefined ? 'idle' : 'running';
}

export function addCounts(one: RunCounts, other: Partial<RunCounts>): RunCounts {
  const sum = (name: keyof Omit<RunCounts, 'drift' | 'unreadable'>) => one[name] + (other[name] ?? 0);
  const unreadable = (one.unreadable ?? 0) + (other.unreadable ?? 0);
  const causes = driftCauses.flatMap((cause) => {
    const count = (one.drift?.[cause] ?? 0) + (other.drift?.[cause] ?? 0);
    return count === 0 ? [] : [[cause, count] as const];
  });
  return {
    calls: sum('calls'),
    pages: sum('pages'),
    records: sum('records'),
    created: sum('created'),
    updated: sum('updated'),
    deleted: sum('deleted'),
    unchanged: sum('unchanged'),
    ...(unreadable === 0 ? {} : { unreadable }),
    ...(causes.length === 0 ? {} : { drift: Object.fromEntries(causes) }),
  };
}
