import type { DeclaredSync, SyncStep } from '../provider/language/sync-schema.ts';
import { cronFault, defaultIntervalMs, isTimeZone, leastIntervalMs } from '../provider/language/sync-timing.ts';
import { durationMs } from '../provider/request/call-transforms.ts';
import { faultsOfSteps } from './check-sync-steps.ts';
import type { MeaningFault } from './meaning-fault.ts';
import { callOf, isRead } from './plan-answer.ts';
import type { Definition } from './schema.ts';

/** Find faults of declared syncs: what they read, and when. */
export function checkSyncs(definition: Definition): readonly MeaningFault[] {
  return Object.entries(definition.syncs ?? {}).flatMap(([id, declared]) => {
    const steps = stepsOf(declared);
    const ofSteps = faultsOfSteps(definition, { resources: steps, reconcile: declared.reconcile }).map((fault) => ({
      ...fault,
      path: declared.resources === undefined ? fault.path.slice(1) : ['resources', ...fault.path],
    }));
    return [...ofSteps, ...faultsOfTiming(definition, declared, steps)].map((fault) => ({
      ...fault,
      path: ['syncs', id, ...fault.path],
    }));
  });
}

/** The steps of a declared sync. */
function stepsOf({ resource, resources, query = {}, method = 'list', ...rest }: DeclaredSync): readonly SyncStep[] {
  if (resources !== undefined) return resources;
  return resource === undefined ? [] : [{ ...rest, resource, method, query }];
}

/** When a sync runs, and what it does with what it finds. */
export type WrittenTiming = Pick<
  DeclaredSync,
  'every' | 'between' | 'cron' | 'time_zone' | 'emit' | 'reconcile' | 'snapshot' | 'max_missing' | 'confirm'
>;

/** Find faults of when a sync runs, and of what it does with what it finds. */
export function faultsOfTiming(
  definition: Pick<Definition, 'api' | 'resources'>,
  written: WrittenTiming,
  steps: readonly SyncStep[],
): readonly MeaningFault[] {
  return [
    ...faultsOfInterval(written),
    ...faultsOfClock(written),
    ...faultsOfAbsence(definition, written, steps),
    ...faultsOfCombined(written),
  ];
}

function faultsOfInterval({ every, between, cron }: WrittenTiming): readonly MeaningFault[] {
  if (cron !== undefined) {
    const other = every !== undefined ? 'every' : between !== undefined ? 'between' : undefined;
    return other === undefined
      ? []
      : [{ path: [other], message: `got \`${other}\` and \`cron\`, expected one of them` }];
  }
  const everyMs = every === undefined ? defaultIntervalMs : (durationMs(every) ?? 0);
  if (everyMs < leastIntervalMs)
    return [{ path: ['every'], message: `got "${every}", expected 1m or more: syncs start once a minute` }];
  if (between === undefined) return [];
  const [least, most] = between.map((text) => durationMs(text) ?? 0);
  if (least === undefined || most === undefined) return [];
  if (least < leastIntervalMs)
    return [{ path: ['between', 0], message: `got "${between[0]}", expected 1m or more: syncs start once a minute` }];
  if (least >= most)
    return [{ path: ['between'], message: `got [${between.join(', ')}], expected the shorter interval first` }];
  return everyMs < least || everyMs > most
    ? [
        {
          path: ['between'],
          message: `got [${between.join(', ')}], expected bounds around \`every\`, which is ${every ?? '5m by default'}`,
        },
      ]
    : [];
}

function faultsOfClock({ cron, reconcile, time_zone: zone }: WrittenTiming): readonly MeaningFault[] {
  const times = { cron, reconcile: reconcile === 'off' ? undefined : reconcile };
  const isZone = zone === undefined || isTimeZone(zone);
  const faults = Object.entries(times).flatMap(([name, expression]): readonly MeaningFault[] => {
    const message = expression === undefined ? undefined : cronFault(expression, isZone ? zone : undefined);
    return message === undefined ? [] : [{ path: [name], message }];
  });
  if (!isZone)
    return [...faults, { path: ['time_zone'], message: `got "${zone}", expected a time zone such as Europe/Berlin` }];
  return zone !== undefined && times.cron === undefined && times.reconcile === undefined
    ? [...faults, { path: ['time_zone'], message: 'got a zone that nothing reads, expected `cron` or `reconcile` too' }]
    : faults;
}

/** The part of known records that may be missing, where a sync names none. */
const defaultMaxMissing = 0.1;

/** Deletes are proven by absence only from a listing that hides nothing. */
function faultsOfAbsence(
  definition: Pick<Definition, 'api' | 'resources'>,
  { reconcile, confirm, max_missing: maxMissing }: WrittenTiming,
  steps: readonly SyncStep[],
): readonly MeaningFault[] {
  const lists = steps.flatMap(({ resource }) => callOf(definition, resource, 'list') ?? []);
  if (steps.some(({ resource }) => definition.resources?.[resource] === undefined)) return [];
  if (reconcile !== undefined && reconcile !== 'off' && lists.length === 0)
    return [
      {
        path: ['reconcile'],
        message: 'got a time to list all records, but no resource of the sync has a `list`, expected `off`',
      },
    ];
  const complete = lists.filter(({ spec }) => spec.complete);
  const proof = confirm !== undefined ? 'confirm' : maxMissing !== defaultMaxMissing ? 'max_missing' : undefined;
  if (proof !== undefined && complete.length === 0)
    return [
      {
        path: [proof],
        message: `got \`${proof}\`, but no \`list\` of the sync is \`complete: true\`, so nothing is deleted by absence`,
      },
    ];
  const unread = confirm === 'get' ? complete.find(({ resource }) => !isRead(definition, resource)) : undefined;
  return unread === undefined
    ? []
    : [{ path: ['confirm'], message: `got "get", but no call reads a record of ${unread.resource}, expected "twice"` }];
}

/** One event for a run holds its records; it is not an event of one of them. */
function faultsOfCombined({
  emit,
  snapshot,
  confirm,
  max_missing: maxMissing,
}: WrittenTiming): readonly MeaningFault[] {
  if (emit !== 'combined') return [];
  const other =
    snapshot !== 'events'
      ? 'snapshot'
      : confirm !== undefined
        ? 'confirm'
        : maxMissing !== defaultMaxMissing
          ? 'max_missing'
          : undefined;
  return other === undefined
    ? []
    : [
        {
          path: [other],
          message: `got it beside \`emit: combined\`, expected it where each record has an event of its own`,
        },
      ];
}
