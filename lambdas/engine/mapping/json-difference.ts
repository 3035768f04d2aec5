import diff, { type Difference } from 'microdiff';

/**
 * What differs between two JSON objects, member by member.
 *
 * @param before - Members that only it has are `REMOVE`; those that only `after` has are `CREATE`.
 */
export function jsonDifference(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly Difference[] {
  return diff(
    withoutPrototypes(before) as Record<string, unknown>,
    withoutPrototypes(after) as Record<string, unknown>,
  );
}

/** microdiff looks a member up with `in`, which finds `toString` and others in every object that has a prototype. */
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) copy[name] = withoutPrototypes(member);
  return copy;
}
