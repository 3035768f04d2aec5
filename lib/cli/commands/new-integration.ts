import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatFault, parseDefinition } from '../../../lambdas/engine/definition/parse-definition.ts';
import type { Definition } from '../../../lambdas/engine/definition/schema.ts';
import type { WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { parseTemplate, type Source } from '../../../lambdas/engine/template/template.ts';
import { resourcesFolder } from '../../definitions/integration-folders.ts';
import { signaturePlaceholder, timestampPlaceholder } from '../../definitions/sign-request.ts';
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  type CommandResult,
  present,
  textOption,
  UnusableInput,
} from '../command.ts';
import { comparableEvent } from '../explain/compare-events.ts';
import { mapRequestOffline } from '../explain/map-request-offline.ts';
import { meantInstead } from '../explain/nearest-name.ts';

/** What a new definition is written from: the flags, or the questions at a terminal. */
const questions = {
  title: 'Name of the provider, as people write it',
  docs: "URL of the provider's page about its webhooks",
  header: 'Header with the signature',
  algorithm: 'HMAC algorithm: sha1, sha256 or sha512',
  encoding: 'Encoding of the signature: hex, base64 or base64url',
  split: 'What separates the parts of that header, such as "," in t=…,v1=… (empty where it is the signature alone)',
  prefix: 'Text before the signature, such as sha256= or v1= (empty for none)',
  'timestamp-prefix': 'Text before the time in that header, such as t= (empty where it has none)',
  message: 'What is signed, such as {body} or {header.X-Timestamp}.{body}',
  timestamp: 'Where the signed time stands, such as {header.X-Timestamp} (empty for none)',
  'timestamp-unit': 'Unit of the time: s, ms or iso8601',
  'max-age': 'Seconds that a request may be old',
  'delivery-id': 'Where the id of a delivery stands, such as {header.X-Delivery} or {json.id} (empty for none)',
  resource: 'Canonical resource of the records, <model>/<plural>',
} as const;

type Answers = Record<keyof typeof questions, string>;

const names = Object.keys(questions) as (keyof typeof questions)[];

export const newCommand: Command = {
  name: 'new',
  positionals: ['<integration>'],
  summary: 'write a definition, a mapping and a sample to start from; asks where it is given no options',
  help: names.map((name) => `--${name.padEnd(15)} ${questions[name]}`),
  options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
  run: newIntegration,
};

async function newIntegration(args: CommandArguments, ports: CommandPorts): Promise<CommandResult> {
  const [name = ''] = args.positionals;
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new UnusableInput(`Got the name "${name}", expected lower-case letters, digits and hyphens.`);
  if (name === resourcesFolder)
    throw new UnusableInput(`"${name}" is the folder of the canonical resources: no integration may have that name.`);
  const home = join(ports.integrations, name);
  if (existsSync(home)) throw new UnusableInput(`integrations/${name} exists already; nothing was written.`);

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

/** What is said of an answer that will not do; undefined where it does. */
type Refusal = (answer: string) => string | undefined;

const oneOf =
  (...allowed: readonly string[]): Refusal =>
  (answer) =>
    allowed.includes(answer) ? undefined : `expected one of ${allowed.join(', ')}${meantInstead(answer, allowed)}`;
const like =
  (pattern: RegExp, expected: string): Refusal =>
  (answer) =>
    pattern.test(answer) ? undefined : `expected ${expected}`;
const templateOrNothing: Refusal = (answer) => {
  const parsed = parseTemplate(answer);
  return parsed.kind === 'fault' ? parsed.message : undefined;
};
const anything: Refusal = () => undefined;

const refusals: Readonly<Record<keyof typeof questions, Refusal>> = {
  title: like(/\S/, 'a name'),
  docs: (answer) => (/^https?:/.test(answer) && URL.canParse(answer) ? undefined : 'expected an https URL'),
  header: like(/^[\w!#$%&'*+.^`|~-]+$/, 'the name of a header, such as X-Signature'),
  algorithm: oneOf('sha1', 'sha256', 'sha512'),
  encoding: oneOf('hex', 'base64', 'base64url'),
  split: anything,
  prefix: anything,
  'timestamp-prefix': anything,
  message: (answer) => (answer === '' ? 'expected what is signed, such as {body}' : templateOrNothing(answer)),
  timestamp: templateOrNothing,
  'timestamp-unit': oneOf('s', 'ms', 'iso8601'),
  'max-age': like(/^[1-9]\d*$/, 'a number of seconds'),
  'delivery-id': templateOrNothing,
  resource: like(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, '<model>/<plural>, for example hris/employees'),
};

/** Times that a question is asked again before it is given up. */
const maxTries = 5;

async function collectAnswers(args: CommandArguments, { ask }: CommandPorts, name: string): Promise<Answers> {
  const isAsked =
    ask !== undefined && args.values['json'] !== true && names.every((key) => args.values[key] === undefined);
  const answers: Answers = {
    title: name.replace(/(^|-)([a-z])/g, (_, hyphen: string, letter: string) => (hyphen && ' ') + letter.toUpperCase()),
    docs: 'https://example.com/docs/webhooks',
    header: 'X-Signature',
    algorithm: 'sha256',
    encoding: 'hex',
    split: '',
    prefix: '',
    'timestamp-prefix': '',
    message: '{body}',
    timestamp: '',
    'timestamp-unit': 's',
    'max-age': '300',
    'delivery-id': '',
    resource: 'hris/employees',
  };
  const refused: string[] = [];
  for (const key of names) {
    if (answers['timestamp-prefix'] !== '') {
      if (key === 'message') answers.message = `{var.${timeVariable}}.{body}`;
      if (key === 'timestamp') answers.timestamp = `{var.${timeVariable}}`;
    }
    const isMoot =
      ((key === 'timestamp-unit' || key === 'max-age') && answers.timestamp === '') ||
      (key === 'timestamp-prefix' && answers.split === '');
    if (isAsked) {
      if (!isMoot) answers[key] = await askUntilRight(ask, key, answers[key]);
      continue;
    }
    answers[key] = textOption(args, key) ?? answers[key];
    const refusal = refusals[key](answers[key]);
    if (refusal !== undefined) refused.push(`--${key}: got ${JSON.stringify(answers[key])}, ${refusal}`);
  }
  if (answers['timestamp-prefix'] !== '' && answers.split === '')
    refused.push(
      `--timestamp-prefix: got ${JSON.stringify(answers['timestamp-prefix'])} without --split, expected what separates the parts of the header, too`,
    );
  if (refused.length > 0) throw new UnusableInput(refused.join('\n'));
  return answers;
}

/** An answer that will not do is told at once, and the question asked again. */
async function askUntilRight(
  ask: NonNullable<CommandPorts['ask']>,
  key: keyof typeof questions,
  fallback: string,
): Promise<string> {
  let said = '';
  for (let tried = 0; tried < maxTries; tried += 1) {
    const given = await ask(`${said}${questions[key]}`, fallback);
    // White space may be what separates; around anything else it is none of the answer.
    const answer = (key === 'split' && given.trim() === '' ? given : given.trim()) || fallback;
    const refusal = refusals[key](answer);
    if (refusal === undefined) return answer;
    said = `got ${JSON.stringify(answer)}, ${refusal}\n`;
  }
  throw new UnusableInput(`${questions[key]}: ${said.trim()}. Nothing was written.`);
}

/** Name of the variable that holds a time within the signature's header. */
const timeVariable = 'timestamp';

/** Text by file name; nothing is on disk before all of it is right. */
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
    throw new UnusableInput(`These answers make no valid definition:\n${parsed.faults.map(formatFault).join('\n')}`);
  const sample = sampleOf(answers);
  const singular = singularOf(answers.resource);
  return {
    ...files,
    [`samples/${singular}-created.json`]: `${JSON.stringify(sample, undefined, 2)}\n`,
    [`expected/${singular}-created.json`]: `${JSON.stringify(await eventsOf(parsed.definition, sample, nowMs), undefined, 2)}\n`,
  };
}

interface WrittenSample {
  readonly headers: Record<string, string>;
  readonly query?: string;
  readonly body: Record<string, unknown>;
}

async function eventsOf(definition: Definition, sample: WrittenSample, nowMs: number): Promise<readonly unknown[]> {
  const request: WebhookRequest = {
    method: 'POST',
    url: 'https://example.com/',
    path: '/',
    query: sample.query ?? '',
    headers: Object.fromEntries(Object.entries(sample.headers).map(([name, value]) => [name.toLowerCase(), value])),
    body: Buffer.from(JSON.stringify(sample.body)),
  };
  const mapped = await mapRequestOffline(definition, request, {}, nowMs);
  if (mapped.kind === 'failed') throw new UnusableInput(`These answers make no valid mapping: ${mapped.reason}`);
  return mapped.events.map(comparableEvent);
}

function definitionText(name: string, answers: Answers): string {
  const quoted = (text: string) => JSON.stringify(text);
  const hmac = [
    `algorithm: ${answers.algorithm}`,
    `encoding: ${answers.encoding}`,
    'key: signing_secret',
    `message: ${quoted(answers.message)}`,
    `signature: ${quoted(`{header.${answers.header}}`)}`,
    ...(answers.split === '' ? [] : [`split: ${quoted(answers.split)}`]),
    ...(answers.prefix === '' ? [] : [`prefix: ${quoted(answers.prefix)}`]),
  ];
  const freshness = [
    `timestamp: ${quoted(answers.timestamp)}`,
    `unit: ${answers['timestamp-unit']}`,
    `max_age_seconds: ${answers['max-age']}`,
    `max_ahead_seconds: ${answers['max-age']}`,
  ];
  const verify =
    answers.timestamp === ''
      ? ['    hmac:', ...indented(hmac, 6)]
      : ['    all:', '      - hmac:', ...indented(hmac, 10), '      - freshness:', ...indented(freshness, 10)];
  return [
    '# yaml-language-server: $schema=../definition.schema.json',
    `name: ${name}`,
    `title: ${quoted(answers.title)}`,
    `docs: ${quoted(answers.docs)}`,
    '',
    'secrets:',
    '  # Tell the owner of an account where to find it.',
    `  signing_secret: ${quoted(`The signing secret of the webhook (${answers.title} > Settings > Webhooks).`)}`,
    '',
    'webhook:',
    '  decode: json',
    ...(answers['timestamp-prefix'] === ''
      ? []
      : [
          '  vars:',
          `    ${timeVariable}: { from: ${quoted(`{header.${answers.header}}`)}, split: ${quoted(answers.split)}, prefix: ${quoted(answers['timestamp-prefix'])} }`,
        ]),
    '  verify:',
    ...verify,
    ...(answers['delivery-id'] === ''
      ? ['  # Where the provider names each delivery: delivery_id: "{header.X-Delivery}"']
      : [`  delivery_id: ${quoted(answers['delivery-id'])}`]),
    '',
    'mapping: mapping.jsonata',
    '',
  ].join('\n');
}

function indented(lines: readonly string[], spaces: number): readonly string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}

function mappingText(resource: string): string {
  return `(
  /* The type is <record>.<verb>, for example ${singularOf(resource)}.created; what is none of these is no event. */
  $verb := $split(body.type, ".")[1];

  $verb in ["created", "updated", "deleted"] ? {
    "event_type": $verb,
    "raw_event_type": body.type,
    "resource": ${JSON.stringify(resource)},
    "record_id": body.data.id,
    /* The record, in the shape of integrations/resources/${resource}.json; what has no place there goes under custom_fields. */
    "data": { "id": $string(body.data.id) }
  }
)
`;
}

function singularOf(resource: string): string {
  const plural = resource.split('/')[1] ?? resource;
  return plural.endsWith('ies') ? `${plural.slice(0, -3)}y` : plural.replace(/s$/, '') || 'record';
}

/** A request that has all that the templates read; signature and time are added by who signs it. */
function sampleOf(answers: Answers): WrittenSample {
  const headers: Record<string, string> = {};
  if (answers['timestamp-prefix'] !== '')
    headers[answers.header] =
      `${answers['timestamp-prefix']}${timestampPlaceholder}${answers.split}${answers.prefix}${signaturePlaceholder}`;
  const query = new URLSearchParams();
  let body: Record<string, unknown> = {
    id: 'evt_0001',
    type: `${singularOf(answers.resource)}.created`,
    data: { id: '1001', name: 'Ada Example' },
  };
  const [timestamp] = sourcesIn(answers.timestamp);
  for (const { source, name } of [answers.message, answers['delivery-id'], answers.timestamp].flatMap(sourcesIn)) {
    const isTimestamp = name === timestamp?.name;
    const value = isTimestamp ? timestampPlaceholder : 'example-0001';
    // A header of the time is set by who signs.
    if (source.from === 'header' && !isTimestamp && source.name !== answers.header.toLowerCase())
      headers[name.slice('header.'.length)] = value;
    if (source.from === 'query') query.set(source.name, value);
    if (source.from === 'json') body = withMember(body, source.path, value);
  }
  const text = query.toString();
  return { headers, ...(text === '' ? {} : { query: text }), body };
}

function sourcesIn(text: string): readonly { readonly source: Source; readonly name: string }[] {
  const parsed = parseTemplate(text);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part) => ('source' in part ? [{ source: part.source, name: part.text }] : []));
}

/** The members with a value at a path; one that is there already stays. */
function withMember(
  members: Readonly<Record<string, unknown>>,
  [key, ...rest]: readonly string[],
  value: string,
): Record<string, unknown> {
  if (key === undefined) return { ...members };
  const old = members[key];
  if (rest.length === 0) return { ...members, [key]: old ?? value };
  const inner = typeof old === 'object' && old !== null ? (old as Record<string, unknown>) : {};
  return { ...members, [key]: withMember(inner, rest, value) };
}
