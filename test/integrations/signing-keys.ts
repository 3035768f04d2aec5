import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { makeKeys, rotatingSecrets, type SigningKeys } from '../../lib/definitions/make-keys.ts';

/**
 * A value for each secret of a definition, in the format that the definition expects. Each label gives other values,
 * except for ids, which prove nothing.
 */
export function signingKeysOf(definition: WebhookDefinition, label: string): Required<SigningKeys> {
  const keys = makeKeys(definition, label);
  const ids = makeKeys(definition, 'any').secrets;
  const proving = rotatingSecrets(definition);
  const secrets = Object.entries(keys.secrets).map(([name, value]) => [name, proving.has(name) ? value : ids[name]]);
  return { secrets: Object.fromEntries(secrets) as Record<string, string>, privateKeys: keys.privateKeys };
}
