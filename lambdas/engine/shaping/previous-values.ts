import type { CanonicalEvent } from '../event/canonical-event.ts';
import { canonicalJson } from '../records/canonical-json.ts';

type Data = CanonicalEvent['data'];

/**
 * The members of a record that an event changed, with their former values; null for a member that is new. Objects are
 * compared member by member, lists as a whole.
 *
 * @returns Undefined if nothing changed.
 */
export function previousValues(before: Data, now: Data): Data | undefined {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  const changed = [...names].flatMap((name): readonly (readonly [string, unknown])[] => {
    const [old, current] = [own(before, name), own(now, name)];
    if (canonicalJson(old ?? null) === canonicalJson(current ?? null)) return [];
    const within = isObject(old) && isObject(current) ? previousValues(old, current) : (old ?? null);
    return [[name, within]];
  });
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

function own(data: Data, name: string): unknown {
  return Object.hasOwn(data, name) ? data[name] : undefined;
}

function isObject(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
