import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { parseTemplate, type Source } from '../../../lambdas/engine/template/template.ts';
import { authoringOf } from '../../../lambdas/engine/verification/check-authoring.ts';
import { checkIn, type VerifySpec } from '../../../lambdas/engine/verification/check-tree.ts';

/**
 * Notes on valid definitions that are probably mistakes: a signature that does not cover the body, a signed time that
 * no check reads, an escape sequence that is not a line break.
 *
 * @param checks - The checks that a request must pass.
 */
export function reviewChecks(definition: WebhookDefinition, checks: readonly VerifySpec[]): readonly string[] {
  const messages = checks.flatMap(messagesOf);
  const signed = messages.flatMap((message) => sourcesIn(definition, message));
  const { nonce } = definition.webhook;
  const holdsBody = signed.some(({ source }) => source.from === 'body' || source.from === 'form');
  const holdsParts = signed.some(({ source }) => ['json', 'item', 'form-field'].includes(source.from));
  const isTokened = checks.some(({ jwt }) => jwt !== undefined);
  const times = signed.filter(({ name }) => /time|(^|[._-])(ts|date)$/i.test(name));
  const isFresh = checks.some(({ freshness }) => freshness !== undefined);
  return [
    ...(messages.length > 0 && !holdsBody && !holdsParts && !isTokened && nonce === undefined
      ? [
          'the signature does not cover the body: an attacker who has seen one may send another body with it; sign {body}, or declare a value that is never repeated as nonce',
        ]
      : []),
    ...(isFresh || isTokened || nonce !== undefined
      ? []
      : [...new Set(times.map(({ name }) => name))].map(
          (name) => `${name} is signed, but no freshness check reads it: an old request stays valid`,
        )),
    ...messages
      .filter((message) => message.includes('\\n') || message.includes('\\r'))
      .map(
        (message) =>
          `the message ${JSON.stringify(message)} holds a backslash and a letter, not a line break: YAML reads "\\n" only in double quotes`,
      ),
  ];
}

function messagesOf(node: VerifySpec): readonly string[] {
  if (node.each !== undefined) return checksBelow(node.each.verify).flatMap(messagesOf);
  const check = checkIn(node);
  return (check === undefined ? undefined : authoringOf(check.name).signed?.(check.spec)?.messages) ?? [];
}

function checksBelow(node: VerifySpec): readonly VerifySpec[] {
  const below = node.all ?? node.any ?? node.cases?.map(({ verify }) => verify);
  return below?.flatMap(checksBelow) ?? [node];
}

interface SignedSource {
  readonly name: string;
  readonly source: Source;
}

/** The sources that a template reads; for a variable, those that it is taken from. */
function sourcesIn({ webhook }: WebhookDefinition, template: string): readonly SignedSource[] {
  const parsed = parseTemplate(template);
  if (parsed.kind === 'fault') return [];
  return parsed.template.parts.flatMap((part): readonly SignedSource[] => {
    if (!('source' in part)) return [];
    const { source, text: name } = part;
    const from = source.from === 'var' ? webhook.vars[source.name]?.from : undefined;
    if (from === undefined) return [{ name, source }];
    const inner = parseTemplate(from);
    const sources =
      inner.kind === 'fault' ? [] : inner.template.parts.flatMap((one) => ('source' in one ? [one.source] : []));
    return sources.map((one) => ({ name, source: one }));
  });
}
