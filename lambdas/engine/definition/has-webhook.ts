import type { Definition, WebhookDefinition } from './schema.ts';

/** Whether a provider calls us. */
export function hasWebhook(definition: Definition): definition is WebhookDefinition {
  return definition.webhook !== undefined && definition.mapping !== undefined;
}
