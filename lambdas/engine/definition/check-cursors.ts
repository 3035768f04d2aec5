import type { ChangesCallSpec, DeletionsCallSpec, ListCallSpec } from '../provider/language/call-schema.ts';
import { type CursorSpec, cursor as cursorSchema } from '../provider/language/cursor-schema.ts';
import { callReads } from '../provider/request/call-reads.ts';
import { type CallPlaceholder, parseCallTemplate, placeholdersIn } from '../provider/request/call-template.ts';
import { durationMs } from '../provider/request/call-transforms.ts';
import type { MeaningFault } from './meaning-fault.ts';
import { callOf, isRead, type ResourceCall, recordPlanOf } from './plan-answer.ts';
import type { Definition } from './schema.ts';

type Feed = ResourceCall<'changes'> | ResourceCall<'deletions'>;

/** Find listings from which a sync could lose records: cursors that do not move, pages that shift, caps that nothing splits. */
export function checkCursors(definition: Definition): readonly MeaningFault[] {
  const synced = new Set(
    Object.values(definition.syncs ?? {}).flatMap(({ resource, resources }) => [
      ...(resource === undefined ? [] : [resource]),
      ...(resources ?? []).map((step) => step.resource),
    ]),
  );
  return Object.keys(definition.resources ?? {}).flatMap((resource) => {
    const { from, changes, deletions, list } = definition.resources?.[resource] ?? {};
    // A resource that shares the calls of another has the other's faults, and those of its own version.
    const shared = from !== undefined && synced.has(resource) ? callOf(definition, resource, 'changes') : undefined;
    return [
      ...(shared === undefined
        ? []
        : faultsOfPlace(definition, shared, shared.spec.cursor ?? usual, ['resources', resource])),
      ...[changes, deletions, list].flatMap((spec, index): readonly MeaningFault[] => {
        const method = (['changes', 'deletions', 'list'] as const)[index] ?? 'list';
        return spec === undefined ? [] : faultsOfPages(definition, resource, method, spec);
      }),
      ...(['changes', 'deletions'] as const).flatMap((method): readonly MeaningFault[] => {
        const call = definition.resources?.[resource]?.[method] && callOf(definition, resource, method);
        if (call === undefined) return [];
        const isUsed = call.spec.cursor !== undefined || synced.has(resource);
        return [...faultsOfCall(call), ...(isUsed ? faultsOfCursor(definition, call) : [])];
      }),
    ];
  });
}

/** What a cursor is where a call declares none. */
const usual: CursorSpec = cursorSchema.parse({});

/** A call that would give the same rows each time. */
function faultsOfCall({ resource, method, spec }: ResourceCall<'changes' | 'deletions'>): readonly MeaningFault[] {
  const path = ['resources', resource, method];
  const { kind, url } = spec.cursor ?? usual;
  const reads = readsOf(spec);
  const read = (root: string) => reads.find((one) => one.root === root);
  if (method === 'deletions' && spec.cursor === undefined && read('since') === undefined) return [];
  if (kind === 'time')
    return read('since') === undefined
      ? [
          {
            path,
            message: `got a call that does not read {since}, so each run would read the same, expected for example query: { updated_since: "{since | iso}" }`,
          },
        ]
      : [];
  if (url) return [];
  const cursor = read('cursor');
  if (cursor === undefined)
    return [
      {
        path: [...path, 'cursor'],
        message: `got ${kind === 'id' ? 'an id' : 'a token'} that the call does not read, expected {cursor?} in it${kind === 'id' ? '' : ', or `url: true` where the token is the URL of the next call'}`,
      },
    ];
  return cursor.isOptional || cursor.transforms.some(({ name }) => name === 'default')
    ? []
    : [{ path, message: 'got {cursor}, which the first call does not have, expected {cursor?}' }];
}

function faultsOfCursor(definition: Definition, call: Feed): readonly MeaningFault[] {
  const { resource, method, spec } = call;
  const at = ['resources', resource, method, 'cursor'];
  const cursor = spec.cursor ?? usual;
  const place = faultsOfPlace(definition, call, cursor, at);
  return [
    ...place,
    ...faultsOfKind(cursor, at),
    ...(place.length > 0 ? [] : faultsOfDurations(cursor, at)),
    ...(cursor.retention !== undefined && callOf(definition, resource, 'list') === undefined
      ? [
          {
            path: [...at, 'retention'],
            message: `got "${cursor.retention}" without a \`list\`, expected one that the first run reads, and each run whose cursor has expired`,
          },
        ]
      : []),
  ];
}

const times: readonly (string | undefined)[] = ['time', 'epoch_s', 'epoch_ms', 'ms_date'];

/** Where rows or answers have the value of a cursor. */
function faultsOfPlace(
  definition: Definition,
  { resource, method, spec }: ResourceCall<'changes' | 'deletions'>,
  { kind, from, answer, as }: CursorSpec,
  path: readonly string[],
): readonly MeaningFault[] {
  if (kind === 'token')
    return answer === undefined
      ? [{ path, message: 'got a token without `answer`, expected where the answer has the token for the next run' }]
      : [];
  if (from !== undefined || answer !== undefined) return [];
  if (method === 'deletions')
    return [{ path, message: 'got no `from`, expected where a row of a deleted record has its time, or `answer`' }];
  if (kind === 'id') return [];
  const isThin = 'thin' in spec && spec.thin;
  const record = recordPlanOf(definition, resource);
  const own = definition.resources?.[resource];
  const version = (own?.version ?? definition.resources?.[own?.from ?? '']?.version)?.as;
  const place = record?.version ?? record?.updated;
  if (isThin && place !== undefined && spec.cursor?.from === undefined)
    return [
      {
        path,
        message:
          'got rows that have only ids, and a time that is in the whole record, expected `from`: where a row has its time',
      },
    ];
  if (place === undefined)
    return [
      {
        path,
        message:
          'got no place of the time, expected `from`, `answer`, or the `version.from` or `updated` of the resource',
      },
    ];
  return record?.version !== undefined && as === undefined && !times.includes(version)
    ? [
        {
          path,
          message: `got a version that is ${version}, which is no time, expected \`from\`: where a row has its time`,
        },
      ]
    : [];
}

/** Words that mean something of other kinds only. */
function faultsOfKind(cursor: CursorSpec, path: readonly string[]): readonly MeaningFault[] {
  const { kind, url, from, as, bound, precision, lag, lookback, settle } = cursor;
  const isWritten = (value: unknown) => value !== undefined;
  const ofTime = [
    ['bound', bound === 'exclusive'],
    ['precision', isWritten(precision)],
    ['lag', isWritten(lag)],
    ['lookback', isWritten(lookback)],
    ['settle', (durationMs(settle) ?? 0) > 0],
  ] as const;
  const wrong = kind === 'time' ? undefined : ofTime.find(([, is]) => is)?.[0];
  if (wrong !== undefined)
    return [
      {
        path: [...path, wrong],
        message: `got \`${wrong}\` of a cursor that is ${article(kind)}, expected it of a time only`,
      },
    ];
  if (kind === 'token' && (isWritten(from) || isWritten(as))) {
    const name = isWritten(from) ? 'from' : 'as';
    return [
      { path: [...path, name], message: `got \`${name}\` of a token, expected \`answer\` only: rows do not have it` },
    ];
  }
  if (kind !== 'token' && url)
    return [
      { path: [...path, 'url'], message: `got a URL of a cursor that is ${article(kind)}, expected kind: token` },
    ];
  if (kind === 'time' && as === 'integer')
    return [{ path: [...path, 'as'], message: 'got "integer" of a time, expected time, epoch_s, epoch_ms or ms_date' }];
  return [];
}

function article(kind: CursorSpec['kind']): string {
  return kind === 'id' ? 'an id' : `a ${kind}`;
}

function faultsOfDurations(
  { kind, bound, precision, lag, lookback, retention }: CursorSpec,
  path: readonly string[],
): readonly MeaningFault[] {
  if (kind !== 'time') return [];
  if (bound === 'exclusive' && precision === undefined)
    return [
      {
        path: [...path, 'bound'],
        message:
          'got an exclusive bound without `precision`, expected the step of its times, such as 1s, by which a run begins earlier',
      },
    ];
  const ms = (text: string | undefined) => (text === undefined ? 0 : (durationMs(text) ?? 0));
  if (lookback !== undefined && ms(lookback) < ms(lag))
    return [
      {
        path: [...path, 'lookback'],
        message: `got "${lookback}", expected ${lag} or more: rows appear so long after their time (\`lag\`)`,
      },
    ];
  const back = lookback === undefined ? 'lag' : 'lookback';
  return retention !== undefined && ms(lookback ?? lag) >= ms(retention)
    ? [
        {
          path: [...path, back],
          message: `got "${lookback ?? lag}", expected less than the ${retention} for which the provider keeps changes (\`retention\`)`,
        },
      ]
    : [];
}

/** Pages that shift while they are read, rows beyond a cap, and rows that nothing reads in full. */
function faultsOfPages(
  definition: Definition,
  resource: string,
  method: 'list' | 'changes' | 'deletions',
  spec: ListCallSpec | ChangesCallSpec | DeletionsCallSpec,
): readonly MeaningFault[] {
  const path = ['resources', resource, method];
  const { page, cap, thin } = spec;
  const order = page?.order ?? 'none';
  const faults: MeaningFault[] = [];
  const counted = page?.number !== undefined ? 'number' : page?.offset !== undefined ? 'offset' : undefined;
  if (method === 'changes' && counted !== undefined && order !== 'asc')
    faults.push({
      path: [...path, 'page', order === 'none' ? counted : 'order'],
      message: `got pages by ${counted} that are ${order === 'none' ? 'in no known order' : 'in descending order'}: a record that changes meanwhile moves others from one page to another, and they are lost; expected the earliest change first and \`order: asc\`, or pages by \`last\` or \`cursor\`, or by links that hold a cursor (\`next\`, \`link\`)`,
    });
  const canSplit = readsOf(spec).some(({ root }) => root === 'until');
  const canGoOn = order === 'asc' && (method !== 'list' || callReads(spec, 'updated_at', 'gte'));
  if (cap !== undefined && !canSplit && !canGoOn)
    faults.push({
      path: [...path, 'cap'],
      message: `got a cap, and no way to ask for less, expected ${
        method === 'list'
          ? 'it in `changes` only, or the filter `updated_at.gte` and pages'
          : '{until?} in the call, or pages'
      } with the earliest change first and \`order: asc\``,
    });
  if (thin && method !== 'deletions' && !isRead(definition, resource))
    faults.push({
      path: [...path, 'thin'],
      message:
        'got rows that have only ids, and neither `get` nor `batch_get`, expected one of them to read the records',
    });
  return faults;
}

/** What the request of a call reads. */
function readsOf(spec: ChangesCallSpec | DeletionsCallSpec | ListCallSpec): readonly CallPlaceholder[] {
  const { path, url, query, headers, json, form, text, variables, where } = spec;
  return [...placeholdersOf({ path, url, query, headers, json, form, text, variables, where })];
}

function* placeholdersOf(value: unknown): Generator<CallPlaceholder> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* placeholdersOf(inner);
    return;
  }
  const parsed = typeof value === 'string' ? parseCallTemplate(value) : undefined;
  if (parsed?.kind === 'template') yield* placeholdersIn(parsed.template);
}
