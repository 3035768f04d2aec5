import { missingReason } from '../../request/rejection-reason.ts';
import { secretChoices, secretsIn, valuesOf } from '../../request/secret-values.ts';
import type { SecretValues } from '../../request/webhook-request.ts';
import { renderTemplate, type Template, type TemplateInput, toTemplate } from '../../template/template.ts';
import type { Verdict } from '../verdict.ts';

/** The messages that a provider may have signed. */
export interface SignedMessages {
  readonly templates: readonly Template[];
  /** Names of the secrets in the messages. */
  readonly secrets: readonly string[];
}

export type RenderedMessages =
  /** The chunks of each message. */
  | { readonly kind: 'messages'; readonly messages: readonly (readonly (string | Buffer)[])[] }
  | Extract<Verdict, { kind: 'rejected' }>;

/** @param message - A template, or several of which the provider signs one. */
export function prepareMessages(message: string | readonly string[]): SignedMessages {
  const templates = [message].flat().map(toTemplate);
  return { templates, secrets: secretsIn(templates) };
}

/** The message that a sample signs. */
export function firstOf(message: string | readonly string[]): string {
  return [message].flat()[0] ?? '';
}

/**
 * Render every message that the provider may have signed, with every current value of its secrets. Messages
 * with a part that the request lacks are skipped.
 */
export function renderMessages(
  { templates, secrets: names }: SignedMessages,
  input: TemplateInput,
  secrets: SecretValues,
): RenderedMessages {
  const unset = names.find((name) => valuesOf(secrets, name).length === 0);
  if (unset !== undefined) return { kind: 'rejected', reason: 'secret-not-configured', detail: unset };
  const messages: (readonly (string | Buffer)[])[] = [];
  let missing = '';
  for (const template of templates)
    for (const values of secretChoices(names, secrets)) {
      const rendered = renderTemplate(template, { ...input, secrets: values });
      if (rendered.kind === 'value') messages.push(rendered.chunks);
      else if (missing === '') missing = rendered.source;
    }
  return messages.length > 0
    ? { kind: 'messages', messages }
    : { kind: 'rejected', reason: missingReason(missing), detail: missing };
}
