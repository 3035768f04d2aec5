import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { prepareWebhook, readVariables } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { decodeBody } from '../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import type { TemplateInput } from '../../lambdas/engine/template/template.ts';
import type { ConditionSpec, VerifySpec } from '../../lambdas/engine/verification/check-tree.ts';
import { prepareCondition } from '../../lambdas/engine/verification/prepare-checks.ts';

/**
 * The checks that a request must pass, for its signer: those of its handshake if it has its own, or none; the first of
 * alternatives, the matching one of cases.
 */
export function checksForRequest(definition: WebhookDefinition, request: WebhookRequest): readonly VerifySpec[] {
  const input = templateInput(definition, request);
  const holds = (when: ConditionSpec) => prepareCondition(when)(input);
  const { handshakes, verify } = definition.webhook;
  const handshake = handshakes.find(({ when }) => [when].flat().some(holds));
  if (handshake?.verify === 'none') return [];
  return chosen(typeof handshake?.verify === 'object' ? handshake.verify : verify, holds);
}

/** The checks of a part of a tree: see {@link checksForRequest}. */
export function checksOfItem(
  definition: WebhookDefinition,
  request: WebhookRequest,
  node: VerifySpec,
): readonly VerifySpec[] {
  const input = templateInput(definition, request);
  return chosen(node, (when) => prepareCondition(when)(input));
}

function chosen(node: VerifySpec, holds: (when: ConditionSpec) => boolean): readonly VerifySpec[] {
  if (node.all !== undefined) return node.all.flatMap((one) => chosen(one, holds));
  if (node.any !== undefined) return node.any.slice(0, 1).flatMap((one) => chosen(one, holds));
  if (node.cases === undefined) return [node];
  const found = node.cases.find(({ when }) => when === undefined || holds(when));
  return found === undefined ? [] : chosen(found.verify, holds);
}

/** Template input of a sample, which is a request that was not received. */
export function templateInput(
  definition: WebhookDefinition,
  request: WebhookRequest,
  secrets: Readonly<Record<string, string>> = {},
): TemplateInput {
  const decoded = decodeBody(definition.webhook.decode, request, readXml);
  const plain: TemplateInput = {
    ...request,
    query: new URLSearchParams(request.query),
    decoded: decoded.kind === 'decoded' ? decoded.value : undefined,
    secrets,
    vars: {},
  };
  return { ...plain, vars: readVariables(prepareWebhook(definition, readXml), plain) };
}
