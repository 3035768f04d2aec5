import { readsOf, withoutPlaceholders, withoutSinceFilter } from '../provider/language/sync-query.ts';
import type { SyncStep } from '../provider/language/sync-schema.ts';
import { filtersOf, neededFilters } from '../provider/request/call-reads.ts';
import type { MeaningFault } from './meaning-fault.ts';
import { callOf, type ResourceCall } from './plan-answer.ts';
import type { Definition } from './schema.ts';

type Read = Pick<Definition, 'api' | 'resources' | 'context'>;
type Listing = ResourceCall<'list' | 'changes'>;

/** What a sync reads, in order, and whether all records are listed besides. */
export interface SyncSteps {
  readonly resources: readonly SyncStep[];
  readonly reconcile?: string | undefined;
}

/**
 * Find faults of what a sync reads: a listing that the definition does not have, filters that it does not offer or that
 * nothing gives, parents that come later, texts that read something else.
 *
 * @returns Faults whose path leads into the list of steps.
 */
export function faultsOfSteps(definition: Read, { resources: steps, reconcile }: SyncSteps): readonly MeaningFault[] {
  return steps.flatMap((step, index) =>
    faultsOfStep(definition, step, steps.slice(0, index), reconcile !== 'off').map((fault) => ({
      ...fault,
      path: [index, ...fault.path],
    })),
  );
}

function faultsOfStep(
  definition: Read,
  step: SyncStep,
  earlier: readonly SyncStep[],
  isListed: boolean,
): readonly MeaningFault[] {
  const { resource } = step;
  const known = Object.keys(definition.resources ?? {});
  if (!known.includes(resource))
    return [
      {
        path: ['resource'],
        message: `got "${resource}", expected a resource of this definition: ${known.join(', ') || 'none'}`,
      },
    ];
  if (earlier.some((one) => one.resource === resource))
    return [
      {
        path: ['resource'],
        message: `got "${resource}" a second time, expected each resource once; another sync may read it with other filters`,
      },
    ];
  const list = callOf(definition, resource, 'list');
  const changes = callOf(definition, resource, 'changes');
  if (list === undefined && changes === undefined) {
    const listed = known.filter((name) => callOf(definition, name, 'list') ?? callOf(definition, name, 'changes'));
    return [
      {
        path: ['resource'],
        message: `got "${resource}", which has neither \`list\` nor \`changes\`, expected one that has: ${listed.join(', ') || 'none'}`,
      },
    ];
  }
  // A fault makes others that only follow from it, so the first kind is told.
  const kinds: readonly (() => readonly MeaningFault[])[] = [
    () => [
      ...faultsOfCalls(step, list, changes),
      ...faultsOfParent(step, list, earlier),
      ...faultsOfEach(definition, step),
    ],
    () => faultsOfTexts(step),
    () => faultsOfUse(step, list),
    () => faultsOfFilters(definition, step, callsOfStep(step, list, changes, isListed)),
    () => faultsOfAbsence(step, list, isListed || changes === undefined),
  ];
  for (const find of kinds) {
    const faults = find();
    if (faults.length > 0) return faults;
  }
  return [];
}

/** The calls that the runs of a step make. */
function callsOfStep(
  { by, first, depends_on: parent }: SyncStep,
  list: Listing | undefined,
  changes: Listing | undefined,
  isListed: boolean,
): readonly Listing[] {
  if (parent !== undefined || by === 'list' || changes === undefined) return list === undefined ? [] : [list];
  return list === undefined || (!isListed && first !== 'list') ? [changes] : [changes, list];
}

function faultsOfCalls(
  { resource, by, first, depends_on: parent }: SyncStep,
  list: Listing | undefined,
  changes: ResourceCall<'changes'> | undefined,
): readonly MeaningFault[] {
  const calls = { list, changes };
  const faults = (['by', 'first'] as const).flatMap((name): readonly MeaningFault[] => {
    const written = name === 'by' ? by : first;
    const other = written === 'list' ? 'changes' : 'list';
    return written === undefined || calls[written] !== undefined
      ? []
      : [{ path: [name], message: `got "${written}", which ${resource} does not have, expected "${other}"` }];
  });
  if (faults.length > 0) return faults;
  if (parent !== undefined && first !== undefined)
    return [
      {
        path: ['first'],
        message: 'got `first` beside `depends_on`, expected none: records are read with their parents',
      },
    ];
  const retention = changes?.spec.cursor?.retention;
  if (first === 'changes' && retention !== undefined)
    return [
      {
        path: ['first'],
        message: `got "changes", but the provider keeps changes for ${retention} only, expected "list", which finds older records, too`,
      },
    ];
  return [];
}

function faultsOfParent(
  { resource, depends_on: parent, by }: SyncStep,
  list: Listing | undefined,
  earlier: readonly SyncStep[],
): readonly MeaningFault[] {
  if (parent === undefined) return [];
  const before = earlier.map((one) => one.resource);
  if (!before.includes(parent))
    return [
      {
        path: ['depends_on'],
        message: `got "${parent}", expected an earlier resource of this sync: ${before.join(', ') || 'none'}`,
      },
    ];
  if (by === 'changes')
    return [
      { path: ['by'], message: 'got "changes" beside `depends_on`, expected "list", which is called for each parent' },
    ];
  if (list === undefined)
    return [
      {
        path: ['depends_on'],
        message: `got a parent, but ${resource} has no \`list\`, expected one that takes the parent's id as a filter`,
      },
    ];
  return [];
}

/** A parent that no filter reads. */
function faultsOfUse({ depends_on: parent, query }: SyncStep, list: Listing | undefined): readonly MeaningFault[] {
  if (parent === undefined || list === undefined) return [];
  if (readsOf({ query }).some(({ name }) => name.startsWith('resources.'))) return [];
  const filter = neededFilters(list.spec)[0] ?? filtersOf(list.spec)[0] ?? 'parent';
  return [
    {
      path: ['depends_on'],
      message: `got a parent that no filter reads, so each call would be the same; expected for example query: { ${filter.replace(/\.eq$/, '')}: "${textOf(parent)}" }`,
    },
  ];
}

/** What reads the id of a parent. */
function textOf(parent: string): string {
  return `{{resources.${parent.replace('/', '.')}.id}}`;
}

function faultsOfTexts({ query, depends_on: parent }: SyncStep): readonly MeaningFault[] {
  const faults = readsOf({ query }).flatMap(({ path, name }): readonly MeaningFault[] => {
    if (name === 'previous_run_date') return [];
    const [, model, plural] = /^resources\.([a-z][a-z_]*)\.([a-z][a-z_]*)\.[^.\s]+(?:\.[^.\s]+)*$/.exec(name) ?? [];
    const at = ['query', ...path];
    if (model === undefined)
      return [
        {
          path: at,
          message: `got {{${name}}}, expected {{previous_run_date}}, or {{resources.<model>.<plural>.<member>}} of the resource in \`depends_on\``,
        },
      ];
    if (`${model}/${plural}` === parent) return [];
    const expected = parent === undefined ? `depends_on: ${model}/${plural}` : textOf(parent);
    return [{ path: at, message: `got {{${name}}}, on which this resource does not depend, expected ${expected}` }];
  });
  const broken = withoutPlaceholders(query).flatMap(({ path, text, rest }) =>
    /[{}]/.test(rest)
      ? [
          {
            path: ['query', ...path],
            message: `got "${text}", expected two braces around a name, as in {{previous_run_date}}`,
          },
        ]
      : [],
  );
  return [...faults, ...broken];
}

function faultsOfEach({ context = {} }: Read, { each, query }: SyncStep): readonly MeaningFault[] {
  if (each === undefined) return [];
  const entries = Object.entries(each);
  if (entries.length !== 1)
    return [
      { path: ['each'], message: `got ${entries.length || 'no'} filters, expected one, and its list of the context` },
    ];
  const lists = Object.entries(context).flatMap(([name, said]) =>
    typeof said === 'object' && said.list ? [`context.${name}`] : [],
  );
  return entries.flatMap(([filter, source]): readonly MeaningFault[] => {
    const path = ['each', filter];
    if (!lists.includes(source)) {
      const isOne = Object.hasOwn(context, source.replace(/^context\./, ''));
      return [
        {
          path,
          message: `got "${source}"${isOne ? ', which is one value' : ''}, expected a list of the context: ${lists.join(', ') || 'none'}`,
        },
      ];
    }
    return Object.hasOwn(query, filter)
      ? [{ path, message: 'got a filter that `query` gives, too, expected it once' }]
      : [];
  });
}

/** A part of the records, where absence from the listing of all would delete the others. */
function faultsOfAbsence(step: SyncStep, list: Listing | undefined, isListed: boolean): readonly MeaningFault[] {
  const isComplete = list !== undefined && 'complete' in list.spec && list.spec.complete;
  if (!isComplete || !(isListed || step.by === 'list' || step.first === 'list')) return [];
  const filter = Object.keys(withoutSinceFilter(step.query))[0];
  const place = step.depends_on === undefined ? filter && ['query', filter] : ['depends_on'];
  return place === undefined || place === ''
    ? []
    : [
        {
          path: place,
          message: `got a part of the records, but ${step.resource}.list is \`complete: true\`: the others would count as deleted; expected a listing that is not`,
        },
      ];
}

/** A bound that leaves out the value itself is served by one that has it. */
const wider: Readonly<Record<string, string>> = { gt: 'gte', lt: 'lte' };

function faultsOfFilters(definition: Read, step: SyncStep, calls: readonly Listing[]): readonly MeaningFault[] {
  const given = [
    ...Object.entries(withoutSinceFilter(step.query)).flatMap(([name, written]) =>
      typeof written === 'object'
        ? Object.keys(written).map((operator) => ({ path: ['query', name, operator], name, operator }))
        : [{ path: ['query', name], name, operator: 'eq' }],
    ),
    ...Object.keys(step.each ?? {}).map((name) => ({ path: ['each', name], name, operator: 'eq' })),
  ];
  const strange = given.flatMap(({ path, name, operator }) => {
    const call = calls.find(({ spec }) => servedBy(filtersOf(spec), name, operator) === undefined);
    const shown = call === undefined ? [] : filtersOf(call.spec).map((one) => one.replace(/\.eq$/, ''));
    return call === undefined
      ? []
      : [
          {
            path,
            message: `got "${operator === 'eq' ? name : `${name}.${operator}`}", expected a filter of ${call.resource}.${call.method}: ${shown.join(', ') || 'none'}`,
          },
        ];
  });
  if (strange.length > 0) return strange;
  for (const { spec, resource, method } of calls) {
    const served = given.map(({ name, operator }) => servedBy(filtersOf(spec), name, operator));
    const name = neededFilters(spec)
      .find((needed) => !served.includes(needed))
      ?.replace(/\.eq$/, '');
    if (name === undefined) continue;
    const list = Object.entries(definition.context ?? {}).find(
      ([, said]) => typeof said === 'object' && said.list,
    )?.[0];
    return [
      {
        path: ['resource'],
        message: `got no filter "${name}", without which ${resource}.${method} cannot be called, expected it in \`query\`, or in \`each\` as { ${name}: context.${list ?? '<list>'} }`,
      },
    ];
  }
  return [];
}

/** The filter of a call that serves a given one. */
function servedBy(offered: readonly string[], name: string, operator: string): string | undefined {
  return [operator, wider[operator]].map((one) => `${name}.${one}`).find((one) => offered.includes(one));
}
