import { prepareResources, schemaVersionOf } from '../../engine/mapping/check-resource.ts';
import type { ResourceCatalog } from '../../ports/accounts/resource-catalog.ts';

/** The version of the schema that the data of a resource follows. */
export async function readSchemaVersion(resources: ResourceCatalog, resource: string): Promise<string> {
  return schemaVersionOf(prepareResources(await resources.all()), resource);
}
