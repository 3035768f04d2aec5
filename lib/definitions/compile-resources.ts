import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatFault } from '../../lambdas/engine/definition/parse-definition.ts';
import type { ResourceSchema } from '../../lambdas/engine/mapping/check-resource.ts';
import { versionFaults } from './compare-resource-schemas.ts';
import { resourcesFolder } from './integration-folders.ts';
import { readJsonSource } from './json-source.ts';
import { printReleases, type Releases, readReleases, releasedFile } from './released-resources.ts';
import { fileFault, locateFaults, type ResourceFault } from './resource-fault.ts';
import { parseResourceSchema } from './resource-schema.ts';

/** The canonical resources of a folder. */
export interface ReadResources {
  /** Those whose schema is sound, by resource, in the order of their names. */
  readonly schemas: ReadonlyMap<string, ResourceSchema>;
  /** What is released of them, whether or not it is still there; nothing where that cannot be read. */
  readonly releases: Releases;
  readonly faults: readonly ResourceFault[];
}

/**
 * Read and check every canonical resource, and its version against those that are released.
 *
 * @param root - The `integrations/` folder.
 */
export function readResources(root: string): ReadResources {
  const home = join(root, resourcesFolder);
  if (!existsSync(home)) return { schemas: new Map(), releases: {}, faults: [] };
  const { files, faults: strays } = listResources(home);
  const released = readReleases(home);
  const schemas = new Map<string, ResourceSchema>();
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
  }
  if (released.kind === 'faults') return { schemas, releases: {}, faults: [...faults, ...released.faults] };
  const gone = Object.keys(released.releases)
    .filter((resource) => !files.includes(resource))
    .map((resource) => fileFault(`${resource}.json`, 'no file', `the schema that ${releasedFile} has released`));
  return { schemas, releases: released.releases, faults: [...faults, ...gone] };
}

/**
 * Read, check and compile every canonical resource of a folder.
 *
 * @throws {Error} naming every fault of every schema with its file, line and column.
 */
export function compileResources(root: URL | string): ReadonlyMap<string, ResourceSchema> {
  const { schemas, faults } = readResources(typeof root === 'string' ? root : fileURLToPath(root));
  if (faults.length > 0) throw new Error(`invalid resources:\n${faults.map(formatFault).join('\n')}`);
  return schemas;
}

/** Resources whose current version is not released. */
export function unreleasedOf({ schemas, releases }: ReadResources): readonly string[] {
  return [...schemas]
    .filter(([resource, { version }]) => releases[resource]?.[version] === undefined)
    .map(([resource]) => resource);
}

/** Record the current versions of resources that have no faults as released. */
export function releaseResources(root: string, { schemas, releases }: ReadResources): void {
  const current = [...schemas].map(([resource, schema]) => [
    resource,
    { ...releases[resource], [schema.version]: schema },
  ]);
  const text = printReleases({ ...releases, ...Object.fromEntries(current) });
  writeFileSync(join(root, resourcesFolder, releasedFile), text);
}

const name = /^[a-z][a-z_]*$/;

/** The resources that a folder has files of, and what else lies in it. */
function listResources(home: string): { readonly files: readonly string[]; readonly faults: readonly ResourceFault[] } {
  const files: string[] = [];
  const faults: ResourceFault[] = [];
  for (const model of listFolder(home)) {
    if (!model.isDirectory()) {
      if (model.name !== releasedFile)
        faults.push(fileFault(model.name, 'a file that is no resource', `${releasedFile} or <model>/<plural>.json`));
      continue;
    }
    for (const file of listFolder(join(home, model.name))) {
      const plural = /^(.*)\.json$/.exec(file.name)?.[1] ?? '';
      if (file.isFile() && name.test(model.name) && name.test(plural)) files.push(`${model.name}/${plural}`);
      else
        faults.push(
          fileFault(
            `${model.name}/${file.name}`,
            'a file that is no resource',
            '<model>/<plural>.json in lower-case letters and "_"',
          ),
        );
    }
  }
  return { files, faults };
}

/** What lies in a folder, by name, without what a machine keeps there for itself (.DS_Store). */
function listFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.name.startsWith('.'))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
