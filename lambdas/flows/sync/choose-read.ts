import { callOf, type ResourceCall } from '../../engine/definition/plan-answer.ts';
import type { CursorForm } from '../../engine/provider/language/cursor-schema.ts';
import type { SyncStep } from '../../engine/provider/language/sync-schema.ts';
import { callReads } from '../../engine/provider/request/call-reads.ts';
import { textOf } from '../../engine/provider/request/call-transforms.ts';
import { type CursorPlan, planCursor } from '../../engine/sync/cursor.ts';
import { filtersOf, type JobValues, withoutSince } from '../../engine/sync/sync-job.ts';
import type { CurrentRun } from '../../engine/sync/sync-state.ts';
import type { Caller } from '../provider/provider-ports.ts';
import { type Filters, missingFilter, offered } from '../read/listing-filters.ts';

/** A resource, or a part of it, with a cursor of its own. */
export interface SyncPart {
  /** Names its cursor and its pages. */
  readonly name: string;
  readonly step: SyncStep;
  readonly reads: 'records' | 'deletions';
  /** The filter of the part, and its value. */
  readonly each: Filters;
}

/** The parts of a step in their order: those of its lists of the context, and what was deleted in each. */
export function partsOf({ account, definition }: Caller, step: SyncStep): readonly SyncPart[] {
  const values = Object.entries(step.each ?? {}).map(([filter, source]) => {
    const list = account.context[source.replace(/^context\./, '')];
    return { filter, values: Array.isArray(list) ? list : list === undefined ? [] : [list] };
  });
  const [first] = values;
  const eachOf: readonly Filters[] =
    first === undefined ? [{}] : first.values.map((value) => ({ [first.filter]: { eq: value } }));
  const hasDeletions = callOf(definition, step.resource, 'deletions') !== undefined && step.depends_on === undefined;
  return eachOf.flatMap((each) => {
    const value = textOf(Object.values(each)[0]?.['eq']);
    const name = value === undefined ? step.resource : `${step.resource}#${value}`;
    const records: SyncPart = { name, step, reads: 'records', each };
    return hasDeletions ? [records, { ...records, name: `${name}!deletions`, reads: 'deletions' as const }] : [records];
  });
}

/** The call that reads a part, and how its cursor goes on. */
export interface ChosenRead {
  readonly by: 'changes' | 'list';
  readonly call: ResourceCall<'list' | 'changes' | 'deletions'>;
  readonly plan: CursorPlan;
  /** Whether the call reads from the cursor on; otherwise it lists all that there is. */
  readonly isIncremental: boolean;
  /** The filter that says it, where the call is a listing with filters. */
  readonly sinceFilter?: 'gt' | 'gte' | undefined;
}

/** Why a part cannot be read; for the owner of the sync. */
export interface UnreadablePart {
  readonly fault: string;
}

const none: CursorPlan = {
  kind: 'none',
  form: 'time',
  lookbackMs: 0,
  exclusiveMs: 0,
  settleMs: 0,
  precisionMs: 1_000,
  retentionMs: undefined,
  isUrl: false,
  isOfAnswer: false,
};

/**
 * Choose the call of a part.
 *
 * @param isFirst - Whether the part has no cursor yet.
 */
export function chooseRead(
  caller: Caller,
  part: SyncPart,
  mode: CurrentRun['mode'],
  isFirst: boolean,
): ChosenRead | UnreadablePart {
  const { definition } = caller;
  const { step, reads } = part;
  if (reads === 'deletions') {
    const call = callOf(definition, step.resource, 'deletions');
    return call === undefined
      ? { fault: `the definition has no deletions of ${step.resource}` }
      : { by: 'changes', call, plan: planCursor(call.spec.cursor, undefined), isIncremental: true };
  }
  const list = callOf(definition, step.resource, 'list');
  const changes = step.depends_on === undefined ? callOf(definition, step.resource, 'changes') : undefined;
  const form = versionFormOf(caller, step.resource);
  const ofChanges: ChosenRead | undefined = changes && {
    by: 'changes',
    call: changes,
    plan: planCursor(changes.spec.cursor, form),
    isIncremental: true,
  };
  const wantsAll =
    mode === 'reconcile' ||
    step.by === 'list' ||
    (step.first === 'list' || hasRetention(ofChanges) ? isFirst || mode === 'full' : false);
  if (ofChanges !== undefined && !(wantsAll && list !== undefined && step.first !== 'changes')) return ofChanges;
  if (list === undefined) return { fault: `the definition has no listing of ${step.resource}` };
  return { by: 'list', call: list, ...listingCursor(step, list, mode, form, ofChanges) };
}

/** A listing gives no token, so a feed of tokens begins with itself. */
function hasRetention(read: ChosenRead | undefined): boolean {
  return read?.plan.kind === 'time' && read.plan.retentionMs !== undefined;
}

/** A listing with a filter of the time of change reads from a cursor, too; one of all records leads to where changes go on. */
function listingCursor(
  step: SyncStep,
  list: ResourceCall<'list'>,
  mode: CurrentRun['mode'],
  form: CursorForm | undefined,
  ofChanges: ChosenRead | undefined,
): Pick<ChosenRead, 'plan' | 'isIncremental' | 'sinceFilter'> {
  if (ofChanges !== undefined)
    return { plan: ofChanges.plan.kind === 'time' ? ofChanges.plan : none, isIncremental: false };
  const isAsked = withoutSince(step).asksForChanges || mode === 'backfill';
  const filter = (['gte', 'gt'] as const).find((operator) => callReads(list.spec, 'updated_at', operator));
  if (!isAsked || filter === undefined || mode === 'reconcile' || mode === 'full')
    return { plan: none, isIncremental: false };
  const exact = planCursor({ kind: 'time', bound: 'inclusive', url: false, settle: '0s' }, form);
  return {
    plan: filter === 'gte' ? exact : { ...exact, lookbackMs: 1_000, exclusiveMs: 1_000 },
    isIncremental: true,
    sinceFilter: filter,
  };
}

/** How the versions of a resource are written, where they are times or numbers. */
function versionFormOf({ definition }: Caller, resource: string): CursorForm | undefined {
  const said = definition.resources?.[resource];
  const source = said?.from === undefined ? undefined : definition.resources?.[said.from];
  const as = (said?.version ?? source?.version)?.as;
  return as === undefined || as === 'opaque' ? undefined : as;
}

/** The filters of a part's call, with their values. */
export function filtersOfPart(
  { step, each }: SyncPart,
  { call, sinceFilter }: ChosenRead,
  values: JobValues,
  since: string,
): Filters | UnreadablePart {
  const own = { ...filtersOf(withoutSince(step).step, values), ...each };
  const all: Filters =
    sinceFilter === undefined ? own : { ...own, updated_at: { ...own['updated_at'], [sinceFilter]: since } };
  const unset = Object.entries(all).find(([, operators]) =>
    Object.values(operators).some((value) => value === undefined || value === null),
  );
  if (unset !== undefined) return { fault: `the filter ${unset[0]} of ${step.resource} has no value` };
  const missing = missingFilter(call, all);
  return missing === undefined
    ? offered(call, all)
    : { fault: `the listing of ${step.resource} has no filter ${missing}` };
}
