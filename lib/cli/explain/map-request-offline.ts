import { carriedRecordPlansOf } from '../../../lambdas/engine/definition/plan-answer.ts';
import type { WebhookDefinition } from '../../../lambdas/engine/definition/schema.ts';
import type { UnsequencedEvent } from '../../../lambdas/engine/event/canonical-event.ts';
import { noResources, type PreparedResources } from '../../../lambdas/engine/mapping/check-resource.ts';
import { decryptItems } from '../../../lambdas/engine/mapping/decrypt-items.ts';
import { lookupContexts } from '../../../lambdas/engine/mapping/lookup-context.ts';
import {
  type MappedPoll,
  type MappingResult,
  mapRequest,
  prepareMapping,
} from '../../../lambdas/engine/mapping/map-request.ts';
import { deliveryIdOf } from '../../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../../lambdas/engine/reception/prepare-webhook.ts';
import { withoutCredentials } from '../../../lambdas/engine/reception/without-credentials.ts';
import { decodeBody } from '../../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../lambdas/engine/request/webhook-request.ts';
import { explainMappingFailure } from './explain-mapping.ts';

export type OfflineMapping =
  | {
      readonly kind: 'mapped';
      readonly events: readonly UnsequencedEvent[];
      /** For each event, the context that it names, or undefined. */
      readonly contexts: readonly (string | undefined)[];
      readonly polls: readonly MappedPoll[];
      /** The contexts that the request names; absent if the definition has no routing. */
      readonly named?: readonly string[];
      /** Indexes of thin events whose id depends on the acceptance of the request, for want of an id, version or time. */
      readonly unnamed?: readonly number[];
    }
  | { readonly kind: 'failed'; readonly reason: string };

/** Map a request as normalize would, for the account of the local demo. */
export async function mapRequestOffline(
  definition: WebhookDefinition,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
  resources: PreparedResources = noResources,
): Promise<OfflineMapping> {
  const decoded = decodeBody(definition.webhook.decode, request, readXml);
  if (decoded.kind === 'malformed') return { kind: 'failed', reason: `body: expected ${decoded.expected}` };
  const webhook = prepareWebhook(definition, readXml);
  const decrypted =
    webhook.decrypt === undefined
      ? ({ kind: 'decrypted', body: decoded.value } as const)
      : decryptItems(webhook.decrypt, decoded.value, secrets);
  if (decrypted.kind === 'failed') return { kind: 'failed', reason: `body: ${decrypted.reason}` };
  const kept = withoutCredentials(request, webhook.credentials);
  const input = {
    body: decrypted.body,
    headers: kept.headers,
    query: Object.fromEntries(new URLSearchParams(kept.query)),
    method: kept.method,
    path: kept.path,
  };
  const { routing } = definition;
  const named = routing === undefined ? [] : await lookupContexts(routing.context_lookup_field, input);
  if (named === undefined) return { kind: 'failed', reason: 'routing.context_lookup_field failed' };
  const deliveryId = deliveryIdOf(webhook, kept, decoded.value);
  const context = {
    tenant: 'demo',
    account: `acc_demo_${definition.name}`,
    integration: definition.name,
    receivedAt: new Date(nowMs).toISOString(),
    deliveryId,
    rawBody: kept.body,
  };
  const mapping = prepareMapping(definition.mapping, resources, undefined, carriedRecordPlansOf(definition));
  const mapped = await mapRequest(mapping, input, context);
  if (mapped.kind === 'failed')
    return { kind: 'failed', reason: await explainMappingFailure(definition.mapping, input, mapped.reason) };
  const accepted = (acceptanceId: string) => mapRequest(mapping, input, { ...context, acceptanceId });
  const unnamed =
    deliveryId !== undefined || webhook.deliveryId === 'none' || !mapped.events.some(({ thin }) => thin === true)
      ? []
      : differingPlaces(await accepted('one'), await accepted('another'));
  return { ...mapped, unnamed, ...(routing === undefined ? {} : { named }) };
}

/** Indexes of the events whose id depends on the acceptance of the request. */
function differingPlaces(one: MappingResult, another: MappingResult): readonly number[] {
  if (one.kind === 'failed' || another.kind === 'failed') return [];
  return [...one.events.keys()].filter((place) => one.events[place]?.id !== another.events[place]?.id);
}
