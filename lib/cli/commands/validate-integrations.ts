import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import { canaryFolder, readCandidate } from '../../definitions/canaries.ts';
import {
  type ReadResources,
  readResources,
  releaseResources,
  unreleasedOf,
} from '../../definitions/compile-resources.ts';
import { resourcesFolder } from '../../definitions/integration-folders.ts';
import { readJsonSource } from '../../definitions/json-source.ts';
import { readSamples } from '../../definitions/samples.ts';
import { tryDownMappings } from '../../definitions/try-down-mappings.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
  UnusableInput,
} from '../command.ts';
import { type ExplainedFault, explainFaults, formatExplained } from '../explain/explain-fault.ts';
import { readDefinition, selectIntegrations } from '../explain/load-integration.ts';
import { meantInstead } from '../explain/nearest-name.ts';
import { isOwnFolder, shownPath } from '../own-folder.ts';

export const validateCommand: Command = {
  name: 'validate',
  positionals: ['[integration]'],
  definitions: 'read',
  summary: 'report all faults of definitions, samples, expected events and canonical resources',
  help: [
    `With a name, only that integration's faults; with "${resourcesFolder}", only those of the canonical resources.`,
    '--release  record the current versions of the resources as released; rejected while there are faults',
    'Exit status: 0 no faults, 1 faults, 2 unusable input.',
  ],
  options: { release: { type: 'boolean' } },
  run: validateIntegrations,
};

async function validateIntegrations(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const { integrations, nowMs } = ports;
  const wanted = args.positionals[0];
  const isRelease = args.values['release'] === true;
  if (isOwnFolder(ports) && (isRelease || wanted === resourcesFolder))
    throw new UnusableInput('--integrations: the resources are those of the release, which a checkout validates.');
  const withResources = !isOwnFolder(ports) && (wanted === undefined || wanted === resourcesFolder);
  if (isRelease && !withResources)
    throw new UnusableInput(`--release applies to all resources: omit "${wanted}", or write "${resourcesFolder}".`);

  const names = wanted === resourcesFolder ? [] : selectIntegrations(integrations, wanted);
  const read = withResources ? readResources(integrations) : noneRead;
  const faults = [
    ...names.flatMap((name) => validateIntegration(integrations, name)),
    ...read.faults,
    ...(await tryDownMappings(read)),
  ].map((fault) => ({ ...fault, file: shownPath(ports, fault.file) }));
  const unreleased = unreleasedOf(read);
  const isReleased = isRelease && faults.length === 0;
  if (isReleased) releaseResources(integrations, read);

  const resources = [...read.schemas].map(([resource, { version }]) => ({
    resource,
    version,
    released: isReleased || !unreleased.includes(resource),
    older: (read.older.get(resource) ?? []).map(({ older: { schema, deprecated_at, sunset_at } }) => ({
      version: schema.version,
      deprecated_at,
      sunset_at,
    })),
  }));
  const news = resources
    .filter(({ resource }) => unreleased.includes(resource))
    .map(({ resource, version }) =>
      isReleased ? `released ${resource} ${version}` : `${resource} ${version} is not released`,
    );
  const sunsets = resources.flatMap(({ resource, older }) =>
    older
      .filter(({ sunset_at: sunsetAt }) => sunsetAt !== null && Date.parse(sunsetAt) <= nowMs())
      .map(({ version, sunset_at: sunsetAt }) => `${resource} ${version} is past its sunset at ${sunsetAt}`),
  );
  const subjects = [
    ...(wanted === resourcesFolder ? [] : [count(names.length, 'integration')]),
    ...(resources.length === 0 ? [] : [count(resources.length, 'resource')]),
  ];
  const summary = `${subjects.join(', ')}: ${faults.length === 0 ? 'no faults' : count(faults.length, 'fault')}`;
  return {
    exitCode: faults.length === 0 ? 0 : 1,
    output: present(args, { integrations: names, resources, faults }, [
      ...faults.map(formatExplained),
      ...news,
      ...sunsets,
      summary,
    ]),
  };
}

const noneRead: ReadResources = { schemas: new Map(), older: new Map(), releases: {}, faults: [] };

/** Every fault of one integration: of its definition, its samples and its expected events. */
function validateIntegration(root: string, name: string): readonly ExplainedFault[] {
  return [
    ...blockingFaults(root, name),
    ...strayFaults(root, name),
    ...missingFaults(root, name),
    ...candidateFaults(root, name),
  ];
}

/** Faults that prevent tests: of the definition, and of unreadable files. */
export function blockingFaults(root: string, name: string): readonly ExplainedFault[] {
  const { parsed, yaml } = readDefinition(root, name);
  const unreadable = ['samples', 'expected'].flatMap((folder) =>
    listFiles(join(root, name, folder))
      .filter(isJsonName)
      .flatMap((file) => jsonFaults(join(root, name, folder, file), `integrations/${name}/${folder}/${file}`)),
  );
  return [
    ...(parsed.kind === 'faults' ? explainFaults(yaml, parsed.faults, listFiles(join(root, name))) : []),
    ...(unreadable.length > 0 ? unreadable : shapeFaults(root, name)),
  ];
}

/** Faults of an integration's candidate; those of the current definition come first. */
export function candidateFaults(root: string, name: string): readonly ExplainedFault[] {
  const current = readDefinition(root, name).parsed;
  const candidate = current.kind === 'definition' ? readCandidate(root, name, current.definition) : undefined;
  if (candidate === undefined) return [];
  const { parsed, yaml } = candidate;
  return [
    ...(parsed.kind === 'faults' ? explainFaults(yaml, parsed.faults, listFiles(join(root, name))) : []),
    ...['samples', 'expected'].flatMap((folder) =>
      listFiles(join(root, name, canaryFolder, folder))
        .filter(isJsonName)
        .flatMap((file) =>
          jsonFaults(
            join(root, name, canaryFolder, folder, file),
            `integrations/${name}/${canaryFolder}/${folder}/${file}`,
          ),
        ),
    ),
  ];
}

/** Files that no test reads. */
export function strayFaults(root: string, name: string): readonly ExplainedFault[] {
  const samples = listFiles(join(root, name, 'samples'));
  return [
    ...samples
      .filter((file) => !isJsonName(file))
      .map((file) =>
        faultAt(`integrations/${name}/samples/${file}`, 'got a file that is not a sample, expected .json'),
      ),
    ...listFiles(join(root, name, 'expected'))
      .filter((file) => !samples.includes(file))
      .map((file) =>
        faultAt(`integrations/${name}/expected/${file}`, 'got events without a sample, expected a sample of this name'),
      ),
  ];
}

/** Whether a definition's text has an `api` and no `webhook`. */
function isApiOnly(yaml: string): boolean {
  return /^api:/m.test(yaml) && !/^webhook:/m.test(yaml);
}

function missingFaults(root: string, name: string): readonly ExplainedFault[] {
  const { parsed, yaml } = readDefinition(root, name);
  // Only webhooks have samples. A definition that cannot be read may still say that it has none.
  const isWithout = parsed.kind === 'definition' ? !hasWebhook(parsed.definition) : isApiOnly(yaml);
  if (isWithout) return [];
  const samples = listFiles(join(root, name, 'samples')).filter(isJsonName);
  const expected = listFiles(join(root, name, 'expected'));
  if (samples.length === 0)
    return [faultAt(`integrations/${name}/samples`, 'got no file, expected at least one sample')];
  return samples
    .filter((file) => !expected.includes(file))
    .map((file) =>
      faultAt(`integrations/${name}/expected/${file}`, 'got no file, expected the events of the sample of this name'),
    );
}

const sampleKeys = ['method', 'headers', 'query', 'body'];

function isJsonName(file: string): boolean {
  return file.endsWith('.json');
}

function listFiles(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function faultAt(file: string, message: string, line = 1, column = 1): ExplainedFault {
  return { file, line, column, path: '', message };
}

/** The place where a file stops being valid JSON. */
function jsonFaults(path: string, file: string): readonly ExplainedFault[] {
  const source = readJsonSource(readFileSync(path, 'utf8'));
  if (source.kind === 'fault') return [faultAt(file, source.message, source.line, source.column)];
  return !file.includes('/expected/') || Array.isArray(source.value)
    ? []
    : [faultAt(file, 'got another value, expected a list of events')];
}

/** The first sample that is JSON but not a request, as the reader of samples reports it. */
function shapeFaults(root: string, name: string): readonly ExplainedFault[] {
  try {
    readSamples(root, name);
    return [];
  } catch (error) {
    const [, file = `integrations/${name}/samples`, message = ''] =
      /^(\S+?): (.*)$/s.exec((error as Error).message) ?? [];
    const [, key = ''] = /Unrecognized key: "([^"]*)"/.exec(message) ?? [];
    const meant = key === '' ? '' : meantInstead(key, sampleKeys);
    return [faultAt(file, `${message.replace(/\s*\n\s*/g, ' ')}${meant}`)];
  }
}
