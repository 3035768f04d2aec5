import type { Definition } from '../../lambdas/engine/definition/schema.ts';
import { makeKeys, rotatingSecrets, type SigningKeys } from '../../lib/definitions/make-keys.ts';

/**
 * A value for each secret of a definition, written as the definition reads it; the label makes it another.
 * Ids and the like, which do not prove anything, are the same for each label.
 */
export function signingKeysOf(definition: Definition, label: string): Required<SigningKeys> {
  const keys = makeKeys(definition, label);
  const ids = makeKeys(definition, 'any').secrets;
  const proving = rotatingSecrets(definition);
  const secrets = Object.entries(keys.secrets).map(([name, value]) => [name, proving.has(name) ? value : ids[name]]);
  return { secrets: Object.fromEntries(secrets) as Record<string, string>, privateKeys: keys.privateKeys };
}
