import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSamples } from '../definitions/samples.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  count,
  present,
} from './command.ts';
import { type ExplainedFault, explainFaults, formatExplained } from './explain-fault.ts';
import { readDefinition, selectIntegrations } from './load-integration.ts';

export const validateCommand: Command = {
  name: 'validate',
  positionals: ['[integration]'],
  summary: 'tell all faults of definitions, samples and expected events at once',
  help: ['Exit status: 0 no faults, 1 faults, 2 unusable input.'],
  options: {},
  run: validateIntegrations,
};

function validateIntegrations(args: CommandArguments, { integrations }: CommandPorts): CommandResult {
  const names = selectIntegrations(integrations, args.positionals[0]);
  const faults = names.flatMap((name) => validateIntegration(integrations, name));
  const summary = `${count(names.length, 'integration')}: ${faults.length === 0 ? 'no faults' : count(faults.length, 'fault')}`;
  return {
    exitCode: faults.length === 0 ? 0 : 1,
    output: present(args, { integrations: names, faults }, [...faults.map(formatExplained), summary]),
  };
}

/** Every fault of one integration: its definition's, its samples' and its expected events'. */
function validateIntegration(root: string, name: string): readonly ExplainedFault[] {
  return [...blockingFaults(root, name), ...strayFaults(root, name), ...missingFaults(root, name)];
}

/** Faults that leave nothing to test: of the definition, and of files that cannot be read. */
export function blockingFaults(root: string, name: string): readonly ExplainedFault[] {
  const { parsed, yaml } = readDefinition(root, name);
  const unreadable = ['samples', 'expected'].flatMap((folder) =>
    listFiles(join(root, name, folder))
      .filter(isJsonName)
      .flatMap((file) => jsonFaults(join(root, name, folder, file), `integrations/${name}/${folder}/${file}`)),
  );
  return [
    ...(parsed.kind === 'faults' ? explainFaults(yaml, parsed.faults) : []),
    ...(unreadable.length > 0 ? unreadable : shapeFaults(root, name)),
  ];
}

/** Files that no test looks at. */
export function strayFaults(root: string, name: string): readonly ExplainedFault[] {
  const samples = listFiles(join(root, name, 'samples'));
  return [
    ...samples
      .filter((file) => !isJsonName(file))
      .map((file) => faultAt(`integrations/${name}/samples/${file}`, 'got a file that is no sample, expected .json')),
    ...listFiles(join(root, name, 'expected'))
      .filter((file) => !samples.includes(file))
      .map((file) =>
        faultAt(`integrations/${name}/expected/${file}`, 'got events of no sample, expected a sample of this name'),
      ),
  ];
}

function missingFaults(root: string, name: string): readonly ExplainedFault[] {
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

function isJsonName(file: string): boolean {
  return file.endsWith('.json');
}

function listFiles(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function faultAt(file: string, message: string, line = 1, column = 1): ExplainedFault {
  return { file, line, column, path: '', message };
}

/** Whether a file is JSON, and where it stops to be. */
function jsonFaults(path: string, file: string): readonly ExplainedFault[] {
  const text = readFileSync(path, 'utf8');
  try {
    const value: unknown = JSON.parse(text);
    return !file.includes('/expected/') || Array.isArray(value)
      ? []
      : [faultAt(file, 'got no list, expected a list of events')];
  } catch (error) {
    const { message } = error as Error;
    const before = text.slice(0, faultOffset(text)).split('\n');
    return [
      faultAt(
        file,
        `expected JSON: ${message.replace(/, ".*" is not valid JSON$/s, '')}`,
        before.length,
        (before.at(-1) ?? '').length + 1,
      ),
    ];
  }
}

/**
 * Where a text stops to be JSON. The parser tells it of some faults only, so the shortest beginning is
 * looked for that has another fault than to end too early.
 */
function faultOffset(text: string): number {
  let [sound, faulty] = [0, text.length];
  while (sound < faulty) {
    const middle = (sound + faulty) >> 1;
    if (isBeginning(text.slice(0, middle + 1))) sound = middle + 1;
    else faulty = middle;
  }
  return sound;
}

function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    return /Unexpected end|Unterminated/.test(message) || message.includes(`at position ${text.length}`);
  }
}

/** The first sample that is JSON but no request, as the reader of samples tells it. */
function shapeFaults(root: string, name: string): readonly ExplainedFault[] {
  try {
    readSamples(root, name);
    return [];
  } catch (error) {
    const [, file = `integrations/${name}/samples`, message = ''] =
      /^(\S+?): (.*)$/s.exec((error as Error).message) ?? [];
    return [faultAt(file, message.replace(/\s*\n\s*/g, ' '))];
  }
}
