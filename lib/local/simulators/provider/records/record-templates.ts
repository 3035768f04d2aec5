import { callMethods } from '../../../../../lambdas/engine/definition/calls-of.ts';
import { callOf, planAnswer, recordPlanOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { type Bindings, evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { readRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
import { leavesOf, type Step, valueAt } from '../expressions/expression-place.ts';

/** A record of an exchange, and what its call needs besides the id. */
export interface RecordTemplate {
  readonly raw: unknown;
  readonly id: string;
  /** The address with which an exchange reads it. */
  readonly address: Readonly<Record<string, unknown>>;
  /** Where the record holds its address, by name: the number of an issue, for example. */
  readonly addressPaths: Readonly<Record<string, readonly Step[]>>;
}

/** The resources whose records come from the calls of a resource: itself, and those with `from`. */
export function sharersOf({ resources = {} }: Pick<Definition, 'resources'>, declaredBy: string): readonly string[] {
  return Object.keys(resources).filter((name) => name === declaredBy || resources[name]?.from === declaredBy);
}

/** Bindings of the expressions that read the simulator's answers. */
export function bindingsOf(context: Readonly<Record<string, unknown>>, status = 200): Bindings {
  return { status, headers: {}, context };
}

/**
 * Collect the records of a resource from its exchanges, whole records before rows of lists. Deleted records, and records
 * that no resource keeps, are left out.
 */
export async function recordTemplates(
  definition: Definition,
  declaredBy: string,
  exchanges: readonly Exchanges[],
): Promise<readonly RecordTemplate[]> {
  const sharers = sharersOf(definition, declaredBy);
  const templates = new Map<string, RecordTemplate>();
  const own = exchanges
    .filter(({ resource }) => resource !== undefined && sharers.includes(resource))
    .sort((a, b) => callMethods.indexOf(a.method as 'get') - callMethods.indexOf(b.method as 'get'));
  for (const one of own) {
    // Rows of deletions have no more than ids.
    if (one.method === 'test' || one.method === 'deletions') continue;
    const call = callOf(definition, one.resource ?? '', one.method);
    if (call === undefined || ('thin' in call.spec && call.spec.thin)) continue;
    const plan = planAnswer(definition, call);
    const bindings = bindingsOf(one.account.context);
    for (const { response } of one.exchanges) {
      if (response.status >= 300 || response.body === undefined || plan.selects === 'nothing') continue;
      const body = bodyOfExchange(response.body, plan.format);
      const selected = await evaluate(plan.selection, body, bindings).catch(() => undefined);
      for (const row of [selected ?? []].flat()) {
        // JSONata marks its lists: copy them without the marks.
        const raw: unknown = JSON.parse(JSON.stringify(row));
        const id = await readableId(definition, sharers, raw, bindings);
        if (id === undefined) continue;
        const known = templates.get(id);
        const addressPaths = {
          ...known?.addressPaths,
          ...addressPathsOf(raw, one.method === 'get' ? one.address : {}),
        };
        const address = { ...known?.address, ...(one.method === 'get' ? one.address : {}) };
        templates.set(id, { raw: known?.raw ?? raw, id, address, addressPaths });
      }
    }
  }
  return withSharedAddresses([...templates.values()]);
}

/** The id of a record; undefined if none of the resources takes the record. */
async function readableId(
  definition: Definition,
  resources: readonly string[],
  raw: unknown,
  bindings: Bindings,
): Promise<string | undefined> {
  for (const resource of resources) {
    const plan = recordPlanOf(definition, resource);
    const read = plan === undefined ? undefined : await readRecord(plan, raw, bindings);
    if (read !== undefined && 'data' in read && !read.isAbsent) return read.id;
  }
  return undefined;
}

/** The members that have the values of an address, nearest to the top first. */
function addressPathsOf(raw: unknown, address: Readonly<Record<string, unknown>> = {}) {
  const leaves = [...leavesOf(raw)].sort((a, b) => a.length - b.length);
  return Object.fromEntries(
    Object.entries(address).flatMap(([name, value]): (readonly [string, readonly Step[]])[] => {
      const having = leaves.filter((path) => String(valueAt(raw, path)) === String(value));
      const path = having.find((one) => one.at(-1) === name) ?? having[0];
      return path === undefined || typeof value === 'object' ? [] : [[name, path]];
    }),
  );
}

/** Records hold their addresses in the same places. Parts of an address that no record holds are the same for all. */
function withSharedAddresses(templates: readonly RecordTemplate[]): readonly RecordTemplate[] {
  const paths = Object.assign({}, ...templates.map(({ addressPaths }) => addressPaths));
  const address = Object.assign({}, ...templates.map((template) => template.address));
  return templates.map((template) => ({
    ...template,
    address: { ...address, ...template.address },
    addressPaths: { ...paths, ...template.addressPaths },
  }));
}

/** The body of an exchange as the expressions of its call read it. */
export function bodyOfExchange(body: unknown, format: string): unknown {
  if (format === 'text') return typeof body === 'string' ? body : JSON.stringify(body);
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
