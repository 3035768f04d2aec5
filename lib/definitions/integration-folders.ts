import { readdirSync } from 'node:fs';

/** The folder next to the integrations that holds the schemas of the canonical resources. */
export const resourcesFolder = 'resources';

/**
 * Names of the integrations in a folder: all folders except `resources`, so that a folder without a definition becomes
 * a fault.
 */
export function integrationNames(root: string): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== resourcesFolder)
    .map(({ name }) => name)
    .sort();
}
