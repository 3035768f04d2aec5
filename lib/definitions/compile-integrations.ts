import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasWebhook } from '../../lambdas/engine/definition/has-webhook.ts';
import {
  type DefinitionFault,
  formatFault,
  parseDefinition,
} from '../../lambdas/engine/definition/parse-definition.ts';
import type { Definition, WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { readCandidate } from './canaries.ts';
import { integrationNames } from './integration-folders.ts';

/** The file in each integration's folder. */
const definitionFile = 'integration.yaml';

/**
 * Read, check and compile every integration of a folder.
 *
 * @param root - The `integrations/` folder.
 * @returns The definitions by name, in the order of their names, each self-contained.
 * @throws {Error} which lists every fault of every definition with its file, line and column.
 */
export function compileIntegrations(root: URL | string): ReadonlyMap<string, Definition> {
  const folder = typeof root === 'string' ? root : fileURLToPath(root);
  const definitions = new Map<string, Definition>();
  const faults: DefinitionFault[] = [];
  for (const name of integrationNames(folder)) {
    const parsed = parseIntegration(folder, name);
    if (parsed.kind === 'definition') definitions.set(name, parsed.definition);
    else faults.push(...parsed.faults);
  }
  if (faults.length > 0) throw new Error(`invalid integrations:\n${faults.map(formatFault).join('\n')}`);
  return definitions;
}

/**
 * Compile the candidates in a folder of integrations: new versions that operators try on named accounts.
 *
 * @param current - The definitions of the same folder.
 * @returns By the name of their integrations; most have none.
 * @throws {Error} as {@link compileIntegrations}.
 */
export function compileCandidates(
  root: URL | string,
  current: ReadonlyMap<string, Definition>,
): ReadonlyMap<string, Definition> {
  const folder = typeof root === 'string' ? root : fileURLToPath(root);
  const candidates = new Map<string, Definition>();
  const faults: DefinitionFault[] = [];
  for (const [name, definition] of current) {
    const parsed = readCandidate(folder, name, definition)?.parsed;
    if (parsed?.kind === 'definition') candidates.set(name, parsed.definition);
    if (parsed?.kind === 'faults') faults.push(...parsed.faults);
  }
  if (faults.length > 0) throw new Error(`invalid candidates:\n${faults.map(formatFault).join('\n')}`);
  return candidates;
}

/** The integrations of a folder whose providers send webhooks. @throws {Error} as {@link compileIntegrations}. */
export function compileWebhookIntegrations(root: URL | string): ReadonlyMap<string, WebhookDefinition> {
  return new Map(
    compileIntegrations(root)
      .entries()
      .flatMap(([name, definition]) => (hasWebhook(definition) ? [[name, definition] as const] : [])),
  );
}

function parseIntegration(folder: string, name: string) {
  const path = join(folder, name, definitionFile);
  const file = `integrations/${name}/${definitionFile}`;
  if (!existsSync(path))
    return {
      kind: 'faults' as const,
      faults: [{ file, line: 1, column: 1, path: '', message: 'the folder has no such file' }],
    };
  return parseDefinition(readFileSync(path, 'utf8'), {
    file,
    folder: name,
    read: (other) => {
      const beside = join(folder, name, other);
      return existsSync(beside) ? readFileSync(beside, 'utf8') : undefined;
    },
  });
}
