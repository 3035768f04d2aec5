import { hasWebhook } from '../../lambdas/engine/definition/has-webhook.ts';
import type { ParsedDefinition } from '../../lambdas/engine/definition/parse-definition.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';

/** The definition that a test wrote. @throws {Error} with its faults, or when it has no webhook. */
export function parsedWebhook(parsed: ParsedDefinition): WebhookDefinition {
  if (parsed.kind === 'faults') throw new Error(JSON.stringify(parsed.faults, undefined, 2));
  if (!hasWebhook(parsed.definition)) throw new Error('the definition has no webhook');
  return parsed.definition;
}
