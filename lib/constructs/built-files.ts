import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder that `npm pack` builds beside the compiled library; undefined in the repository, which has none. */
export function builtFolder(name: string): string | undefined {
  const folder = fileURLToPath(new URL(`../../${name}`, import.meta.url));
  return existsSync(folder) ? folder : undefined;
}

/** Contents of the files of a folder by path, in the order of the paths. */
export function readFolder(folder: string): ReadonlyMap<string, Uint8Array> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  return new Map(paths.map((path) => [path, readFileSync(join(folder, path))]));
}
