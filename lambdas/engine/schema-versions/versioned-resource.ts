import type { ResourceSchema } from '../mapping/check-resource.ts';

/** A major version of a resource that was followed by another, and is served all the same. */
export interface OlderMajor {
  /** The schema of its newest release. */
  readonly schema: ResourceSchema;
  /** JSONata from the data of the next newer major to the data of this one. */
  readonly down: string;
  /** ISO 8601. */
  readonly deprecated_at: string;
  /** ISO 8601: from when no new reader may read it; null where that is not known yet. */
  readonly sunset_at: string | null;
  /** Where its readers are told how to move on. */
  readonly link?: string;
}

/** A canonical resource in every major version that is served. */
export interface VersionedResource {
  readonly schema: ResourceSchema;
  /** Newest first, none left out between two of them. */
  readonly older: readonly OlderMajor[];
}

/** By resource. */
export type VersionedResources = ReadonlyMap<string, VersionedResource>;

/** A major version that a reader uses is going to end. */
export interface Deprecation {
  readonly resource: string;
  readonly major: number;
  /** ISO 8601. */
  readonly deprecatedAt: string;
  /** ISO 8601; null where it is not known yet. */
  readonly sunsetAt: string | null;
  readonly link: string | undefined;
}

/** A major version that may be read. */
export interface ServedMajor {
  readonly major: number;
  /** Of its newest release. */
  readonly schema: ResourceSchema;
  /** Undefined of the current one. */
  readonly deprecation: Deprecation | undefined;
}

/** @param version - Semantic; what has no schema has the version 0.0.0. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** The major versions of a resource that may be read, newest first. */
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
