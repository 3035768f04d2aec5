import { readdir, readFile } from 'node:fs/promises';
import type { Definition } from '../../engine/definition/schema.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';

/** The compiled definitions in the folder of a function's bundle; each is read on first use. */
export function createBundledIntegrationCatalog(folder: URL): IntegrationCatalog {
  const read = new Map<string, Promise<Definition | undefined>>();
  let names: Promise<readonly string[]> | undefined;
  return {
    names() {
      names ??= readdir(folder).then((files) => files.map((file) => file.replace(/\.json$/, '')).sort());
      return names;
    },
    get(name) {
      // A name comes from a URL: use it in a path only if a definition may have that name.
      if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) return Promise.resolve(undefined);
      let definition = read.get(name);
      if (definition === undefined) {
        definition = readDefinition(new URL(`${name}.json`, folder));
        read.set(name, definition);
        // Do not cache a missing or unreadable definition: anyone may choose names, and the cache has no bound.
        definition.then(
          (found) => found ?? read.delete(name),
          () => read.delete(name),
        );
      }
      return definition;
    },
  };
}

async function readDefinition(file: URL): Promise<Definition | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Definition;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
