import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import { makeKeys, type SigningKeys } from '../../definitions/make-keys.ts';

/** Signing secret of the demo's providers. It protects nothing: the engine runs only on this machine. */
export const demoSecret = 'demo-signing-secret';
/** Signing keys of a demo account's provider: the demo secret, or a key in the form that the scheme requires. */
export function demoKeys(definition: WebhookDefinition): Required<SigningKeys> {
  return makeKeys(definition, 'demo', () => demoSecret);
}
