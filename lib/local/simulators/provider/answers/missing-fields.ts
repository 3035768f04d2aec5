import { pathsIn, valueAt, withValueAt } from '../expressions/expression-place.ts';
import type { CallFaults } from '../faults/call-faults.ts';
import type { StoredRecord } from '../records/record-store.ts';
import type { ChosenCall } from '../requests/choose-call.ts';
import type { AnswerWorld } from './answer-world.ts';

/**
 * Leave an optional member out of a record, or write null in its place. Its id, its version, and what tells whether it
 * exists, stay; so does a member without which the record cannot be mapped.
 */
export async function withMissingFields(
  world: Pick<AnswerWorld, 'definition' | 'stores'>,
  chosen: ChosenCall,
  record: StoredRecord,
  call: CallFaults,
): Promise<StoredRecord> {
  const percent = call.faults.missingFieldPercent;
  if (call.draw(`field ${record.id}`) * 100 >= percent) return record;
  const optional = optionalMembers(world, chosen, record);
  const name = optional[Math.floor(call.draw(`member ${record.id}`) * optional.length)];
  if (name === undefined) return record;
  const values = call.draw(`null ${record.id}`) < 0.5 ? [null, undefined] : [undefined, null];
  for (const value of values) {
    const without = { ...record, raw: withValueAt(record.raw, [name], value) };
    if (!(await canBeRead(world, chosen, without))) continue;
    call.comes('disappearing-fields', 100);
    return without;
  }
  return record;
}

async function canBeRead(
  { stores }: Pick<AnswerWorld, 'stores'>,
  { served }: ChosenCall,
  record: StoredRecord,
): Promise<boolean> {
  const store = stores.get(served.pattern.call.resource ?? '');
  for (const resource of record.takenBy)
    if ((await store?.dataOf(record, resource)) === undefined) return record.isRemoved;
  return true;
}

/** The members that neither name the record nor tell its state. */
function optionalMembers(
  { definition, stores }: Pick<AnswerWorld, 'definition' | 'stores'>,
  { served }: ChosenCall,
  record: StoredRecord,
): readonly string[] {
  const { resource = '', spec } = served.pattern.call;
  const said = definition.resources?.[resource];
  const cursor = 'cursor' in spec ? spec.cursor?.from : undefined;
  const last = 'page' in spec ? spec.page?.last?.from : undefined;
  const sharers = Object.values(definition.resources ?? {}).filter(({ from }) => from === resource);
  const read = [said, ...sharers].flatMap((one) => [
    one?.id,
    one?.version?.from,
    one?.updated,
    one?.deleted,
    one?.keep,
  ]);
  const needed = new Set([
    ...[...read, cursor, last, 'id'].flatMap((text) => (text === undefined ? [] : pathsIn(text).map(([name]) => name))),
    ...Object.values(stores.get(resource)?.addressPaths ?? {}).map(([step]) => step),
  ]);
  const members = typeof record.raw === 'object' && record.raw !== null ? Object.keys(record.raw) : [];
  return members.filter((name) => !needed.has(name) && valueAt(record.raw, [name]) !== null);
}
