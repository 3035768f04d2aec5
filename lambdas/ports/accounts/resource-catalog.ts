import type { ResourceSchema } from '../../engine/mapping/check-resource.ts';
import type { VersionedResources } from '../../engine/schema-versions/versioned-resource.ts';

/** The JSON Schemas of the canonical resources. */
export interface ResourceCatalog {
  /** All schemas by resource, sorted by name. */
  all(): Promise<ReadonlyMap<string, ResourceSchema>>;
  /** All schemas, each with its older major versions that are still served. */
  versioned(): Promise<VersionedResources>;
}
