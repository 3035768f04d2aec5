import { readFile } from 'node:fs/promises';
import type { VersionedResource, VersionedResources } from '../../engine/schema-versions/versioned-resource.ts';
import type { ResourceCatalog } from '../../ports/accounts/resource-catalog.ts';

/** The compiled resources, one file in the folder of a function's bundle; it is read on first use. */
export function createBundledResourceCatalog(file: URL): ResourceCatalog {
  let read: Promise<VersionedResources> | undefined;
  const versioned = () => {
    if (read === undefined) {
      read = readResources(file);
      // Do not cache a failure: the next caller reads again.
      read.catch(() => {
        read = undefined;
      });
    }
    return read;
  };
  return {
    all: async () => new Map([...(await versioned())].map(([resource, { schema }]) => [resource, schema])),
    versioned,
  };
}

async function readResources(file: URL): Promise<VersionedResources> {
  return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, VersionedResource>));
}
