import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasWebhook } from '../../../lambdas/engine/definition/has-webhook.ts';
import { formatFault, parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition, WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { noResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { parseExchanges } from '../../definitions/exchanges.ts';
import { resourcesFolder } from '../../definitions/integration-folders.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  UnusableInput,
} from '../command.ts';
import { checkExchange } from '../explain/check-exchange.ts';
import { comparableItems } from '../explain/compare-events.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { isOwnFolder, shownPath } from '../own-folder.ts';
import { type Answers, collectAnswers, optionNames, questions, singularOf } from './new-integration-answers.ts';
import { exchangesOf, mapFile, recordMapText } from './new-integration-api.ts';
import {
  definitionText,
  hasApi,
  hasWebhooks,
  mappingText,
  sampleOf,
  type WrittenSample,
} from './new-integration-files.ts';

export const newCommand: Command = {
  name: 'new',
  positionals: ['<integration>'],
  definitions: 'write',
  summary: 'write a definition with a sample or an exchange to start from; without options it asks for the answers',
  help: [
    ...optionNames.map((name) => `--${name.padEnd(15)} ${questions[name]}`),
    `--${'api-only'.padEnd(15)} A definition without webhooks`,
  ],
  options: {
    ...Object.fromEntries(optionNames.map((name) => [name, { type: 'string' as const }])),
    'api-only': { type: 'boolean' },
  },
  run: newIntegration,
};

async function newIntegration(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [name = ''] = args.positionals;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new UnusableInput(`Got the name "${name}", expected lower-case letters, digits and hyphens.`);
  if (name === resourcesFolder)
    throw new UnusableInput(`"${name}" is the folder of the canonical resources; an integration needs another name.`);
  const home = join(ports.integrations, name);
  const shown = shownPath(ports, `integrations/${name}`);
  if (existsSync(home)) throw new UnusableInput(`${shown} already exists; nothing was written.`);

  const answers = await collectAnswers(args, ports, name);
  const files = await writeFiles(name, answers, ports.nowMs());
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text, { flag: 'wx' });
  }
  const written = Object.keys(files).map((file) => `${shown}/${file}`);
  return {
    exitCode: 0,
    output: present(args, { integration: name, files: written }, [
      ...written.map((file) => `wrote ${file}`),
      ...nextSteps(name, answers, isOwnFolder(ports) ? ` --integrations ${ports.integrations}` : ''),
    ]),
  };
}

/** @param folder - The option that names the folder; empty for the usual one. */
function nextSteps(name: string, answers: Answers, folder: string): readonly string[] {
  const real = [
    ...(hasWebhooks(answers) ? ['the sample by a real request'] : []),
    ...(hasApi(answers) ? ['the exchanges by real answers'] : []),
  ];
  return [
    `Replace ${real.join(' and ')}, change the mapping, then: npm run tributary -- test ${name} --update${folder}`,
    ...(hasApi(answers)
      ? [`To call the API: npm run tributary -- call ${name} test --account <account.json>${folder}`]
      : []),
  ];
}

type Files = Readonly<Record<string, string>>;

/** Text by file name. Checks every text, so that nothing is written to disk before all of it is valid. */
async function writeFiles(name: string, answers: Answers, nowMs: number): Promise<Files> {
  const { resource } = answers;
  const files: Files = {
    'integration.yaml': definitionText(name, answers),
    ...(hasWebhooks(answers) ? { 'mapping.jsonata': mappingText(answers) } : {}),
    ...(hasApi(answers) ? { [mapFile(resource)]: recordMapText(resource) } : {}),
  };
  const parsed = parseDefinition(files['integration.yaml'] ?? '', {
    file: `integrations/${name}/integration.yaml`,
    folder: name,
    read: (file) => files[file],
  });
  if (parsed.kind === 'faults')
    throw new UnusableInput(`These answers make an invalid definition:\n${parsed.faults.map(formatFault).join('\n')}`);
  const { definition } = parsed;
  return {
    ...files,
    ...(hasWebhook(definition) ? await sampleFiles(definition, answers, nowMs) : {}),
    ...(hasApi(answers) ? await exchangeFiles(definition, answers) : {}),
  };
}

async function sampleFiles(definition: WebhookDefinition, answers: Answers, nowMs: number): Promise<Files> {
  const sample = sampleOf(answers);
  const singular = singularOf(answers.resource);
  return {
    [`samples/${singular}-created.json`]: json(sample),
    [`expected/${singular}-created.json`]: json(await eventsOf(definition, sample, nowMs)),
  };
}

async function exchangeFiles(definition: Definition, answers: Answers): Promise<Files> {
  const files: Record<string, string> = {};
  for (const [file, exchange] of Object.entries(exchangesOf(answers))) {
    const { result, faults } = await checkExchange(definition, parseExchanges(exchange, file, ''), noResources);
    if (result === undefined) throw new UnusableInput(`These answers make an invalid call: ${faults.join('; ')}`);
    files[`exchanges/${file}`] = json({ ...exchange, expected: result });
  }
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
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
  return comparableItems(mapped);
}
