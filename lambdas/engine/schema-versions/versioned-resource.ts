import type { ResourceSchema } from '../mapping/check-resource.ts';

/** An older major version of a resource that the engine still serves. */
export interface OlderMajor {
  /** The schema of its newest release. */
  readonly schema: ResourceSchema;
  /** JSONata from the data of the next newer major to the data of this one. */
  readonly down: string;
  /** ISO 8601. */
  readonly deprecated_at: string;
  /** ISO 8601: from this time on, new readers are refused; null if the date is not set yet. */
  readonly sunset_at: string | null;
  /** Page with the migration guide. */
  readonly link?: string;
}

/** A canonical resource with all served major versions. */
export interface VersionedResource {
  readonly schema: ResourceSchema;
  /** Newest first, without gaps. */
  readonly older: readonly OlderMajor[];
}

/** By resource. */
export type VersionedResources = ReadonlyMap<string, VersionedResource>;

/** The announced end of a major version. */
export interface Deprecation {
  readonly resource: string;
  readonly major: number;
  /** ISO 8601. */
  readonly deprecatedAt: string;
  /** ISO 8601; null if the date is not set yet. */
  readonly sunsetAt: string | null;
  readonly link: string | undefined;
}

/** A major version that readers can use. */
export interface ServedMajor {
  readonly major: number;
  /** The schema of its newest release. */
  readonly schema: ResourceSchema;
  /** Undefined for the current version. */
  readonly deprecation: Deprecation | undefined;
}

/** @param version - Semantic version; 0.0.0 for a resource without a schema. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** The major versions of a resource that readers can use, newest first. */
export function servedMajors(resource: string, { schema, older }: VersionedResource): readonly ServedMajor[] {
  return [
    { major: majorOf(schema.version), schema, deprecation: undefined },
    ...older.map((one): ServedMajor => {
      const major = majorOf(one.schema.version);
      return { major, schema: one.schema, deprecation: deprecationOf(resource, major, one) };
    }),
  ];
}

function deprecationOf(resource: string, major: number, older: OlderMajor): Deprecation {
  const { deprecated_at: deprecatedAt, sunset_at: sunsetAt, link } = older;
  return { resource, major, deprecatedAt, sunsetAt, link };
}
