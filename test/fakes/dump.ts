/** All rows of a fake: key and value of each, as texts that are equal if the rows are equal. */
export type Dump = readonly (readonly [key: string, value: string])[];

/** A fake with comparable contents. */
export interface Dumpable {
  dump(): Dump;
}

export function dumpOf(...tables: readonly Iterable<readonly [string, unknown]>[]): Dump {
  return tables.flatMap((table, index) =>
    [...table].map(([key, value]) => [`${index} ${key}`, textOf(value)] as const),
  );
}

/** A cache by row: fakes replace rows and never change them in place, except for their lists. */
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
  // JSON cannot represent undefined.
  const written = value === undefined ? 'undefined' : JSON.stringify(value, read);
  if (isRow) known.set(value, written);
  return written;
}
