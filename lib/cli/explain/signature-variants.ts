import type { SecretValues } from '../../../lambdas/engine/request/webhook-request.ts';
import type { TemplateInput } from '../../../lambdas/engine/template/template.ts';
import { authoringOf } from '../../../lambdas/engine/verification/check-authoring.ts';
import type { NamedCheck } from '../../../lambdas/engine/verification/check-kinds.ts';

/**
 * Common mistakes about signatures, each as a small change of the check or of the request, so that the engine itself
 * can find the change that would make the signature match. The output names the change, never the valid signature.
 */

/** A check of one signature, with its input. */
export interface SignatureTrial {
  readonly check: NamedCheck;
  readonly input: TemplateInput;
  readonly secrets: SecretValues;
}

export type Holds = (check: NamedCheck, input: TemplateInput, secrets: SecretValues) => boolean;

interface Variant {
  /** Follows "would match with". */
  readonly name: string;
  readonly change: (trial: SignatureTrial) => SignatureTrial;
}

/** Names of the fewest changes with which a signature would match: one, or two together; empty if there are none. */
export function closestVariants(trial: SignatureTrial, holds: Holds): readonly string[] {
  const groups = [...groupsOf(trial)];
  const works = (changed: SignatureTrial) => holds(changed.check, changed.input, changed.secrets);
  // The first of each kind, because some signatures are the same in base64 and base64url.
  const single = groups.flatMap((group) => group.find(({ change }) => works(change(trial))) ?? []);
  if (single.length > 0) return single.map(({ name }) => name);
  for (const [index, group] of groups.entries())
    for (const first of group)
      for (const second of groups.slice(index + 1).flat())
        if (works(second.change(first.change(trial)))) return [`${first.name}, and ${second.name}`];
  return [];
}

function* groupsOf(trial: SignatureTrial): Generator<readonly Variant[]> {
  const { name, spec } = trial.check;
  for (const group of authoringOf(name).alternatives?.(spec, trial.secrets) ?? [])
    yield group.map((one) => ({ name: one.name, change: changing(one.members ?? {}, one.secrets ?? {}) }));
  yield messageVariants(trial);
  yield bodyVariants(trial);
}

/** Change members of the check's specification, or secrets. */
function changing(members: object, secrets: SecretValues): Variant['change'] {
  return (trial) => ({
    ...trial,
    check: { ...trial.check, spec: { ...trial.check.spec, ...members } } as NamedCheck,
    secrets: { ...trial.secrets, ...secrets },
  });
}

const separators = ['', '.', ':', '\n', '|', ','];

/** The parts of the message in another order, with other text between them, fewer of them, or another URL. */
function messageVariants({ check: { name, spec } }: SignatureTrial): readonly Variant[] {
  const [message = ''] = authoringOf(name).signed?.(spec)?.messages ?? [];
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
    change: changing({ message: text }, {}),
  }));
}

function separatorOf(message: string, [first = '', second = '']: readonly string[]): string {
  return message.slice(message.indexOf(first) + first.length, message.indexOf(second, message.indexOf(first) + 1));
}

/** Line breaks that an editor, a shell or copying added, removed or changed. */
function bodyVariants({ input }: SignatureTrial): readonly Variant[] {
  const text = input.body.toString('latin1');
  const bodies: readonly (readonly [string, string])[] = [
    ['another line break (LF) at the end of the body', `${text}\n`],
    ['another line break (CRLF) at the end of the body', `${text}\r\n`],
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
