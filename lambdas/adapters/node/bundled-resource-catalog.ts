import { readFile } from 'node:fs/promises';
import type { ResourceSchema } from '../../engine/mapping/check-resource.ts';
import type { ResourceCatalog } from '../../ports/resource-catalog.ts';

/** The compiled resources that lie beside a function's bundle in one file, read when it is first asked for. */
export function createBundledResourceCatalog(file: URL): ResourceCatalog {
  let read: Promise<ReadonlyMap<string, ResourceSchema>> | undefined;
  return {
    all() {
      if (read === undefined) {
        read = readResources(file);
        // A read that failed is no answer for the next to ask.
        read.catch(() => {
          read = undefined;
        });
      }
      return read;
    },
  };
}

async function readResources(file: URL): Promise<ReadonlyMap<string, ResourceSchema>> {
  return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, ResourceSchema>));
}
