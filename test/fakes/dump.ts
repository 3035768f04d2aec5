/** All that a fake stores: the key and the value of each row, as texts that are equal where the rows are. */
export type Dump = readonly (readonly [key: string, value: string])[];

/** A fake whose contents can be compared. */
export interface Dumpable {
  dump(): Dump;
}

export function dumpOf(...tables: readonly Iterable<readonly [string, unknown]>[]): Dump {
  return tables.flatMap((table, index) =>
    [...table].map(([key, value]) => [`${index} ${key}`, textOf(value)] as const),
  );
}

/** Rows are replaced and never changed where they stand, but for lists of their own. */
const known = new WeakMap<object, string>();

function textOf(value: unknown): string {
  const isRow = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  const text = isRow ? known.get(value) : undefined;
  if (text !== undefined) return text;
  const read = (_: string, member: unknown): unknown => {
    if (member instanceof Map || member instanceof Set) return [...member];
    if (member instanceof Uint8Array) return Buffer.from(member).toString('latin1');
    return member;
  };
  // Undefined has no JSON.
  const written = value === undefined ? 'undefined' : JSON.stringify(value, read);
  if (isRow) known.set(value, written);
  return written;
}
