/**
 * Field paths that subscribers write, such as `data.address.city`. A path applies to all elements of the lists
 * on its way. It reaches only fields below `data`; the members of the envelope always stay.
 */

/** The paths as a tree; `true` marks the end of a path, which includes everything below it. */
export type FieldTree = ReadonlyMap<string, FieldTree | true>;

export type ParsedFieldPath =
  /** The names below `data`, outermost first. */
  { readonly kind: 'path'; readonly names: readonly string[] } | { readonly kind: 'fault'; readonly message: string };

const root = 'data';

/** A name after a dot; in backticks, as in JSONata, if it has other characters than letters, digits and `_-$@`. */
const nextName = /\.(?:`([^`]+)`|([\p{L}\p{N}_$@-]+))/uy;

/** Parse a path. Refuse ambiguous paths, because a path that matches no field would drop nothing. */
export function parseFieldPath(text: string): ParsedFieldPath {
  const names: string[] = [];
  let at = text.startsWith(`${root}.`) ? root.length : -1;
  while (at >= 0 && at < text.length) {
    nextName.lastIndex = at;
    const [whole, quoted, bare] = nextName.exec(text) ?? [];
    const name = quoted ?? bare;
    if (whole === undefined || name === undefined) return fault(text, `; the text after character ${at} is not a name`);
    if (bare !== undefined && /^\d+$/.test(bare))
      return fault(text, `; a path has no list index, and a member with this name is written \`${bare}\``);
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
  // A shorter path includes everything that a longer one names.
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
 * Keep only the named fields. Objects and lists on the way stay, so the objects of a list keep their order;
 * other elements of such a list are removed.
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
 * Change each named field and keep everything else.
 *
 * @param change - Called in the order of the data; returns the new value, or undefined to remove the field.
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

/** Build a new object; `fromEntries` accepts any member name, including `__proto__`. */
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
