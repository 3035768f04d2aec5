import { parseTemplate } from '../../../lambdas/engine/template/template.ts';
import { type CommandArguments, type CommandPorts, textOption, UnusableInput } from '../command.ts';
import { meantInstead } from '../explain/nearest-name.ts';

/** What `new` needs to know: each is an option, and a question at a terminal. */
export const questions = {
  title: 'Name of the provider, as people write it',
  docs: "URL of the provider's page about its webhooks",
  header: 'Header with the signature',
  algorithm: 'HMAC algorithm: sha1, sha256 or sha512',
  encoding: 'Encoding of the signature: hex, base64 or base64url',
  split: 'Separator of the parts of that header, such as "," in t=…,v1=… (empty if it holds only the signature)',
  prefix: 'Text before the signature, such as sha256= or v1= (empty for none)',
  'timestamp-prefix': 'Text before the time in that header, such as t= (empty if it has no time)',
  message: 'Signed message, such as {body} or {header.X-Timestamp}.{body}',
  timestamp: 'Location of the signed time, such as {header.X-Timestamp} (empty for none)',
  'timestamp-unit': 'Unit of the time: s, ms or iso8601',
  'max-age': 'Maximum age of a request in seconds',
  'delivery-id': 'Location of the delivery id, such as {header.X-Delivery} or {json.id} (empty for none)',
  resource: 'Canonical resource of the records, <model>/<plural>',
} as const;

export type Answers = Record<keyof typeof questions, string>;

export const questionNames = Object.keys(questions) as (keyof typeof questions)[];

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
  resource: like(/^[a-z][a-z_]*\/[a-z][a-z_]*$/, '<model>/<plural>, for example hris/employees'),
};

/** Attempts at one question before the command gives up. */
const maxTries = 5;

/** Read the answers from the options, or ask for them at a terminal. */
export async function collectAnswers(args: CommandArguments, { ask }: CommandPorts, name: string): Promise<Answers> {
  const isAsked =
    ask !== undefined && args.values['json'] !== true && questionNames.every((key) => args.values[key] === undefined);
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
  for (const key of questionNames) {
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
      `--timestamp-prefix: got ${JSON.stringify(answers['timestamp-prefix'])} without --split, expected the separator of the header's parts, too`,
    );
  if (refused.length > 0) throw new UnusableInput(refused.join('\n'));
  return answers;
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
