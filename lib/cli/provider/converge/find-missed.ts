import { recordPlanOf } from '../../../../lambdas/engine/definition/plan-answer.ts';
import { recordTraitsOf } from '../../../../lambdas/engine/definition/record-traits.ts';
import type { Definition } from '../../../../lambdas/engine/definition/schema.ts';
import type { PreparedResources } from '../../../../lambdas/engine/mapping/check-resource.ts';
import { readRecord } from '../../../../lambdas/engine/provider/answer/read-answer.ts';
import type { SyncStep } from '../../../../lambdas/engine/provider/language/sync-schema.ts';
import { fingerprintOf } from '../../../../lambdas/engine/records/fingerprint.ts';
import type { EventRow } from '../../../../lambdas/ports/events/event-store.ts';
import type { OfflineProvider } from '../../../local/simulators/provider/provider-simulator.ts';
import { bindingsOf } from '../../../local/simulators/provider/records/record-templates.ts';

type Data = Readonly<Record<string, unknown>>;

/** The records of a resource, by id. */
export type Known = ReadonlyMap<string, Data>;

/** What a subscriber of the events would not know, or would have wrong. */
export interface Missed {
  readonly resource: string;
  readonly record: string;
  /**
   * `never-told`: no event of a record that exists. `wrong-state`: its last event says something else. `delete-not-told`:
   * it is gone, and no event says so. `wrong-delete`: it was told to be gone, and exists.
   */
  readonly what: 'never-told' | 'wrong-state' | 'delete-not-told' | 'wrong-delete';
  /** Of a wrong state: the members that differ. */
  readonly members?: readonly string[];
}

/** What a subscriber knows of a resource who applies each event in its order. */
export function knownBy(
  events: readonly EventRow[],
  resource: string,
): Known & { readonly ended: ReadonlySet<string> } {
  const known = new Map<string, Data>();
  const ended = new Set<string>();
  for (const { type, record_id: id, resource: own, inlineData } of events) {
    if (own !== resource || !type.startsWith('record:')) continue;
    if (type === 'record:deleted') {
      known.delete(id);
      ended.add(id);
      continue;
    }
    known.set(id, JSON.parse(inlineData ?? '{}') as Data);
    ended.delete(id);
  }
  return Object.assign(known, { ended });
}

/** What the provider has, as the definition maps it, where the filters of the step select it. */
export async function truthOf(
  definition: Definition,
  provider: Pick<OfflineProvider, 'records' | 'context'>,
  { resource, query }: Pick<SyncStep, 'resource' | 'query'>,
): Promise<Known> {
  const plan = recordPlanOf(definition, resource);
  if (plan === undefined) return new Map();
  const truth = new Map<string, Data>();
  for (const { raw } of provider.records(resource)) {
    const read = await readRecord(plan, raw, bindingsOf(provider.context));
    if ('data' in read && !read.isAbsent && isSelected(read.data, query)) truth.set(read.id, read.data);
  }
  return truth;
}

/** Filters by members that the data has; what others select, only the provider knows. */
function isSelected(data: Data, query: SyncStep['query'] = {}): boolean {
  return Object.entries(query).every(([name, said]) => {
    const wanted = typeof said === 'object' ? said.eq : said;
    const own = data[name];
    const isTemplate = typeof wanted === 'string' && wanted.includes('{{');
    return wanted === undefined || isTemplate || typeof own === 'object' || own === undefined || own === wanted;
  });
}

/** What must have been told. Each is undefined, or false, where the definition promises nothing of it. */
export interface Expected {
  /** Records that exist, and with `last` also what they are now. */
  readonly states?: 'first' | 'last' | undefined;
  readonly ends: boolean;
}

/** Compare what was told with what is so. Members that the definition calls volatile do not count. */
export function findMissed(
  { definition, schemas }: { readonly definition: Definition; readonly schemas: PreparedResources },
  resource: string,
  known: ReturnType<typeof knownBy>,
  truth: Known,
  expected: Expected,
): readonly Missed[] {
  const traits = recordTraitsOf(definition, resource, schemas.schemas.get(resource));
  // Facts are told once: they have no later state, and no end.
  const states = traits === undefined && expected.states !== undefined ? 'first' : expected.states;
  const volatile = traits?.volatile ?? [];
  const missed = [...truth].flatMap(([record, data]): Missed | readonly Missed[] => {
    const told = known.get(record);
    if (told === undefined && known.ended.has(record)) return { resource, record, what: 'wrong-delete' };
    if (told === undefined) return states === undefined ? [] : { resource, record, what: 'never-told' };
    const isRight = fingerprintOf(told, volatile) === fingerprintOf(data, volatile);
    if (states !== 'last' || isRight) return [];
    return { resource, record, what: 'wrong-state', members: differing(told, data, volatile) };
  });
  if (!expected.ends || traits === undefined) return missed;
  const gone = [...known.keys()].filter((record) => !truth.has(record));
  return [...missed, ...gone.map((record): Missed => ({ resource, record, what: 'delete-not-told' }))];
}

function differing(told: Data, data: Data, volatile: readonly string[]): readonly string[] {
  const names = [...new Set([...Object.keys(told), ...Object.keys(data)])];
  const of = (from: Data, name: string) => fingerprintOf({ [name]: from[name] }, volatile);
  return names.filter((name) => of(told, name) !== of(data, name)).sort();
}
