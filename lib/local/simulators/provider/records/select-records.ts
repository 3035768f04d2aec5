import type { CallSpec } from '../../../../../lambdas/engine/provider/language/call-schema.ts';
import { escapeRegex, readTime } from '../expressions/time-texts.ts';
import { type Bindings, readBindings } from '../requests/read-bindings.ts';
import { type Capture, templatePattern } from '../requests/template-pattern.ts';
import type { RecordStore, StoredRecord } from './record-store.ts';

interface Filter {
  readonly name: string;
  readonly operator: string;
  readonly value: unknown;
}

/**
 * Apply the filters of a listing's request. A filter by a member that `data` does not have selects every record, because
 * only the real provider knows what it means.
 *
 * @param sinceOperator - Whether `{since}` itself is in the listing.
 * @returns Undefined if the definition does not make the request's conditions.
 */
export async function selectRecords(
  store: RecordStore,
  records: readonly StoredRecord[],
  resource: string,
  spec: Pick<CallSpec, 'where' | 'where_join'>,
  bindings: Bindings,
  sinceOperator: 'gte' | 'gt' = 'gte',
): Promise<readonly StoredRecord[] | undefined> {
  const where = conditionsIn(spec, bindings.get('where')?.[0]);
  if (where === undefined) return undefined;
  const filters = [...bindings, ...where].flatMap(([source, values]): Filter | readonly Filter[] => {
    const [root, name = '', operator = 'eq'] = source.split('.');
    if (root === 'since') return { name: 'updated_at', operator: sinceOperator, value: values[0] };
    if (root === 'until') return { name: 'updated_at', operator: 'lte', value: values[0] };
    return root === 'filter' ? { name, operator, value: values[0] } : [];
  });
  const byTime = filters.filter(({ name }) => name === 'updated_at');
  const byData = filters.filter(({ name }) => name !== 'updated_at');
  const timely = records.filter(({ updatedAtMs }) =>
    byTime.every((filter) => passes(new Date(updatedAtMs).toISOString(), filter)),
  );
  if (byData.length === 0) return timely;
  const selected: StoredRecord[] = [];
  for (const record of timely) {
    const reader = record.takenBy.has(resource) ? resource : ([...record.takenBy][0] ?? resource);
    const data = (await store.dataOf(record, reader)) ?? {};
    if (byData.every((filter) => !Object.hasOwn(data, filter.name) || passes(data[filter.name], filter)))
      selected.push(record);
  }
  return selected;
}

/** Read the conditions of a query language back. They are joined in the order of the definition. */
function conditionsIn({ where = {}, where_join: join }: Pick<CallSpec, 'where' | 'where_join'>, text: unknown) {
  if (typeof text !== 'string') return new Map<string, readonly unknown[]>();
  const patterns = Object.entries(where).map(([name, template]) => ({ name, pattern: templatePattern(template) }));
  const parts = text.split(new RegExp(escapeRegex(join)));
  const found = alignConditions(patterns, join, parts);
  if (found === undefined) return undefined;
  return new Map(
    found.flatMap(({ name, capture }) => {
      const values = readBindings([capture])?.get('value');
      return values === undefined ? [] : [[`filter.${name}`, values] as const];
    }),
  );
}

interface Condition {
  readonly name: string;
  readonly pattern: ReturnType<typeof templatePattern>;
}

/** A value may hold the text that joins conditions, so a condition may take several parts. */
function alignConditions(
  conditions: readonly Condition[],
  join: string,
  parts: readonly string[],
): readonly { readonly name: string; readonly capture: Capture }[] | undefined {
  if (parts.length === 0) return [];
  for (const [place, { name, pattern }] of conditions.entries())
    for (let taken = 1; taken <= parts.length; taken += 1) {
      const captures = pattern.match(parts.slice(0, taken).join(join));
      const rest = captures && alignConditions(conditions.slice(place + 1), join, parts.slice(taken));
      if (captures !== undefined && rest !== undefined)
        return [...captures.map((capture) => ({ name, capture })), ...rest];
    }
  return undefined;
}

function passes(own: unknown, { operator, value }: Filter): boolean {
  if (value === undefined) return true;
  if (own === null || own === undefined) return false;
  if (operator === 'eq') return isEqual(own, value);
  const [one, other] = [readTime(own) ?? Number(own), readTime(value) ?? Number(value)];
  if (Number.isNaN(one) || Number.isNaN(other)) return true;
  if (operator === 'gt') return one > other;
  if (operator === 'gte') return one >= other;
  return operator === 'lt' ? one < other : one <= other;
}

/** A list has the value among its items, and an object has it as its id or its name. */
function isEqual(own: unknown, value: unknown): boolean {
  if (Array.isArray(own)) return own.some((item) => isEqual(item, value));
  if (Array.isArray(value)) return value.some((item) => isEqual(own, item));
  if (typeof own === 'object' && own !== null)
    return Object.entries(own).some(
      ([name, member]) => /^(id|name|key|number|url|email)$/.test(name) && isEqual(member, value),
    );
  return String(own).toLowerCase() === String(value).toLowerCase();
}
