import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import {
  formatFault,
  offsetOf,
  type ParsedDefinition,
  parseDefinition,
} from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition, WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { type ReadResources, readResources } from '../../definitions/compile-resources.ts';
import { type Exchanges, readExchanges } from '../../definitions/exchanges.ts';
import { integrationNames } from '../../definitions/integration-folders.ts';
import type { TextPlace } from '../../definitions/json-source.ts';
import { readSamples, type Sample } from '../../definitions/samples.ts';
import { type CommandPorts, UnusableInput } from '../command.ts';
import { suggestion } from './nearest-name.ts';

const definitionFile = 'integration.yaml';

/** One integration's definition, read and checked. */
export interface ReadDefinition {
  readonly parsed: ParsedDefinition;
  /** Text of the YAML file; empty if there is none. */
  readonly yaml: string;
}

/**
 * Names of the wanted integration, or of all.
 *
 * @throws {UnusableInput} when there is no such integration.
 */
export function selectIntegrations(root: string, wanted: string | undefined): readonly string[] {
  const names = integrationNames(root);
  if (wanted === undefined) return names;
  if (!names.includes(wanted))
    throw new UnusableInput(`There is no integration "${wanted}".${suggestion(wanted, names)}`);
  return [wanted];
}

/** Read an integration's definition, with all its faults. */
export function readDefinition(root: string, name: string): ReadDefinition {
  const file = `integrations/${name}/${definitionFile}`;
  const yaml = readIfThere(join(root, name, definitionFile));
  if (yaml === undefined) {
    const fault = { file, line: 1, column: 1, path: '', message: 'the folder has no such file' };
    return { parsed: { kind: 'faults', faults: [fault] }, yaml: '' };
  }
  const read = (other: string) => readIfThere(join(root, name, other));
  return { parsed: parseDefinition(yaml, { file, folder: name, read }), yaml };
}

/** The place of a value in a definition, for faults that show only when the definition runs. */
export function placeInDefinition(root: string, name: string, path: string): { file: string } & TextPlace {
  const lines = new LineCounter();
  const document = parseDocument(readDefinition(root, name).yaml, { lineCounter: lines, prettyErrors: false });
  const { line, col } = lines.linePos(offsetOf(document, path.split('.')));
  return { file: `integrations/${name}/${definitionFile}`, line, column: col };
}

/** @throws {UnusableInput} when there is no such integration or its definition is invalid. */
export function loadDefinition(root: string, name: string): Definition {
  selectIntegrations(root, name);
  const { parsed } = readDefinition(root, name);
  if (parsed.kind === 'definition') return parsed.definition;
  throw new UnusableInput(`The definition of "${name}" is invalid:\n${parsed.faults.map(formatFault).join('\n')}`);
}

/** @throws {UnusableInput} when there is no such integration, its definition is invalid, or its provider sends no webhooks. */
export function loadWebhookDefinition(root: string, name: string): WebhookDefinition {
  const definition = loadDefinition(root, name);
  if (hasWebhook(definition)) return definition;
  throw new UnusableInput(`The definition of "${name}" has no \`webhook\`: its provider sends no requests.`);
}

/** @throws {UnusableInput} when the integration has no sample of this name or an unreadable sample. */
export function loadSample(root: string, integration: string, name: string): Sample {
  const samples = loadSamples(root, integration);
  const sample = samples.find((candidate) => candidate.name === name);
  if (sample !== undefined) return sample;
  const names = samples.map((candidate) => candidate.name);
  throw new UnusableInput(
    `"${integration}" has no sample "${name}".${suggestion(name, names)} It has: ${names.join(', ') || 'none'}.`,
  );
}

/**
 * @param overlay - See {@link readSamples}.
 * @throws {UnusableInput} when a sample cannot be read.
 */
export function loadSamples(root: string, integration: string, overlay?: string): readonly Sample[] {
  try {
    return readSamples(root, integration, overlay);
  } catch (error) {
    throw new UnusableInput((error as Error).message);
  }
}

/** @throws {UnusableInput} when an exchange cannot be read. */
export function loadExchanges(root: string, integration: string): readonly Exchanges[] {
  try {
    return readExchanges(root, integration);
  } catch (error) {
    throw new UnusableInput((error as Error).message);
  }
}

/** The canonical resources against which data is checked, with all their faults. */
export function loadResources({ integrations, resources }: CommandPorts): ReadResources {
  return readResources(resources ?? integrations);
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
