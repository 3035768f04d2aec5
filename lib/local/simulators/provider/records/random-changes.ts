import { fractionOf } from '../draw-fault.ts';
import { leavesOf, type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import type { ProviderRecords } from './provider-records.ts';

export interface RandomChangesOptions {
  /** Resources whose records change. */
  readonly resources: readonly string[];
  /** The same seed gives the same changes to the same records. */
  readonly seed: string;
}

export interface RandomChanges {
  /** How many changes were begun. */
  count(): number;
  /** Create, change or remove a record. */
  next(): Promise<void>;
}

/** How many of 100 changes are new records, and how many are removals. */
const [createdPercent, removedPercent] = [20, 10];

/** Draw changes of records: mostly updates, some new records, and fewer removals. */
export function createRandomChanges(
  records: ProviderRecords,
  { resources, seed }: RandomChangesOptions,
): RandomChanges {
  let made = 0;
  return {
    count: () => made,
    async next() {
      made += 1;
      const place = made;
      const draw = (what: string) => fractionOf(`${seed} change ${place} ${what}`);
      const resource = resources[Math.floor(draw('resource') * resources.length)];
      if (resource === undefined) return;
      const present = records.records(resource);
      const record = present[Math.floor(draw('record') * present.length)];
      const kind = draw('kind') * 100;
      if (record === undefined || kind < createdPercent) await records.add(resource);
      else if (kind < createdPercent + removedPercent) await records.remove(resource, record.id);
      else await records.change(resource, record.id, (raw) => withOtherText(raw, place));
    },
  };
}

/** Names of members that hold text for people. */
const freeText = /(title|subject|summary|description|notes?|text|body|displayname|lastname|surname|name)$/i;

/** Change the first text for people. Without one, only the version of the record changes. */
function withOtherText(raw: unknown, place: number): unknown {
  const texts = [...leavesOf(raw)].filter((path) => typeof valueAt(raw, path) === 'string' && isFreeText(path));
  const [path] = texts.sort((a, b) => a.length - b.length);
  if (path === undefined) return raw;
  const text = String(valueAt(raw, path)).replace(/ \(change \d+\)$/, '');
  return withValueAt(raw, path, `${text} (change ${place})`);
}

function isFreeText(path: readonly Step[]): boolean {
  const name = path.at(-1);
  return typeof name === 'string' && freeText.test(name);
}
