import { readdir, readFile } from 'node:fs/promises';
import type { Definition } from '../../engine/definition/schema.ts';
import type { IntegrationCatalog } from '../../ports/accounts/integration-catalog.ts';

/** The compiled definitions that lie beside a function's bundle, each read when it is first asked for. */
export function createBundledIntegrationCatalog(folder: URL): IntegrationCatalog {
  const read = new Map<string, Promise<Definition | undefined>>();
  let names: Promise<readonly string[]> | undefined;
  return {
    names() {
      names ??= readdir(folder).then((files) => files.map((file) => file.replace(/\.json$/, '')).sort());
      return names;
    },
    get(name) {
      // A name comes from a URL: only one that a definition may have becomes part of a path.
      if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) return Promise.resolve(undefined);
      let definition = read.get(name);
      if (definition === undefined) {
        definition = readDefinition(new URL(`${name}.json`, folder));
        read.set(name, definition);
        // What is not there, or could not be read, is asked for again: names are a stranger's to choose.
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
