/**
 * Paths of fields, as subscribers write them: `data.address.city`. A path passes through lists, over all
 * their elements, and reaches only what is below `data`: the members around it always stay.
 */

/** The paths as a tree; `true` where one ends, so that all below is meant. */
export type FieldTree = ReadonlyMap<string, FieldTree | true>;

export type ParsedFieldPath =
  /** The names below `data`, outermost first. */
  { readonly kind: 'path'; readonly names: readonly string[] } | { readonly kind: 'fault'; readonly message: string };

const root = 'data';

/** A name between dots; in backticks, as in JSONata, where it holds more than letters, digits, `_`, `-`, `$` and `@`. */
const nextName = /\.(?:`([^`]+)`|([\p{L}\p{N}_$@-]+))/uy;

/** Parse a path. What is not certain to be meant as it is written is refused: a path that never fits would drop nothing. */
export function parseFieldPath(text: string): ParsedFieldPath {
  const names: string[] = [];
  let at = text.startsWith(`${root}.`) ? root.length : -1;
  while (at >= 0 && at < text.length) {
    nextName.lastIndex = at;
    const [whole, quoted, bare] = nextName.exec(text) ?? [];
    const name = quoted ?? bare;
    if (whole === undefined || name === undefined) return fault(text, `; what follows character ${at} is no name`);
    if (bare !== undefined && /^\d+$/.test(bare))
      return fault(text, `; lists are passed through without an index, and a member named so is written \`${bare}\``);
    names.push(name);
    at += whole.length;
  }
  return names.length === 0 ? fault(text, '') : { kind: 'path', names };
}

function fault(text: string, hint: string): ParsedFieldPath {
  const expected = 'expected a path below data such as data.salary, or data.`First name`';
  return { kind: 'fault', message: `got "${text}", ${expected}${hint}` };
}

/** @throws {TypeError} for a path that {@link parseFieldPath} refuses. */
export function plantPaths(paths: readonly string[]): FieldTree {
  const tree: Branch = new Map();
  for (const text of paths) {
    const parsed = parseFieldPath(text);
    if (parsed.kind === 'fault') throw new TypeError(parsed.message);
    plant(tree, parsed.names);
  }
  return tree;
}

type Branch = Map<string, Branch | true>;

function plant(tree: Branch, [name = '', ...below]: readonly string[]): void {
  const branch = tree.get(name);
  // A shorter path means all that a longer one does.
  if (branch === true) return;
  if (below.length === 0) {
    tree.set(name, true);
    return;
  }
  const deeper: Branch = branch ?? new Map();
  tree.set(name, deeper);
  plant(deeper, below);
}

/**
 * Data of which only the named fields are left. Objects and lists on the way to them stay, so that lists
 * keep their objects' places; what stands there but is neither goes.
 */
export function keepFields<T>(data: T, tree: FieldTree): T {
  return keep(data, tree) as T;
}

function keep(value: unknown, tree: FieldTree): unknown {
  if (Array.isArray(value)) return value.filter(isContainer).map((item) => keep(item, tree));
  return mapMembers(value as object, (name, member) => {
    const below = tree.get(name);
    if (below === true) return member;
    return below === undefined || !isContainer(member) ? undefined : keep(member, below);
  });
}

/**
 * Data with each named field changed; all else is as it was.
 *
 * @param change - Is called in the order of the data. @returns the new value; undefined leaves the field out.
 */
export function changeFields<T>(data: T, tree: FieldTree, change: (value: unknown) => unknown): T {
  return changeBelow(data, tree, change) as T;
}

function changeBelow(value: unknown, tree: FieldTree, change: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => changeBelow(item, tree, change));
  if (!isContainer(value)) return value;
  return mapMembers(value, (name, member) => {
    const below = tree.get(name);
    if (below === undefined) return member;
    return below === true ? change(member) : changeBelow(member, below, change);
  });
}

/** A new object; `fromEntries` takes any name for a member, `__proto__` too. */
function mapMembers(value: object, map: (name: string, member: unknown) => unknown): object {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const mapped = map(name, member);
      return mapped === undefined ? [] : [[name, mapped]];
    }),
  );
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
