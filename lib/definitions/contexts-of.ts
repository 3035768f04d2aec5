import { secretNames } from '../../lambdas/engine/definition/checks-within.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { prepareContexts, readContexts } from '../../lambdas/engine/reception/read-contexts.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { templateInput } from './checks-for-request.ts';

/**
 * The context values by which ingress finds the accounts whose secrets verify a request to the URL for all accounts.
 *
 * @returns undefined if the secrets of the integration verify.
 */
export function contextsOf(definition: WebhookDefinition, request: WebhookRequest): readonly string[] | undefined {
  const contexts = prepareContexts(definition.routing, secretNames(definition));
  return contexts === undefined ? undefined : readContexts(contexts, templateInput(definition, request));
}
