import type { ResourceSchema } from '../../engine/mapping/check-resource.ts';
import type { VersionedResources } from '../../engine/schema-versions/versioned-resource.ts';

/** The JSON Schemas of the canonical resources. */
export interface ResourceCatalog {
  /** All of them by resource, in the order of their names. */
  all(): Promise<ReadonlyMap<string, ResourceSchema>>;
  /** The same, each with its older major versions that are still served. */
  versioned(): Promise<VersionedResources>;
}
