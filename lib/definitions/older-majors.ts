import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { compileJsonata } from '../../lambdas/engine/expression/compile-jsonata.ts';
import type { ResourceSchema } from '../../lambdas/engine/mapping/check-resource.ts';
import { majorOf, type OlderMajor } from '../../lambdas/engine/schema-versions/versioned-resource.ts';
import { compareVersions } from './compare-resource-schemas.ts';
import { readJsonSource } from './json-source.ts';
import type { Releases } from './released-resources.ts';
import { fileFault, locateFaults, placedFault, type ResourceFault } from './resource-fault.ts';
import { type ResourceNode, type SchemaFault, toSchemaFaults } from './resource-schema.ts';

/*
 * An older major version that is still served has a file next to the resource's, with its number in the name:
 *
 *   hris/employees.json         the current version, for example 3.1.0
 *   hris/employees.v2.json      since when 2 is deprecated, and the mapping from 3 down to it
 *   hris/employees.v1.json      the same for 1, whose mapping starts from the data of 2
 *   hris/employees.v1.jsonata   the mapping, if it is longer than a line
 *
 * Its schema is that of its newest release.
 */

/** The name of a file that belongs to an older major version. */
export interface OlderMajorFile {
  readonly resource: string;
  readonly major: number;
  readonly extension: 'json' | 'jsonata';
}

/** The older major version that a file name belongs to; undefined for other files. */
export function parseOlderMajorFile(path: string): OlderMajorFile | undefined {
  const [, resource, major, extension] = /^(.*)\.v([1-9]\d{0,4})\.(jsonata|json)$/.exec(path) ?? [];
  if (resource === undefined) return undefined;
  return { resource, major: Number(major), extension: extension as OlderMajorFile['extension'] };
}

const dateTime = z.iso.datetime({ offset: true, error: 'expected a time such as 2027-06-01T00:00:00Z' });
const fileSchema = z.strictObject({
  down: z.string('expected JSONata, or the name of the file that holds it'),
  deprecated_at: dateTime,
  sunset_at: dateTime.nullable().default(null),
  // It becomes part of a header.
  link: z
    .url({ protocol: /^https?$/, error: 'expected a URL of http or https' })
    .regex(/^[\x21\x23-\x3b\x3d\x3f-\x7e]+$/, 'expected a URL of printable ASCII characters')
    .optional(),
});
const members = Object.keys(fileSchema.shape).join(', ');

/** An older major version, and the place of its mapping. */
export interface ReadOlderMajor {
  readonly older: OlderMajor;
  readonly place: Pick<ResourceFault, 'file' | 'line' | 'column' | 'path'>;
}

/**
 * Read and check the older major versions of a resource.
 *
 * @param current - Undefined if the resource itself has a fault: then only the files are checked.
 * @param releases - Undefined if they cannot be read.
 * @returns Newest first; none if there is a fault.
 */
export function readOlderMajors(
  home: string,
  resource: string,
  files: readonly OlderMajorFile[],
  current: ResourceSchema | undefined,
  releases: Releases | undefined,
): { readonly older: readonly ReadOlderMajor[]; readonly faults: readonly ResourceFault[] } {
  const majors = files
    .flatMap(({ major, extension }) => (extension === 'json' ? major : []))
    .sort((one, other) => other - one);
  const faults: ResourceFault[] = [];
  const older: ReadOlderMajor[] = [];
  for (const { major, extension } of files)
    if (extension === 'jsonata' && !majors.includes(major))
      faults.push(
        fileFault(nameOf(resource, major, extension), 'a mapping alone', `${nameOf(resource, major, 'json')}, too`),
      );
  for (const major of majors) {
    const misplaced = current === undefined ? undefined : misplacedFault(resource, major, majors, current);
    const release = newestRelease(releases?.[resource] ?? {}, major);
    const unreleased =
      releases === undefined || release !== undefined
        ? undefined
        : fileFault(nameOf(resource, major, 'json'), `no released version ${major}`, 'one that readers know');
    const read = readFile(home, resource, major, release);
    faults.push(...read.faults, ...(misplaced ?? []), ...(unreleased === undefined ? [] : [unreleased]));
    if (read.older !== undefined) older.push(read.older);
  }
  return faults.length > 0 ? { older: [], faults } : { older, faults };
}

function nameOf(resource: string, major: number, extension: OlderMajorFile['extension']): string {
  return `${resource}.v${major}.${extension}`;
}

/** Each version maps from the next one, so no version may be missing between an older and the current one. */
function misplacedFault(
  resource: string,
  major: number,
  majors: readonly number[],
  { version }: ResourceSchema,
): readonly ResourceFault[] {
  const file = nameOf(resource, major, 'json');
  const newest = majorOf(version);
  if (major >= newest)
    return [fileFault(file, `major version ${major} with the current version ${version}`, 'an older major version')];
  return major + 1 === newest || majors.includes(major + 1)
    ? []
    : [
        fileFault(
          file,
          `no major version ${major + 1} to map down from`,
          `${nameOf(resource, major + 1, 'json')}, too: no version may be missing between a served one and the current one`,
        ),
      ];
}

function newestRelease(versions: Readonly<Record<string, ResourceNode>>, major: number): ResourceNode | undefined {
  return Object.values(versions)
    .filter(({ version }) => majorOf(version) === major)
    .sort((one, other) => compareVersions(other.version, one.version))[0];
}

function readFile(
  home: string,
  resource: string,
  major: number,
  release: ResourceNode | undefined,
): { readonly older?: ReadOlderMajor; readonly faults: readonly ResourceFault[] } {
  const name = nameOf(resource, major, 'json');
  const source = readJsonSource(readFileSync(join(home, name), 'utf8'));
  if (source.kind === 'fault') return { faults: locateFaults(source, name, []) };
  const parsed = fileSchema.safeParse(source.value);
  if (!parsed.success)
    return {
      faults: locateFaults(
        source,
        name,
        parsed.error.issues.flatMap((issue) => toSchemaFaults(issue, source.value, 'member', members)),
      ),
    };
  const { deprecated_at, sunset_at, link } = parsed.data;
  const found = [...timeFaults(parsed.data)];
  const down = readDown(home, resource, major, parsed.data.down);
  if (down.kind === 'fault') found.push(down.fault);
  const faults = [...locateFaults(source, name, found), ...(down.kind === 'misplaced' ? [down.fault] : [])];
  if (faults.length > 0 || down.kind !== 'mapping' || release === undefined) return { faults };
  const older = { schema: release, down: down.text, deprecated_at, sunset_at, ...(link === undefined ? {} : { link }) };
  const place = placedFault(down.file ?? name, down.file === undefined ? source.placeOf(['down']) : firstPlace, 'down');
  return { older: { older, place }, faults };
}

const firstPlace = { line: 1, column: 1 };

function* timeFaults({
  deprecated_at: deprecated,
  sunset_at: sunset,
}: z.output<typeof fileSchema>): Generator<SchemaFault> {
  if (sunset !== null && Date.parse(sunset) <= Date.parse(deprecated))
    yield { path: ['sunset_at'], got: JSON.stringify(sunset), expected: `a time after "deprecated_at", ${deprecated}` };
}

type ReadDown =
  | { readonly kind: 'mapping'; readonly text: string; readonly file?: string }
  | { readonly kind: 'fault'; readonly fault: SchemaFault }
  /** In the mapping's own file. */
  | { readonly kind: 'misplaced'; readonly fault: ResourceFault };

/** The text of a mapping, from the file of the version or from the `.jsonata` file next to it. */
function readDown(home: string, resource: string, major: number, written: string): ReadDown {
  const file = nameOf(resource, major, 'jsonata');
  const beside = file.replace(/^.*\//, '');
  const atDown = (got: string, expected: string): ReadDown => ({
    kind: 'fault',
    fault: { path: ['down'], got, expected },
  });
  const isThere = existsSync(join(home, file));
  // As JSONata, a file name would be a path expression that maps everything to nothing.
  const isFile = /^[\w.-]+\.jsonata?$/.test(written);
  if (isFile && written !== beside)
    return atDown(JSON.stringify(written), `"${beside}", the file next to this one, or JSONata`);
  if (isFile && !isThere) return atDown(`"${beside}" but no such file`, 'that file next to this one, or JSONata');
  if (!isFile && isThere) return atDown('both JSONata and its file', `"${beside}", or no such file`);
  const text = isFile ? readFileSync(join(home, file), 'utf8') : written;
  const fault = compileFault(text);
  if (fault === undefined) return { kind: 'mapping', text, ...(isFile ? { file } : {}) };
  if (!isFile)
    return atDown(
      text.trim() === '' ? 'nothing' : `invalid JSONata (${fault.message})`,
      'JSONata from the data of the next major version to the data of this one',
    );
  const before = text.slice(0, fault.position).split('\n');
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  return { kind: 'misplaced', fault: { ...placedFault(file, place, ''), message: `JSONata: ${fault.message}` } };
}

function compileFault(text: string): { readonly message: string; readonly position: number } | undefined {
  if (text.trim() === '') return { message: 'got nothing', position: 0 };
  try {
    compileJsonata(text);
    return undefined;
  } catch (error) {
    const { message, position = 0 } = error as { readonly message: string; readonly position?: number };
    return { message: message.replace(/\s*\n\s*/g, ' '), position };
  }
}
