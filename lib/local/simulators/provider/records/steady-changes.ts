import { fractionOf } from '../draw-fault.ts';
import { leavesOf, type Step, valueAt, withValueAt } from '../expressions/expression-place.ts';
import type { ProviderRecords } from './provider-records.ts';

export interface SteadyChangesOptions {
  /** Resources whose records change. */
  readonly resources: readonly string[];
  readonly perMinute: number;
  readonly seed: string;
  /** Called for each change that failed. */
  readonly onFailure: (error: Error) => void;
}

export interface SteadyChanges {
  /** How many changes were made. */
  count(): number;
  stop(): void;
}

/** How many of 100 changes are new records, and how many are removals. */
const [createdPercent, removedPercent] = [20, 10];

/** Change records at a rate: mostly updates, some new records, and fewer removals. */
export function startSteadyChanges(
  records: ProviderRecords,
  { resources, perMinute, seed, onFailure }: SteadyChangesOptions,
): SteadyChanges {
  let made = 0;
  let isBusy = false;
  const step = async (): Promise<void> => {
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
  };
  const timer = setInterval(() => {
    // Wait for a change that takes longer than the interval.
    if (isBusy) return;
    isBusy = true;
    step()
      .catch(onFailure)
      .finally(() => {
        isBusy = false;
      });
  }, 60_000 / perMinute);
  return { count: () => made, stop: () => clearInterval(timer) };
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
