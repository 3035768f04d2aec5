import { type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import { idLike } from './new-ids.ts';
import { type RecordForm, scalarLike } from './record-form.ts';
import type { RecordTemplate } from './record-templates.ts';

/** Make a record like a template, with its own id and address. The first records are the templates themselves. */
export async function newRecord(
  templates: readonly RecordTemplate[],
  form: RecordForm,
  before: number,
  isTaken: (id: string) => boolean,
): Promise<Pick<RecordTemplate, 'id' | 'raw'>> {
  const template = templates[before % Math.max(1, templates.length)];
  if (template === undefined) throw new TypeError('no exchange shows a record of the resource');
  if (before < templates.length && !isTaken(template.id)) return template;
  const example = highestNumber(templates) ?? template.id;
  for (let place = Math.max(1, before - templates.length + 1); ; place += 1) {
    const id = idLike(example, place);
    if (isTaken(id)) continue;
    const raw = await form.withId(template.raw, id);
    if (raw === undefined) throw new TypeError("the expression of the resource's id cannot be reversed");
    return { id, raw: withOtherAddress(raw, template, place) };
  }
}

/** The highest id, if ids are numbers: new ids continue from it. */
function highestNumber(templates: readonly RecordTemplate[]): string | undefined {
  const ids = templates.map(({ id }) => id);
  if (!ids.every((id) => /^\d+$/.test(id))) return undefined;
  return ids.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)).at(-1);
}

/** Give a record its own address, if the address is a number. */
function withOtherAddress(raw: unknown, { raw: own, addressPaths }: RecordTemplate, place: number): unknown {
  return Object.values(addressPaths).reduce<unknown>((record, path: readonly Step[]) => {
    const value = valueAt(own, path);
    const isNumber = typeof value === 'number' || /^\d+$/.test(String(value));
    return isNumber && valueAt(record, path) === value
      ? withValueAt(record, path, scalarLike(value, idLike(String(value), place)))
      : record;
  }, raw);
}
