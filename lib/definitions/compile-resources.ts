import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatFault } from '../../lambdas/engine/definition/parse-definition.ts';
import type { ResourceSchema } from '../../lambdas/engine/mapping/check-resource.ts';
import type { VersionedResources } from '../../lambdas/engine/schema-versions/versioned-resource.ts';
import { versionFaults } from './compare-resource-schemas.ts';
import { resourcesFolder } from './integration-folders.ts';
import { readJsonSource } from './json-source.ts';
import { type OlderMajorFile, parseOlderMajorFile, type ReadOlderMajor, readOlderMajors } from './older-majors.ts';
import { printReleases, type Releases, readReleases, releasedFile } from './released-resources.ts';
import { fileFault, locateFaults, type ResourceFault } from './resource-fault.ts';
import { parseResourceSchema } from './resource-schema.ts';

/** The canonical resources of a folder. */
export interface ReadResources {
  /** The valid schemas, by resource, in the order of their names. */
  readonly schemas: ReadonlyMap<string, ResourceSchema>;
  /** Older major versions that are still served, by resource, newest first. */
  readonly older: ReadonlyMap<string, readonly ReadOlderMajor[]>;
  /** The released versions, removed resources included; empty if they cannot be read. */
  readonly releases: Releases;
  readonly faults: readonly ResourceFault[];
}

/**
 * Read and check every canonical resource, and its version against the released versions. `tryDownMappings` checks the
 * mappings to older major versions.
 *
 * @param root - The `integrations/` folder.
 */
export function readResources(root: string): ReadResources {
  const home = join(root, resourcesFolder);
  if (!existsSync(home)) return { schemas: new Map(), older: new Map(), releases: {}, faults: [] };
  const { files, olderFiles, faults: strays } = listResources(home);
  const released = readReleases(home);
  const schemas = new Map<string, ResourceSchema>();
  const older = new Map<string, readonly ReadOlderMajor[]>();
  const faults: ResourceFault[] = [...strays];
  for (const resource of files) {
    const source = readJsonSource(readFileSync(join(home, `${resource}.json`), 'utf8'));
    const parsed = parseResourceSchema(source.kind === 'json' ? source.value : undefined, resource);
    if (parsed.kind === 'schema') schemas.set(resource, parsed.schema);
    const found =
      parsed.kind === 'faults'
        ? parsed.faults
        : released.kind === 'faults'
          ? []
          : versionFaults(Object.values(released.releases[resource] ?? {}), parsed.schema);
    faults.push(...locateFaults(source, `${resource}.json`, found));
    const releases = released.kind === 'faults' ? undefined : released.releases;
    const majors = readOlderMajors(home, resource, olderFiles.get(resource) ?? [], schemas.get(resource), releases);
    if (majors.older.length > 0) older.set(resource, majors.older);
    faults.push(...majors.faults);
  }
  if (released.kind === 'faults') return { schemas, older, releases: {}, faults: [...faults, ...released.faults] };
  const gone = Object.keys(released.releases)
    .filter((resource) => !files.includes(resource))
    .map((resource) => fileFault(`${resource}.json`, 'no file', `the schema that ${releasedFile} lists as released`));
  return { schemas, older, releases: released.releases, faults: [...faults, ...gone] };
}

/**
 * Read, check and compile every canonical resource of a folder.
 *
 * @throws {Error} which lists every fault of every schema with its file, line and column.
 */
export function compileResources(root: URL | string): ReadonlyMap<string, ResourceSchema> {
  return readSound(root).schemas;
}

/** Like {@link compileResources}, with the older major versions that are still served. */
export function compileVersionedResources(root: URL | string): VersionedResources {
  const { schemas, older } = readSound(root);
  return new Map(
    [...schemas].map(([resource, schema]) => [
      resource,
      { schema, older: (older.get(resource) ?? []).map((one) => one.older) },
    ]),
  );
}

function readSound(root: URL | string): ReadResources {
  const read = readResources(typeof root === 'string' ? root : fileURLToPath(root));
  throwFaults(read.faults);
  return read;
}

/** @throws {Error} which lists every fault, if there is one. */
export function throwFaults(faults: readonly ResourceFault[]): void {
  if (faults.length > 0) throw new Error(`invalid resources:\n${faults.map(formatFault).join('\n')}`);
}

/** Resources whose current version is not released. */
export function unreleasedOf({ schemas, releases }: ReadResources): readonly string[] {
  return [...schemas]
    .filter(([resource, { version }]) => releases[resource]?.[version] === undefined)
    .map(([resource]) => resource);
}

/** Record the current versions of resources as released. Only for resources without faults. */
export function releaseResources(root: string, { schemas, releases }: ReadResources): void {
  const current = [...schemas].map(([resource, schema]) => [
    resource,
    { ...releases[resource], [schema.version]: schema },
  ]);
  const text = printReleases({ ...releases, ...Object.fromEntries(current) });
  writeFileSync(join(root, resourcesFolder, releasedFile), text);
}

const name = /^[a-z][a-z_]*$/;

interface ListedResources {
  readonly files: readonly string[];
  /** Files of their older major versions, by resource. */
  readonly olderFiles: ReadonlyMap<string, readonly OlderMajorFile[]>;
  readonly faults: readonly ResourceFault[];
}

/** The resources of a folder, and faults for its other files. */
function listResources(home: string): ListedResources {
  const files: string[] = [];
  const olderFiles = new Map<string, readonly OlderMajorFile[]>();
  const faults: ResourceFault[] = [];
  for (const model of listFolder(home)) {
    if (!model.isDirectory()) {
      if (model.name !== releasedFile)
        faults.push(fileFault(model.name, 'a file that is not a resource', `${releasedFile} or <model>/<plural>.json`));
      continue;
    }
    const inModel = listFolder(join(home, model.name));
    const isThere = (path: string) => inModel.some(({ name }) => `${model.name}/${name}` === `${path}.json`);
    for (const file of inModel) {
      const olderFile = parseOlderMajorFile(`${model.name}/${file.name}`);
      if (file.isFile() && olderFile !== undefined && isThere(olderFile.resource)) {
        olderFiles.set(olderFile.resource, [...(olderFiles.get(olderFile.resource) ?? []), olderFile]);
        continue;
      }
      const plural = /^(.*)\.json$/.exec(file.name)?.[1] ?? '';
      if (file.isFile() && name.test(model.name) && name.test(plural)) files.push(`${model.name}/${plural}`);
      else
        faults.push(
          fileFault(
            `${model.name}/${file.name}`,
            'a file that is not a resource',
            olderFile === undefined
              ? '<model>/<plural>.json in lower-case letters and "_"'
              : `${olderFile.resource}.json, too: this file belongs to an older major version of it`,
          ),
        );
    }
  }
  return { files, olderFiles, faults };
}

/** The entries of a folder, by name, without those of the operating system (.DS_Store). */
function listFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
