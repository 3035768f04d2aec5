import { parseVersion, type ResourceNode, type SchemaFault, type SchemaNode } from './resource-schema.ts';

/*
 * What a change of a schema means to readers of the data. A reader is written against one version: it reads the
 * properties that it knows, ignores the others, and relies on the schema of each.
 *
 *   major  the data may differ from what the released schema lets a reader expect: a property is missing,
 *          a type, format or list of values is wider or different, a required property is optional, a closed
 *          object is open or an open one closed
 *   minor  a reader may read more, or must handle less: a new property, a narrower type, a deprecation
 *   patch  only the texts
 *
 * A changed meaning or unit also breaks readers, but no comparison can detect it: declare it with a major version.
 */
export type ChangeKind = 'patch' | 'minor' | 'major';

export interface SchemaChange {
  readonly kind: ChangeKind;
  /** Path in the current schema; for a removed part, in the released one. */
  readonly path: readonly PropertyKey[];
  /** The current schema at the path. */
  readonly got: string;
  /** The released schema at the path. */
  readonly released: string;
}

const kinds: readonly ChangeKind[] = ['patch', 'minor', 'major'];
const firstVersion = '1.0.0';

/**
 * Check the version of a schema against its released versions.
 *
 * @param released - The schemas of all released versions, in any order.
 */
export function versionFaults(released: readonly ResourceNode[], current: ResourceNode): readonly SchemaFault[] {
  const got = current.version;
  const at = (expected: string): SchemaFault => ({ path: ['version'], got: JSON.stringify(got), expected });
  const latest = released.toSorted((one, other) => compareVersions(other.version, one.version))[0];
  if (latest === undefined) return got === firstVersion ? [] : [at(`"${firstVersion}": no version of it is released`)];

  const next = nextVersions(latest.version);
  const changes = compareSchemas(latest, current);
  if (got !== latest.version && !Object.values(next).includes(got))
    return [
      at(
        `${Object.values(next)
          .map((version) => `"${version}"`)
          .join(' or ')}, since "${latest.version}" is released`,
      ),
    ];
  if (got !== latest.version && changes.length === 0)
    return [at(`"${latest.version}": nothing has changed since that was released`)];
  const given = kinds.findIndex((kind) => next[kind] === got);
  return changes
    .filter(({ kind }) => kinds.indexOf(kind) > given)
    .map(({ kind, path, got: now, released: before }) => ({
      path,
      got: `${now} in version "${got}"`,
      expected: `${before}, as in the released "${latest.version}"; or version "${next[kind]}": ${meanings[kind]}`,
    }));
}

const meanings: Readonly<Record<ChangeKind, string>> = {
  major: 'this breaks readers of the data',
  minor: 'this changes the data without breaking readers',
  patch: 'this changes only the texts',
};

function nextVersions(version: string): Readonly<Record<ChangeKind, string>> {
  const [major, minor, patch] = parseVersion(version) ?? [0, 0, 0];
  return { patch: `${major}.${minor}.${patch + 1}`, minor: `${major}.${minor + 1}.0`, major: `${major + 1}.0.0` };
}

/** Compare two semantic versions, for sorting. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [parseVersion(one) ?? [0, 0, 0], parseVersion(other) ?? [0, 0, 0]];
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** Every change between a released schema and the current one. */
export function compareSchemas(released: SchemaNode, current: SchemaNode): readonly SchemaChange[] {
  return [...changesOf(released, current, [])];
}

const words = ['title', 'description'] as const;

function* changesOf(before: SchemaNode, now: SchemaNode, path: readonly PropertyKey[]): Generator<SchemaChange> {
  const change = (kind: ChangeKind, keyword: keyof SchemaNode | 'title'): SchemaChange => ({
    kind,
    path: [...path, keyword],
    got: written(keyword, (now as Record<string, unknown>)[keyword]),
    released: written(keyword, (before as Record<string, unknown>)[keyword]),
  });
  for (const keyword of words)
    if ((before as Record<string, unknown>)[keyword] !== (now as Record<string, unknown>)[keyword])
      yield change('patch', keyword);
  if (before.deprecated !== now.deprecated) yield change('minor', 'deprecated');

  const [typesBefore, typesNow] = [typesOf(before), typesOf(now)];
  if (!typesNow.every((type) => allows(typesBefore, type))) yield change('major', 'type');
  else if (!typesBefore.every((type) => allows(typesNow, type))) yield change('minor', 'type');

  if (before.format !== now.format) yield change(before.format === undefined ? 'minor' : 'major', 'format');

  const [valuesBefore, valuesNow] = [before.enum, now.enum];
  if (valuesBefore !== undefined && !(valuesNow?.every((value) => valuesBefore.includes(value)) ?? false))
    yield change('major', 'enum');
  else if (valuesNow !== undefined && !(valuesBefore?.every((value) => valuesNow.includes(value)) ?? false))
    yield change('minor', 'enum');

  const [requiredBefore, requiredNow] = [before.required ?? [], now.required ?? []];
  if (!requiredBefore.every((name) => requiredNow.includes(name))) yield change('major', 'required');
  else if (!requiredNow.every((name) => requiredBefore.includes(name))) yield change('minor', 'required');

  const areObjects = typesBefore.includes('object') && typesNow.includes('object');
  if (areObjects && (before.additionalProperties === false) !== (now.additionalProperties === false))
    yield change('major', 'additionalProperties');

  yield* propertyChanges(before.properties ?? {}, now.properties ?? {}, [...path, 'properties']);

  if (before.items !== undefined && now.items !== undefined)
    yield* changesOf(before.items, now.items, [...path, 'items']);
  else if (before.items !== undefined) yield change('major', 'items');
  else if (now.items !== undefined) yield change('minor', 'items');
}

function* propertyChanges(
  before: Readonly<Record<string, SchemaNode>>,
  now: Readonly<Record<string, SchemaNode>>,
  path: readonly PropertyKey[],
): Generator<SchemaChange> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [old, node] = [own(before, name), own(now, name)];
    const here = [...path, name];
    if (old !== undefined && node !== undefined) yield* changesOf(old, node, here);
    else if (node === undefined)
      yield { kind: 'major', path: here, got: `no property "${name}"`, released: 'the property' };
    else yield { kind: 'minor', path: here, got: `the property "${name}"`, released: 'no such property' };
  }
}

const everyType = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'];

function typesOf({ type }: SchemaNode): readonly string[] {
  return type === undefined ? everyType : [type].flat();
}

/** Whether types allow a type; `number` allows integers. */
function allows(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'));
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function written(keyword: string, value: unknown): string {
  if (value === undefined) return `no "${keyword}"`;
  const text = typeof value === 'object' && value !== null && !Array.isArray(value) ? '{…}' : JSON.stringify(value);
  return `"${keyword}": ${text.length > 120 ? `${text.slice(0, 120)}…` : text}`;
}
