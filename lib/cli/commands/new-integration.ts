import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import { formatFault, parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { resourcesFolder } from '../../definitions/integration-folders.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  UnusableInput,
} from '../command.ts';
import { comparableEvent } from '../explain/compare-events.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { type Answers, collectAnswers, questionNames, questions } from './new-integration-answers.ts';
import { definitionText, mappingText, sampleOf, singularOf, type WrittenSample } from './new-integration-files.ts';

export const newCommand: Command = {
  name: 'new',
  positionals: ['<integration>'],
  summary: 'write a definition, a mapping and a sample to start from; without options it asks for the answers',
  help: questionNames.map((name) => `--${name.padEnd(15)} ${questions[name]}`),
  options: Object.fromEntries(questionNames.map((name) => [name, { type: 'string' as const }])),
  run: newIntegration,
};

async function newIntegration(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [name = ''] = args.positionals;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new UnusableInput(`Got the name "${name}", expected lower-case letters, digits and hyphens.`);
  if (name === resourcesFolder)
    throw new UnusableInput(`"${name}" is the folder of the canonical resources; an integration needs another name.`);
  const home = join(ports.integrations, name);
  if (existsSync(home)) throw new UnusableInput(`integrations/${name} already exists; nothing was written.`);

  const answers = await collectAnswers(args, ports, name);
  const files = await writeFiles(name, answers, ports.nowMs());
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text, { flag: 'wx' });
  }
  const written = Object.keys(files).map((file) => `integrations/${name}/${file}`);
  return {
    exitCode: 0,
    output: present(args, { integration: name, files: written }, [
      ...written.map((file) => `wrote ${file}`),
      `Replace the sample by a real request, change the mapping, then: npm run tributary -- test ${name} --update`,
    ]),
  };
}

/** Text by file name. Checks every text, so that nothing is written to disk before all of it is valid. */
async function writeFiles(name: string, answers: Answers, nowMs: number): Promise<Readonly<Record<string, string>>> {
  const files = {
    'integration.yaml': definitionText(name, answers),
    'mapping.jsonata': mappingText(answers.resource),
  };
  const parsed = parseDefinition(files['integration.yaml'], {
    file: `integrations/${name}/integration.yaml`,
    folder: name,
    read: () => files['mapping.jsonata'],
  });
  if (parsed.kind === 'faults')
    throw new UnusableInput(`These answers make an invalid definition:\n${parsed.faults.map(formatFault).join('\n')}`);
  const { definition } = parsed;
  if (!hasWebhook(definition)) throw new TypeError('a written definition has a webhook');
  const sample = sampleOf(answers);
  const singular = singularOf(answers.resource);
  return {
    ...files,
    [`samples/${singular}-created.json`]: `${JSON.stringify(sample, undefined, 2)}\n`,
    [`expected/${singular}-created.json`]: `${JSON.stringify(await eventsOf(definition, sample, nowMs), undefined, 2)}\n`,
  };
}

async function eventsOf(
  definition: WebhookDefinition,
  sample: WrittenSample,
  nowMs: number,
): Promise<readonly unknown[]> {
  const request: WebhookRequest = {
    method: 'POST',
    url: 'https://example.com/',
    path: '/',
    query: sample.query ?? '',
    headers: Object.fromEntries(Object.entries(sample.headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(JSON.stringify(sample.body)),
  };
  const mapped = await mapRequestOffline(definition, request, {}, nowMs);
  if (mapped.kind === 'failed') throw new UnusableInput(`These answers make an invalid mapping: ${mapped.reason}`);
  return mapped.events.map(comparableEvent);
}
