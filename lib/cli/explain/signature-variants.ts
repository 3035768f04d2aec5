import type { VerifySpec } from '../../../lambdas/engine/definition/schema.ts';
import { valuesOf } from '../../../lambdas/engine/request/secret-values.ts';
import type { SecretValues } from '../../../lambdas/engine/request/webhook-request.ts';
import type { TemplateInput } from '../../../lambdas/engine/template/template.ts';

/**
 * What people get wrong about a signature, each as a small change of its check or of the request, so that
 * the engine itself can say which of them would make it hold. A change is told by its name: the valid
 * signature never is.
 */

type Signing = 'hmac' | 'digest' | 'public_key';

/** A check of one signature with all that it reads. */
export interface SignatureTrial {
  readonly kind: Signing;
  readonly spec: VerifySpec;
  readonly input: TemplateInput;
  readonly secrets: SecretValues;
}

export type Holds = (spec: VerifySpec, input: TemplateInput, secrets: SecretValues) => boolean;

interface Variant {
  /** Read after "would match with". */
  readonly name: string;
  readonly change: (trial: SignatureTrial) => SignatureTrial;
}

/** The names of the fewest changes with which a signature would hold: one, or two together. None where none does. */
export function closestVariants(trial: SignatureTrial, holds: Holds): readonly string[] {
  const groups = [keyVariants(trial), writingVariants(trial), messageVariants(trial), bodyVariants(trial)];
  const works = (changed: SignatureTrial) => holds(changed.spec, changed.input, changed.secrets);
  // Of each kind the first: some signatures read alike in base64 and in base64url.
  const single = groups.flatMap((group) => group.find(({ change }) => works(change(trial))) ?? []);
  if (single.length > 0) return single.map(({ name }) => name);
  for (const [index, group] of groups.entries())
    for (const first of group)
      for (const second of groups.slice(index + 1).flat())
        if (works(second.change(first.change(trial)))) return [`${first.name}, and ${second.name}`];
  return [];
}

/** Change members of the check's own specification. */
function withMembers(members: object): Variant['change'] {
  return (trial) => ({ ...trial, spec: { [trial.kind]: { ...trial.spec[trial.kind], ...members } } });
}

/** The key as text, hex or base64; without what stands before it; without white space around it. */
function keyVariants({ spec, secrets }: SignatureTrial): readonly Variant[] {
  if (spec.hmac === undefined) return [];
  const { key } = spec.hmac;
  const declared = typeof key === 'string' ? { secret: key, decode: 'utf8' as const, prefix: undefined } : key;
  const { secret } = declared;
  const values = valuesOf(secrets, secret);
  const words = {
    utf8: 'the key taken literally (decode: utf8)',
    hex: 'the key decoded as hex',
    base64: 'the key decoded as base64',
  };
  const asWritten = (['utf8', 'hex', 'base64'] as const)
    .filter((decode) => decode !== declared.decode)
    .map((decode) => ({ name: words[decode], change: withMembers({ key: { ...declared, decode } }) }));
  const prefixes = ['whsec_', 'sk_', 'v1,whsec_'].filter((prefix) => values.some((value) => value.startsWith(prefix)));
  const bare = prefixes
    .filter((prefix) => prefix !== declared.prefix)
    .flatMap((prefix) =>
      (['base64', 'utf8', 'hex'] as const).map((decode) => ({
        name: `the key without its prefix ${JSON.stringify(prefix)}, ${words[decode].replace('the key ', '')}`,
        change: withMembers({ key: { secret, decode, prefix } }),
      })),
    );
  const whole =
    declared.prefix === undefined
      ? []
      : (['utf8', 'base64'] as const).map((decode) => ({
          name: `the key with its prefix, ${words[decode].replace('the key ', '')}`,
          change: withMembers({ key: { secret, decode } }),
        }));
  const trimmed = values.some((value) => value !== value.trim())
    ? [
        {
          name: 'the secret without the white space around it',
          change: (trial: SignatureTrial) => ({
            ...trial,
            secrets: { ...trial.secrets, [secret]: values.map((value) => value.trim()) },
          }),
        },
      ]
    : [];
  return [...asWritten, ...bare, ...whole, ...trimmed];
}

/** Another encoding, another algorithm of another length, or both. */
function writingVariants({ kind, spec }: SignatureTrial): readonly Variant[] {
  const declared = spec[kind];
  if (declared === undefined) return [];
  const algorithms: readonly string[] =
    kind === 'public_key' ? [declared.algorithm] : [declared.algorithm, 'sha1', 'sha256', 'sha512'];
  return [...new Set(algorithms)].flatMap((algorithm) =>
    ['hex', 'base64', 'base64url'].flatMap((encoding) => {
      const members = [
        ...(algorithm === declared.algorithm ? [] : [`algorithm: ${algorithm}`]),
        ...(encoding === declared.encoding ? [] : [`encoding: ${encoding}`]),
      ];
      return members.length === 0
        ? []
        : [{ name: members.join(' and '), change: withMembers({ algorithm, encoding }) }];
    }),
  );
}

const separators = ['', '.', ':', '\n', '|', ','];

/** The parts of the message in another order, with other text between them, fewer of them, or another URL. */
function messageVariants({ kind, spec }: SignatureTrial): readonly Variant[] {
  const [message = ''] = [spec[kind]?.message ?? ''].flat();
  const parts = message.match(/\{[^{}]+\}/g) ?? [];
  const lead = message.slice(0, Math.max(0, message.indexOf('{')));
  const texts = new Set<string>();
  if (message.includes('\\n')) texts.add(message.replaceAll('\\n', '\n'));
  if (parts.length > 1) {
    texts.add('{body}');
    for (const order of parts.length === 2 ? [parts, [...parts].reverse()] : [parts])
      for (const separator of separators) {
        texts.add(order.join(separator));
        texts.add(lead + order.join(separator));
      }
    for (const left of parts) texts.add(parts.filter((part) => part !== left).join(separatorOf(message, parts)));
  }
  for (const transform of ['without_query', 'with_port', 'without_port'])
    texts.add(message.replaceAll('{url}', `{url | ${transform}}`));
  texts.delete(message);
  texts.delete('');
  return [...texts].map((text) => ({
    name: `message: ${JSON.stringify(text)}`,
    change: withMembers({ message: text }),
  }));
}

function separatorOf(message: string, [first = '', second = '']: readonly string[]): string {
  return message.slice(message.indexOf(first) + first.length, message.indexOf(second, message.indexOf(first) + 1));
}

/** Line breaks that an editor, a shell or a copy added, lost or changed. */
function bodyVariants({ input }: SignatureTrial): readonly Variant[] {
  const text = input.body.toString('latin1');
  const bodies: readonly (readonly [string, string])[] = [
    ['a line break (LF) more at the end of the body', `${text}\n`],
    ['a line break (CRLF) more at the end of the body', `${text}\r\n`],
    ['the body without the line break at its end', text.replace(/\r?\n$/, '')],
    ['the body without the white space at its end', text.trimEnd()],
    ['the line breaks of the body as CRLF, not LF', text.replace(/\r?\n/g, '\r\n')],
    ['the line breaks of the body as LF, not CRLF', text.replaceAll('\r\n', '\n')],
  ];
  const seen = new Set([text]);
  return bodies
    .filter(([, body]) => !seen.has(body) && seen.add(body))
    .map(([name, body]) => ({
      name,
      change: (trial) => ({ ...trial, input: { ...trial.input, body: Buffer.from(body, 'latin1') } }),
    }));
}
