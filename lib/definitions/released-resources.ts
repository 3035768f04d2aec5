import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { compareVersions } from './compare-resource-schemas.ts';
import { readJsonSource } from './json-source.ts';
import { locateFaults, type ResourceFault } from './resource-fault.ts';
import { type ResourceNode, type SchemaFault, schemaIdOf } from './resource-schema.ts';

/** The file that holds the schemas of all released versions. */
export const releasedFile = 'released.json';

/** The schemas of released versions, by resource and version. */
export type Releases = Readonly<Record<string, Readonly<Record<string, ResourceNode>>>>;

export type ReadReleases =
  | { readonly kind: 'releases'; readonly releases: Releases }
  | { readonly kind: 'faults'; readonly faults: readonly ResourceFault[] };

const releasesSchema = z.record(
  z.string(),
  z.record(z.string(), z.object({ $id: z.string(), version: z.string() }).loose()),
);

/** Read the released versions; none if the file does not exist. */
export function readReleases(home: string): ReadReleases {
  const path = join(home, releasedFile);
  if (!existsSync(path)) return { kind: 'releases', releases: {} };
  const text = readFileSync(path, 'utf8');
  const value = parseJson(text);
  const faults = [...releaseFaults(value)];
  if (faults.length === 0) return { kind: 'releases', releases: value as Releases };
  return { kind: 'faults', faults: locateFaults(readJsonSource(text), releasedFile, faults) };
}

/** One line per version, so that a release only adds lines. */
export function printReleases(releases: Releases): string {
  const blocks = Object.keys(releases)
    .sort()
    .map((resource) => {
      const versions = Object.entries(releases[resource] ?? {}).sort(([one], [other]) => compareVersions(one, other));
      const lines = versions.map(([version, schema]) => `    "${version}": ${JSON.stringify(schema)}`);
      return `  ${JSON.stringify(resource)}: {\n${lines.join(',\n')}\n  }`;
    });
  return `{\n${blocks.join(',\n')}\n}\n`;
}

function* releaseFaults(value: unknown): Generator<SchemaFault> {
  const parsed = releasesSchema.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    yield { path, got: message, expected: '{ "<resource>": { "<version>": <schema> } }' };
    return;
  }
  for (const [resource, versions] of Object.entries(parsed.data))
    for (const [version, schema] of Object.entries(versions))
      if (schema.$id !== schemaIdOf(resource) || schema.version !== version)
        yield {
          path: [resource, version],
          got: `the schema ${schema.$id} in version ${schema.version}`,
          expected: `${schemaIdOf(resource)} in version ${version}`,
        };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
