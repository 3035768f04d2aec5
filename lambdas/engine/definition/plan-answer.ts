import type { CarriedRecordPlans } from '../mapping/carried-record.ts';
import type { AnswerPlan, LimitReading, RecordPlan } from '../provider/answer/answer-plan.ts';
import type {
  BatchGetCallSpec,
  CallSpec,
  ChangesCallSpec,
  DeletionsCallSpec,
  GetCallSpec,
  ListCallSpec,
  WriteCallSpec,
} from '../provider/language/call-schema.ts';
import type { ErrorRuleSpec } from '../provider/language/errors-schema.ts';
import type { LimitSpec } from '../provider/language/limits-schema.ts';
import type { PagePosition } from '../provider/request/page-position.ts';
import type { CallMethod, DeclaredCall } from './calls-of.ts';
import type { Definition } from './schema.ts';

type ProviderSide = Pick<Definition, 'api' | 'resources'>;
type SpecOf = {
  readonly get: GetCallSpec;
  readonly batch_get: BatchGetCallSpec;
  readonly list: ListCallSpec;
  readonly changes: ChangesCallSpec;
  readonly deletions: DeletionsCallSpec;
  readonly create: WriteCallSpec;
  readonly update: WriteCallSpec;
  readonly delete: WriteCallSpec;
};

/** A call of a resource, and the name under which limits and errors know it. */
export interface ResourceCall<Method extends CallMethod = CallMethod> {
  readonly resource: string;
  readonly method: Method;
  /** The resource that declares the call: another one where the resource shares its calls (`from`). */
  readonly declaredBy: string;
  readonly spec: SpecOf[Method];
}

/** The call of a resource; undefined where the definition has none. */
export function callOf<Method extends CallMethod>(
  { resources }: ProviderSide,
  resource: string,
  method: Method,
): ResourceCall<Method> | undefined {
  const said = specOf(resources, resource);
  const declaredBy = said?.from ?? resource;
  const spec = specOf(resources, declaredBy)?.[method];
  return spec === undefined ? undefined : { resource, method, declaredBy, spec: spec as SpecOf[Method] };
}

/** Whether a call of the definition reads records of a resource by their ids. */
export function isRead(definition: ProviderSide, resource: string): boolean {
  return callOf(definition, resource, 'get') !== undefined || callOf(definition, resource, 'batch_get') !== undefined;
}

/** How records of a resource are read; undefined where the definition has no `map` for it. */
export function recordPlanOf({ resources }: ProviderSide, resource: string): RecordPlan | undefined {
  const said = specOf(resources, resource);
  if (said?.map === undefined) return undefined;
  const source = said.from === undefined ? undefined : specOf(resources, said.from);
  const version = said.version?.from ?? source?.version?.from;
  return {
    map: said.map,
    id: said.id ?? source?.id ?? 'id',
    ...(version === undefined ? {} : { version }),
    ...optional('updated', said.updated ?? source?.updated),
    ...optional('keep', said.keep),
    ...optional('deleted', said.deleted ?? source?.deleted),
  };
}

/** How the records that webhooks carry are read, by resource. */
export function carriedRecordPlansOf(definition: ProviderSide): CarriedRecordPlans {
  return Object.fromEntries(
    Object.entries(definition.resources ?? {}).flatMap(([resource, { adapt }]) => {
      const plan = recordPlanOf(definition, resource);
      return plan === undefined ? [] : [[resource, { ...plan, ...optional('adapt', adapt) }] as const];
    }),
  );
}

/** How to read the answer of a resource's call. */
export function planAnswer(definition: ProviderSide, call: ResourceCall, position?: PagePosition): AnswerPlan {
  const { method, spec } = call;
  const { selects, selection } = selectionOf(call);
  const record = planRecord(definition, call);
  const cursor = planCursorReading(definition, call);
  const page = 'page' in spec ? spec.page : undefined;
  return {
    ...planCall(definition, nameOf(call), spec),
    selects,
    selection,
    isGet: method === 'get',
    ...('when_empty' in spec ? { whenEmpty: spec.when_empty } : {}),
    ...(record === undefined ? {} : { record }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(page === undefined ? {} : { page }),
    ...(position === undefined ? {} : { position }),
  };
}

/** Rows of deleted records have an id, and nothing that the resource's mapping could read. */
function planRecord(definition: ProviderSide, { resource, spec, method }: ResourceCall): RecordPlan | undefined {
  const record = recordPlanOf(definition, resource);
  if (method !== 'deletions' || record === undefined) return record;
  const { id, map } = record;
  return { map, id: ('id' in spec ? spec.id : undefined) ?? id, deleted: 'true' };
}

/** Where the values of a cursor are: by default a row's version, or its id. */
function planCursorReading(
  definition: ProviderSide,
  { resource, declaredBy, spec, method }: ResourceCall,
): AnswerPlan['cursor'] {
  if (method !== 'changes' && method !== 'deletions' && method !== 'list') return undefined;
  // A listing of all records leads to where changes go on.
  const holder = method === 'list' ? specOf(definition.resources, declaredBy)?.changes : spec;
  const cursor = holder !== undefined && 'cursor' in holder ? holder.cursor : undefined;
  const record = recordPlanOf(definition, resource);
  if (cursor?.kind === 'token') return method === 'list' ? undefined : optional('answer', cursor.answer);
  const usual =
    method === 'deletions' ? undefined : cursor?.kind === 'id' ? record?.id : (record?.version ?? record?.updated);
  const answer = method === 'list' ? undefined : cursor?.answer;
  return { ...optional('row', cursor?.from ?? usual), ...optional('answer', answer) };
}

/** How to read the answer of a call that brings no records. */
export function planPlainAnswer(
  definition: ProviderSide,
  method: Exclude<DeclaredCall['method'], CallMethod> | 'proxy',
  spec: Pick<CallSpec, 'format' | 'expect'>,
): AnswerPlan {
  return {
    ...planCall(definition, { resource: method, call: method }, spec),
    selects: 'nothing',
    selection: '$',
    isGet: false,
  };
}

/** The names under which limits and errors know a call. */
export interface CallName {
  readonly resource: string;
  readonly call: string;
}

export function nameOf({ declaredBy, method }: ResourceCall): CallName {
  return { resource: declaredBy, call: `${declaredBy}.${method}` };
}

/** The limits that count a call. */
export function limitsOf({ api }: ProviderSide, name: CallName): readonly LimitSpec[] {
  return (api?.limits ?? []).filter(({ of }) => of === undefined || isNamed(of, name));
}

function planCall(definition: ProviderSide, name: CallName, { format, expect }: Pick<CallSpec, 'format' | 'expect'>) {
  const errors: readonly ErrorRuleSpec[] = (definition.api?.errors ?? []).filter(
    ({ when }) => when.call === undefined || isNamed(when.call, name),
  );
  const limits: readonly LimitReading[] = limitsOf(definition, name).map(
    ({ name: limit, remaining, used, maximum, pattern, charged, reset }) => ({
      name: limit,
      ...optional('remaining', remaining),
      ...optional('used', used),
      ...optional('maximum', maximum),
      ...optional('pattern', pattern),
      ...optional('charged', charged),
      ...optional('reset', reset),
    }),
  );
  return { format, ...optional('expect', expect), errors, limits };
}

function selectionOf({ spec }: ResourceCall): Pick<AnswerPlan, 'selects' | 'selection'> {
  if ('records' in spec) return { selects: 'records', selection: spec.records };
  return 'record' in spec && spec.record !== undefined
    ? { selects: 'record', selection: spec.record }
    : { selects: 'nothing', selection: '$' };
}

function isNamed(names: readonly string[], { resource, call }: CallName): boolean {
  return names.includes(resource) || names.includes(call);
}

function specOf(resources: ProviderSide['resources'], resource: string) {
  return resources !== undefined && Object.hasOwn(resources, resource) ? resources[resource] : undefined;
}

function optional<Name extends string, T>(name: Name, value: T | undefined): { readonly [_ in Name]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [_ in Name]?: T });
}
