import { isDeepStrictEqual } from 'node:util';
import type { RecordPlan } from '../../../../../lambdas/engine/provider/answer/answer-plan.ts';
import { type Bindings, evaluate } from '../../../../../lambdas/engine/provider/answer/evaluate.ts';
import { leavesOf, pathOf, pathsIn, type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import { markDeleted } from '../records/mark-deleted.ts';
import { type RecordForm, scalarLike, timeOfRecord } from '../records/record-form.ts';
import type { StoredRecord } from '../records/record-store.ts';

/** How an answer holds its records. */
export interface RowShape {
  write(body: unknown, records: readonly StoredRecord[]): Promise<unknown>;
}

export interface RowShapeOptions {
  /** `records` of the call. */
  readonly selection: string;
  readonly isThin: boolean;
  /** An answer of an exchange; undefined where there is none. */
  readonly body: unknown;
  readonly plan: RecordPlan;
  readonly form: RecordForm;
  /** Whether thin rows have a time, even if the example has none. */
  readonly isTimed?: boolean;
  readonly bindings: Bindings;
}

/** Learn from an exchange where an answer holds its rows, and how a thin row names its record. @returns Why that fails. */
export async function rowShape(options: RowShapeOptions): Promise<RowShape | string> {
  const { selection, isThin, body, bindings } = options;
  const path = pathOf(selection);
  if (path === undefined) return computedShape(options);
  if (!isThin)
    return {
      write: async (into, records) =>
        withValueAt(
          into,
          path,
          records.map(({ raw }) => raw),
        ),
    };
  const rows = [(await evaluate(selection, body, bindings).catch(() => undefined)) ?? []].flat();
  const example: unknown = rows[0] === undefined ? {} : JSON.parse(JSON.stringify(rows[0]));
  return {
    async write(into, records) {
      const written = await Promise.all(records.map((record) => thinRow(options, example, record)));
      return withValueAt(into, path, written);
    },
  };
}

/** A row of a thin listing: the example, with the id and the time of a record. */
async function thinRow({ form, plan, bindings, isTimed }: RowShapeOptions, example: unknown, record: StoredRecord) {
  const named = (await form.withId(example, record.id)) ?? example;
  const hasTime = isTimed === true || timeOfRecord(named, plan) !== undefined;
  const timed = hasTime ? form.withChange(named, record.updatedAtMs, 0) : named;
  return record.isRemoved ? markDeleted(timed, plan, bindings) : timed;
}

/** An item of an answer from which the expression computes a row. */
interface Element {
  readonly container: readonly Step[];
  readonly key: string | undefined;
  readonly example: unknown;
  /** What the expression makes of it. */
  readonly row: unknown;
}

/**
 * The shape of an expression that computes its rows, such as `data.{ "id": employeeId }`. Trials find what it reads: the
 * list of its items, and the members of an item that become the id and the time.
 */
async function computedShape(options: RowShapeOptions): Promise<RowShape | string> {
  const { plan, body, selection } = options;
  if (body === undefined) return `no exchange shows an answer, which \`records: ${selection}\` needs`;
  const element = await findElement(options);
  if (element === undefined) return `no list of the exchange gives the rows of \`records: ${selection}\``;
  const { container, example, row, key } = element;
  const told = [plan.id, plan.version, plan.updated, plan.deleted].flatMap((text) =>
    text === undefined ? [] : pathsIn(text),
  );
  const links: (readonly [inRow: readonly Step[], inExample: readonly Step[]])[] = [];
  for (const leaf of leavesOf(example)) {
    const value = valueAt(example, leaf);
    const other = await rowOf(options, element, withValueAt(example, leaf, scalarLike(value, '990001')));
    for (const path of told)
      if (valueAt(other, path) !== valueAt(row, path) && String(valueAt(other, path)).includes('990001'))
        links.push([path, leaf]);
  }
  if (!pathsIn(plan.id).every((path) => links.some(([inRow]) => isDeepStrictEqual(inRow, path))))
    return `no member of the exchange's rows gives the id of \`records: ${selection}\``;
  return {
    async write(into, records) {
      const written = await Promise.all(
        records.map(async (record): Promise<readonly [string, unknown]> => {
          const named = await thinRow(options, row, record);
          const item = links.reduce<unknown>(
            (made, [inRow, inExample]) => withValueAt(made, inExample, valueAt(named, inRow)),
            example,
          );
          return [record.id, item];
        }),
      );
      const items = written.map(([, item]) => item);
      return withValueAt(into, container, key === undefined ? items : Object.fromEntries(written));
    },
  };
}

/** Find the innermost list (or object by id) where one item gives one row, and no item gives no row. */
async function findElement(options: RowShapeOptions): Promise<Element | undefined> {
  let found: Element | undefined;
  for (const container of containersOf(options.body)) {
    const holder = valueAt(options.body, container) as object;
    const [first] = Object.entries(holder);
    if (first === undefined) continue;
    const key = Array.isArray(holder) ? undefined : first[0];
    const row = await rowOf(options, { container, key }, first[1]);
    const none = await rowOf(options, { container, key }, undefined);
    const id = row === undefined ? undefined : await options.form.idOf(row);
    if (
      id !== undefined &&
      none === undefined &&
      (key === undefined || (await isKeyedList(options, container, first[1])))
    )
      found = { container, key, example: first[1], row };
  }
  return found;
}

/** Whether the members of an object are rows, whatever their names. */
async function isKeyedList({ body, selection, bindings }: RowShapeOptions, container: readonly Step[], item: unknown) {
  const holder = { one: item, other: item };
  const selected = await evaluate(selection, withValueAt(body, container, holder), bindings).catch(() => undefined);
  return [selected ?? []].flat().length === 2;
}

/** The row of an answer with one item; undefined if the answer has no row or several. */
async function rowOf(
  { body, selection, bindings }: RowShapeOptions,
  { container, key }: Pick<Element, 'container' | 'key'>,
  item: unknown,
): Promise<unknown> {
  const items = item === undefined ? [] : [item];
  const holder = key === undefined ? items : Object.fromEntries(items.map((one) => [key, one]));
  const selected = await evaluate(selection, withValueAt(body, container, holder), bindings).catch(() => undefined);
  const rows = [selected ?? []].flat();
  return rows.length === 1 ? JSON.parse(JSON.stringify(rows[0])) : undefined;
}

/** Paths of the lists and objects of a value, the outer ones first. */
function* containersOf(value: unknown): Generator<readonly Step[]> {
  let level: readonly (readonly [readonly Step[], unknown])[] = [[[], value]];
  for (let depth = 0; depth < 4; depth += 1) {
    const next: (readonly [readonly Step[], unknown])[] = [];
    for (const [path, holder] of level) {
      if (typeof holder !== 'object' || holder === null) continue;
      yield path;
      const isList = Array.isArray(holder);
      for (const [name, member] of Object.entries(holder)) next.push([[...path, isList ? Number(name) : name], member]);
    }
    level = next;
  }
}
