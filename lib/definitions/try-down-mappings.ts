import { fileURLToPath } from 'node:url';
import {
  checkResource,
  type DataFault,
  prepareResources,
  type ResourceSchema,
} from '../../lambdas/engine/mapping/check-resource.ts';
import { inventData } from '../../lambdas/engine/mapping/invent-data.ts';
import { mapDown } from '../../lambdas/engine/schema-versions/map-down.ts';
import { type ReadResources, readResources, throwFaults } from './compile-resources.ts';
import type { ReadOlderMajor } from './older-majors.ts';
import type { ResourceFault } from './resource-fault.ts';
import type { SchemaNode } from './resource-schema.ts';

/**
 * Map generated data down to every older major version, and check the result against its schema.
 *
 * JSONata is asynchronous, so this is separate from reading the resources.
 *
 * @returns At most one fault per mapping, because one mistake shows in many examples.
 */
export async function tryDownMappings({ schemas, older }: ReadResources): Promise<readonly ResourceFault[]> {
  const faults: ResourceFault[] = [];
  for (const [resource, majors] of older) {
    let newer = schemas.get(resource);
    for (const major of majors) {
      const fault = newer === undefined ? undefined : await tryDown(newer, major);
      if (fault !== undefined) faults.push(fault);
      newer = major.older.schema;
    }
  }
  return faults;
}

/**
 * {@link tryDownMappings} for a folder; synthesis calls it.
 *
 * @throws {Error} which lists every failing mapping with its file, line and column.
 */
export async function assertDownMappings(root: URL): Promise<void> {
  throwFaults(await tryDownMappings(readResources(fileURLToPath(root))));
}

interface Example {
  /** Description for messages. */
  readonly of: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether every property has a value. */
  readonly isFull: boolean;
}

async function tryDown(newer: ResourceSchema, major: ReadOlderMajor): Promise<ResourceFault | undefined> {
  const { version } = major.older.schema;
  const resources = prepareResources(new Map([['', major.older.schema]]), { everyFault: true });
  for (const { of, data, isFull } of examplesOf(newer)) {
    const mapped = await mapDown(major.older.down, data);
    const at = (got: string, expected: string): ResourceFault => ({
      ...major.place,
      message: `got ${got} of ${of} of ${newer.version}, expected ${expected}`,
      got,
      expected,
    });
    if (mapped.kind === 'failed') return at(`a failure (${mapped.reason})`, `the data of ${version}`);
    const [fault] = checkResource(resources, '', mapped.data) ?? [];
    if (fault !== undefined) return at(...wordsOf(fault, version));
    const missing = isFull ? missingOf(major.older.schema, mapped.data) : undefined;
    if (missing !== undefined)
      return at(`no "${missing}"`, `the value that it has in ${version}, or null if there is none`);
  }
  return undefined;
}

function wordsOf({ path, expected }: DataFault, version: string): readonly [string, string] {
  const isMore = expected === 'no such property';
  return isMore
    ? [`the property "${path}"`, `no such property, as in ${version}`]
    : [`an invalid value at "${path}"`, `${expected}, as in ${version}`];
}

/** A property that a mapping omits: it must set a lost property to null. Properties of any type are not generated. */
function missingOf({ properties }: ResourceSchema, data: Readonly<Record<string, unknown>>): string | undefined {
  return Object.entries(properties).find(
    ([name, node]) => (node as SchemaNode).type !== undefined && !Object.hasOwn(data, name),
  )?.[0];
}

/** Extreme examples of a version: all properties, as few as possible, and null wherever it is allowed. */
function examplesOf(schema: ResourceSchema): readonly Example[] {
  const values = Math.max(1, ...valuesOf(schema as SchemaNode));
  return [
    ...Array.from({ length: values }, (_, value): Example => {
      const more = value === 0 ? '' : ' with other values';
      return {
        of: `an example with all properties${more}`,
        data: inventData(schema, 'test_1', { value, items: 1 }),
        isFull: true,
      };
    }),
    {
      of: 'an example with two in each list',
      data: inventData(schema, 'test_1', { value: 0, items: 2 }),
      isFull: true,
    },
    { of: 'an example with only an id', data: { id: 'test_1' }, isFull: false },
    {
      of: 'an example of nulls',
      data: { ...Object.fromEntries(Object.keys(schema.properties).map((name) => [name, null])), id: 'test_1' },
      isFull: false,
    },
  ];
}

/** The length of each `enum`. */
function* valuesOf({ enum: values, properties, items }: SchemaNode): Generator<number> {
  if (values !== undefined) yield values.length;
  for (const node of [...Object.values(properties ?? {}), items ?? []].flat()) yield* valuesOf(node);
}
