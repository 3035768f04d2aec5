import { readdirSync } from 'node:fs';

/** The folder beside the integrations that holds the schemas of the canonical resources. */
export const resourcesFolder = 'resources';

/**
 * Names of the integrations in a folder: of every folder but `resources`, so that one without a
 * definition is found out.
 */
export function integrationNames(root: string): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== resourcesFolder)
    .map(({ name }) => name)
    .sort();
}
