import { parseTemplate } from '../../../lambdas/engine/template/template.ts';
import { type CommandArguments, type CommandPorts, textOption, UnusableInput } from '../command.ts';
import { meantInstead } from '../explain/nearest-name.ts';
import { authKinds, baseUrlFault } from './new-integration-auth.ts';

/** What `new` needs to know: each is an option, and a question at a terminal. */
export const questions = {
  title: 'Name of the provider, as people write it',
  docs: "URL of the provider's page about its webhooks, or its API",
  webhooks: 'Whether it sends webhooks: yes or no',
  header: 'Header with the signature',
  algorithm: 'HMAC algorithm: sha1, sha256 or sha512',
  encoding: 'Encoding of the signature: hex, base64 or base64url',
  split: 'Separator of the parts of that header, such as "," in t=…,v1=… (empty if it holds only the signature)',
  prefix: 'Text before the signature, such as sha256= or v1= (empty for none)',
  'timestamp-prefix': 'Text before the time in that header, such as t= (empty if it has no time)',
  message: String.raw`Signed message, such as {body} or {header.X-Timestamp}.{body}; \n is a line break`,
  timestamp: 'Location of the signed time, such as {header.X-Timestamp} (empty for none)',
  'timestamp-unit': 'Unit of the time: s, ms or iso8601',
  'max-age': 'Maximum age of a request in seconds',
  'delivery-id': 'Location of the delivery id, such as {header.X-Delivery} or {json.id} (empty for none)',
  'base-url': 'Where its API is, such as https://api.example.com/v1 (empty if it is not called)',
  auth: 'How calls authenticate: api_key, basic, bearer or oauth2',
  resource: 'Canonical resource of the records, <model>/<plural>',
} as const;

export type Answers = Record<keyof typeof questions, string>;

const questionNames = Object.keys(questions) as (keyof typeof questions)[];

/** Questions that are options; `--api-only` stands for the other. */
export const optionNames = questionNames.filter((name) => name !== 'webhooks');

/** Questions about webhooks only. */
const ofWebhooks: ReadonlySet<keyof typeof questions> = new Set([
  ...(['header', 'algorithm', 'encoding', 'split', 'prefix', 'timestamp-prefix', 'message', 'timestamp'] as const),
  ...(['timestamp-unit', 'max-age', 'delivery-id'] as const),
]);

const exampleBaseUrl = 'https://api.example.com/v1';

/** Name of the variable that holds a time within the signature's header. */
export const timeVariable = 'timestamp';

/** Why an answer is invalid; undefined when it is valid. */
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
  message: (answer) => (answer === '' ? 'expected the signed message, such as {body}' : templateOrNothing(answer)),
  timestamp: templateOrNothing,
  'timestamp-unit': oneOf('s', 'ms', 'iso8601'),
  'max-age': like(/^[1-9]\d*$/, 'a number of seconds'),
  'delivery-id': templateOrNothing,
  webhooks: oneOf('yes', 'no'),
  'base-url': (answer) => (answer === '' ? undefined : baseUrlFault(answer)),
  auth: oneOf(...Object.keys(authKinds)),
  resource: like(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, '<model>/<plural>, for example hris/employees'),
};

/** Attempts at one question before the command gives up. */
const maxTries = 5;

/** Read the answers from the options, or ask for them at a terminal. */
export async function collectAnswers(args: CommandArguments, { ask }: CommandPorts, name: string): Promise<Answers> {
  const isSilent = args.values['json'] === true || args.values['api-only'] === true;
  const isAsked = ask !== undefined && !isSilent && optionNames.every((key) => args.values[key] === undefined);
  const answers = usualAnswers(args, name);
  if (isAsked) await askAll(ask, answers);
  else readOptions(args, answers);
  const baseUrl = answers['base-url'].replace(/\/+$/, '');
  return { ...answers, message: unescaped(answers.message), 'base-url': baseUrl };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' };

/** Shells and terminals give a line break as the two characters that were typed. */
function unescaped(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, letter: string) => escapes[letter] ?? '');
}

function usualAnswers({ values }: CommandArguments, name: string): Answers {
  const isApiOnly = values['api-only'] === true;
  return {
    title: name.replace(/(^|-)([a-z])/g, (_, hyphen: string, letter: string) => (hyphen && ' ') + letter.toUpperCase()),
    docs: `https://example.com/docs/${isApiOnly ? 'api' : 'webhooks'}`,
    webhooks: isApiOnly ? 'no' : 'yes',
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
    'base-url': isApiOnly || values['auth'] !== undefined ? exampleBaseUrl : '',
    auth: 'api_key',
    resource: 'hris/employees',
  };
}

async function askAll(ask: NonNullable<CommandPorts['ask']>, answers: Answers): Promise<void> {
  for (const key of questionNames) {
    fillFromOthers(answers, key);
    if (key === 'base-url' && answers.webhooks === 'no') answers['base-url'] = exampleBaseUrl;
    if (!isMoot(answers, key)) answers[key] = await askUntilRight(ask, key, answers[key]);
  }
}

/** @throws {UnusableInput} with every refused option. */
function readOptions(args: CommandArguments, answers: Answers): void {
  const refused: string[] = [];
  for (const key of optionNames) {
    fillFromOthers(answers, key);
    const given = textOption(args, key);
    if (given !== undefined && answers.webhooks === 'no' && ofWebhooks.has(key))
      refused.push(`--${key} has no meaning with --api-only`);
    answers[key] = given ?? answers[key];
    const refusal = refusals[key](answers[key]);
    if (refusal !== undefined) refused.push(`--${key}: got ${JSON.stringify(answers[key])}, ${refusal}`);
  }
  if (answers['timestamp-prefix'] !== '' && answers.split === '')
    refused.push(
      `--timestamp-prefix: got ${JSON.stringify(answers['timestamp-prefix'])} without --split, expected the separator of the header's parts, too`,
    );
  if (answers.webhooks === 'no' && answers['base-url'] === '')
    refused.push('--base-url: got "" with --api-only, expected where the API is');
  if (refused.length > 0) throw new UnusableInput(refused.join('\n'));
}

/** A header that holds the time gives the message and the place of the time. */
function fillFromOthers(answers: Answers, key: keyof Answers): void {
  if (answers['timestamp-prefix'] === '') return;
  if (key === 'message') answers.message = `{var.${timeVariable}}.{body}`;
  if (key === 'timestamp') answers.timestamp = `{var.${timeVariable}}`;
}

/** Whether earlier answers make a question needless. */
function isMoot(answers: Answers, key: keyof Answers): boolean {
  if (ofWebhooks.has(key) && answers.webhooks === 'no') return true;
  if ((key === 'timestamp-unit' || key === 'max-age') && answers.timestamp === '') return true;
  return (key === 'timestamp-prefix' && answers.split === '') || (key === 'auth' && answers['base-url'] === '');
}

/** Ask a question again while its answer is invalid. */
async function askUntilRight(
  ask: NonNullable<CommandPorts['ask']>,
  key: keyof typeof questions,
  fallback: string,
): Promise<string> {
  let said = '';
  for (let tried = 0; tried < maxTries; tried += 1) {
    const given = await ask(`${said}${questions[key]}`, fallback);
    // White space may be the separator; around any other answer it is trimmed.
    const answer = (key === 'split' && given.trim() === '' ? given : given.trim()) || fallback;
    const refusal = refusals[key](answer);
    if (refusal === undefined) return answer;
    said = `got ${JSON.stringify(answer)}, ${refusal}\n`;
  }
  throw new UnusableInput(`${questions[key]}: ${said.trim()}. Nothing was written.`);
}

/** `employee` of `hris/employees`. */
export function singularOf(resource: string): string {
  const plural = resource.split('/')[1] ?? resource;
  return plural.endsWith('ies') ? `${plural.slice(0, -3)}y` : plural.replace(/s$/, '') || 'record';
}
