import type { VersionedResources } from '../../lambdas/engine/schema-versions/versioned-resource.ts';
import type { ResourceCatalog } from '../../lambdas/ports/accounts/resource-catalog.ts';

/** A catalog of resources that counts its reads. */
export function createInMemoryResources(versioned: VersionedResources = new Map()) {
  let reads = 0;
  const read = async () => {
    reads += 1;
    return versioned;
  };
  return {
    all: async () => new Map([...(await read())].map(([resource, { schema }]) => [resource, schema])),
    versioned: read,
    reads: () => reads,
  } satisfies ResourceCatalog & { reads: () => number };
}
