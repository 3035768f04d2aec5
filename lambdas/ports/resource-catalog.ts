import type { ResourceSchema } from '../engine/mapping/check-resource.ts';

/** The JSON Schemas of the canonical resources. */
export interface ResourceCatalog {
  /** All of them by resource, in the order of their names. */
  all(): Promise<ReadonlyMap<string, ResourceSchema>>;
}
