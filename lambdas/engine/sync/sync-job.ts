import type { Definition } from '../definition/schema.ts';
import { isSinceFilter, placeholder } from '../provider/language/sync-query.ts';
import type { DeclaredSync, PostedSync, SyncStep } from '../provider/language/sync-schema.ts';
import { textOf } from '../provider/request/call-transforms.ts';

/** When a sync runs, and what it does with what it finds. */
export interface SyncTiming
  extends Pick<
    PostedSync,
    'every' | 'between' | 'cron' | 'time_zone' | 'emit' | 'reconcile' | 'snapshot' | 'max_missing' | 'confirm'
  > {}

/** A sync as it runs: its resources in order, those that depend on others behind them. */
export interface SyncJob extends SyncTiming {
  readonly resources: readonly SyncStep[];
}

/** A sync of a definition as a job; undefined where the definition has no such sync. */
export function declaredJob({ syncs }: Pick<Definition, 'syncs'>, id: string): SyncJob | undefined {
  const declared = syncs !== undefined && Object.hasOwn(syncs, id) ? syncs[id] : undefined;
  return declared === undefined ? undefined : jobOf(declared);
}

/**
 * The job of a sync: as it was posted, or as the definition declares it with what a caller has changed; undefined where
 * the definition no longer declares it.
 */
export function jobOfSync(
  { job, timing }: { readonly job?: SyncJob | undefined; readonly timing?: Partial<SyncTiming> | undefined },
  definition: Pick<Definition, 'syncs'>,
  id: string,
): SyncJob | undefined {
  const own = job ?? declaredJob(definition, id);
  return own === undefined || timing === undefined ? own : withTiming(own, timing);
}

/** A job with other times. `every`, `between` and `cron` say one thing together: any of them replaces all three. */
export function withTiming(job: SyncJob, timing: Partial<SyncTiming>): SyncJob {
  const { every: _, between: __, cron: ___, ...rest } = job;
  const isScheduled = timing.every !== undefined || timing.between !== undefined || timing.cron !== undefined;
  return { ...(isScheduled ? rest : job), ...timing };
}

export function jobOf(written: DeclaredSync | PostedSync): SyncJob {
  const { every, between, cron, time_zone, emit, reconcile, snapshot, max_missing, confirm } = written;
  return {
    resources: written.resources ?? ('resource' in written ? [stepOf(written)] : []),
    emit,
    snapshot,
    max_missing,
    ...(every === undefined ? {} : { every }),
    ...(between === undefined ? {} : { between }),
    ...(cron === undefined ? {} : { cron }),
    ...(time_zone === undefined ? {} : { time_zone }),
    ...(reconcile === undefined ? {} : { reconcile }),
    ...(confirm === undefined ? {} : { confirm }),
  };
}

function stepOf({ resource = '', query = {}, depends_on, each, by, first }: DeclaredSync): SyncStep {
  return {
    resource,
    method: 'list',
    query,
    ...(depends_on === undefined ? {} : { depends_on }),
    ...(each === undefined ? {} : { each }),
    ...(by === undefined ? {} : { by }),
    ...(first === undefined ? {} : { first }),
  };
}

/** What the jobs' texts may read. */
export interface JobValues {
  readonly previousRunDate: string;
  /** By resource: the record on which the call depends. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Filters of a step, with their values; a filter whose value the record lacks is undefined. */
export function filtersOf(
  { query }: Pick<SyncStep, 'query'>,
  values: JobValues,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  return Object.fromEntries(
    Object.entries(query).map(([name, written]) => [
      name,
      typeof written === 'object'
        ? Object.fromEntries(Object.entries(written).map(([operator, value]) => [operator, rendered(value, values)]))
        : { eq: rendered(written, values) },
    ]),
  );
}

function rendered(value: unknown, values: JobValues): unknown {
  if (typeof value !== 'string') return value;
  const [whole] = [...value.matchAll(placeholder)];
  if (whole?.[0] === value.trim()) return valueOf(whole[1] ?? '', values);
  return value.replace(placeholder, (_, name: string) => textOf(valueOf(name, values)) ?? '');
}

function valueOf(name: string, { previousRunDate, resources }: JobValues): unknown {
  if (name === 'previous_run_date') return previousRunDate;
  const [, model = '', plural = '', path = ''] = /^resources\.([a-z_]+)\.([a-z_]+)\.(.+)$/.exec(name) ?? [];
  return path
    .split('.')
    .reduce<unknown>(
      (holder, member) =>
        typeof holder === 'object' && holder !== null && Object.hasOwn(holder, member)
          ? (holder as Readonly<Record<string, unknown>>)[member]
          : undefined,
      resources[`${model}/${plural}`],
    );
}

/** A step's query without the filter that asks for changes since the last run: the cursor says that. */
export function withoutSince(step: SyncStep): { readonly step: SyncStep; readonly asksForChanges: boolean } {
  let asksForChanges = false;
  const query = Object.fromEntries(
    Object.entries(step.query).flatMap(([name, written]): readonly (readonly [string, unknown])[] => {
      if (typeof written !== 'object') return [[name, written]];
      const left = Object.entries(written).filter(([operator, value]) => {
        const isSince = isSinceFilter(name, operator, value);
        asksForChanges ||= isSince;
        return !isSince;
      });
      return left.length === 0 ? [] : [[name, Object.fromEntries(left)]];
    }),
  ) as SyncStep['query'];
  return { step: { ...step, query }, asksForChanges };
}
