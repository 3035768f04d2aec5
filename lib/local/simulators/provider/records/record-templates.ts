import { callMethods } from '../../../../../lambdas/engine/definition/calls-of.ts';
import { callOf, planAnswer, recordPlanOf } from '../../../../../lambdas/engine/definition/plan-answer.ts';
import type { Definition } from '../../../../../lambdas/engine/definition/schema.ts';
import { type Bindings, evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { readRecord } from '../../../../../lambdas/engine/provider/answer/read-answer.ts';
import type { Exchanges } from '../../../../definitions/exchanges.ts';
import { leavesOf, type Step, valueAt } from '../expressions/expression-place.ts';

/** A record that the exchanges show, and what else its call needs to read it. */
export interface RecordTemplate {
  readonly raw: unknown;
  readonly id: string;
  /** The address with which an exchange reads it. */
  readonly address: Readonly<Record<string, unknown>>;
  /** Members of the record that tell an address, by its name, such as the number of an issue. */
  readonly addressPaths: Readonly<Record<string, readonly Step[]>>;
}

/** The resources whose records come from the calls of a resource: itself, and those with `from`. */
export function sharersOf({ resources = {} }: Pick<Definition, 'resources'>, declaredBy: string): readonly string[] {
  return Object.keys(resources).filter((name) => name === declaredBy || resources[name]?.from === declaredBy);
}

/** What the expressions of a definition read besides an answer of the simulator. */
export function bindingsOf(context: Readonly<Record<string, unknown>>, status = 200): Bindings {
  return { status, headers: {}, context };
}

/**
 * The records of a resource in its exchanges, whole ones before rows of lists. Records that no resource keeps, or that
 * stand for deleted ones, are not among them.
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
    if (one.method === 'test') continue;
    const call = callOf(definition, one.resource ?? '', one.method);
    if (call === undefined || ('thin' in call.spec && call.spec.thin)) continue;
    const plan = planAnswer(definition, call);
    const bindings = bindingsOf(one.account.context);
    for (const { response } of one.exchanges) {
      if (response.status >= 300 || response.body === undefined || plan.selects === 'nothing') continue;
      const body = bodyOfExchange(response.body, plan.format);
      const selected = await evaluate(plan.selection, body, bindings).catch(() => undefined);
      for (const row of [selected ?? []].flat()) {
        // A copy without the marks of JSONata.
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

/** The id of a record that one of the resources takes; undefined for any other. */
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

/** An address that one record tells, the others of its form tell in the same place; what none tells is of all. */
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
