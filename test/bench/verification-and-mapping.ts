import { carriedRecordPlansOf } from '../../lambdas/engine/definition/plan-answer.ts';
import type { WebhookDefinition } from '../../lambdas/engine/definition/schema.ts';
import { lookupContexts } from '../../lambdas/engine/mapping/lookup-context.ts';
import { type MappingInput, mapRequest, prepareMapping } from '../../lambdas/engine/mapping/map-request.ts';
import { deliveryIdOf, receiveWebhook } from '../../lambdas/engine/reception/decide-reception.ts';
import { prepareWebhook } from '../../lambdas/engine/reception/prepare-webhook.ts';
import { withoutCredentials } from '../../lambdas/engine/reception/without-credentials.ts';
import { decodeBody } from '../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../lambdas/engine/request/read-xml.ts';
import type { WebhookRequest } from '../../lambdas/engine/request/webhook-request.ts';
import { compileWebhookIntegrations } from '../../lib/definitions/compile-integrations.ts';
import { signRequest } from '../../lib/definitions/sign-request.ts';
import { signingKeysOf } from '../integrations/signing-keys.ts';
import { budgets } from './budgets.ts';
import { type Contender, measureInterleaved } from './measure-interleaved.ts';
import { type ProviderEvent, providerEvents, type SignedEvent } from './provider-events.ts';
import { type Figure, type Section, withinBudget } from './section.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
const integrations = new URL('../../integrations/', import.meta.url);

/**
 * The time to verify and map one event, compared with the minimum of any receiver: compute the MAC, compare it, and
 * parse. The budget is for GitHub's `issues.opened` of 2 KB.
 */
export const verificationAndMapping: Section = {
  key: 'verification',
  name: 'Verification and mapping, per event',
  async run() {
    const definitions = compileWebhookIntegrations(integrations);
    const { budgeted, others } = providerEvents(integrations);
    const figures: Figure[] = [];
    for (const event of [budgeted, ...others]) {
      const definition = definitions.get(event.integration);
      if (definition === undefined) throw new Error(`unknown integration "${event.integration}"`);
      figures.push(
        ...(await measureEvent(definition, event, event === budgeted ? budgets.verificationAndMappingUs : undefined)),
      );
    }
    return figures;
  },
};

async function measureEvent(
  definition: WebhookDefinition,
  { title, request: unsigned, bare }: ProviderEvent,
  budget: number | undefined,
): Promise<readonly Figure[]> {
  const keys = signingKeysOf(definition, 'right');
  // More digits would not be reproducible.
  const figure = (name: string, value: number, unit: string): Figure => ({
    name: `${title}: ${name}`,
    value: Math.round(value * 10) / 10,
    unit,
  });
  const event = { request: signRequest(definition, unsigned, keys, nowMs), secrets: keys.secrets };
  const { routing } = definition;
  const [bareUs = Number.NaN, engineUs = Number.NaN, routedUs] = await measureInterleaved([
    bare(event),
    engineOf(definition, event),
    ...(routing === undefined ? [] : [engineOf(definition, event, routing.context_lookup_field)]),
  ]);
  const difference = figure('difference', engineUs - bareUs, 'µs');
  return [
    figure('body', event.request.body.length, 'bytes'),
    figure('bare', bareUs, 'µs'),
    figure('engine', engineUs, 'µs'),
    budget === undefined ? difference : withinBudget(difference, budget),
    figure('ratio', engineUs / bareUs, 'times'),
    ...(routedUs === undefined ? [] : [figure('engine, at the URL for all accounts', routedUs, 'µs')]),
  ];
}

/**
 * The engine's work between a request and its unsequenced events: what ingress does, and what normalize does with the
 * message (see `mapDelivery` of normalize-webhooks.ts). The definition is prepared once, as in the functions.
 *
 * @param routing - Given when the request counts as one at the shared URL, whose account is found by its context.
 */
function engineOf(definition: WebhookDefinition, { request, secrets }: SignedEvent, routing?: string): Contender {
  const webhook = prepareWebhook(definition, readXml);
  const mapping = prepareMapping(definition.mapping, undefined, undefined, carriedRecordPlansOf(definition));
  // The form in which the queue carries it.
  const content = request.body.toString('utf8');

  return async () => {
    const reception = receiveWebhook(webhook, request, secrets, nowMs);
    if (reception.kind !== 'verified') throw new Error(`the request is ${reception.kind}`);
    const { method, url, path, query, headers } = withoutCredentials(request, webhook.credentials);

    const received: WebhookRequest = { method, url, path, query, headers, body: Buffer.from(content, 'utf8') };
    const decoded = decodeBody(webhook.decode, received, readXml);
    if (decoded.kind === 'malformed') throw new Error(`expected ${decoded.expected}`);
    const input: MappingInput = {
      body: decoded.value,
      headers: received.headers,
      query: Object.fromEntries(new URLSearchParams(received.query)),
      method: received.method,
      path: received.path,
    };
    if (routing !== undefined && (await lookupContexts(routing, input))?.length !== 1)
      throw new Error('the request names no context');
    const mapped = await mapRequest(mapping, input, {
      tenant: 'acme',
      account: 'acc_1',
      integration: definition.name,
      receivedAt: '2026-11-22T12:00:00.000Z',
      deliveryId: deliveryIdOf(webhook, received, decoded.value, 'raw_1'),
      rawBody: received.body,
    });
    if (mapped.kind === 'failed') throw new Error(mapped.reason);
    if (mapped.events.length === 0) throw new Error('the request maps to no event');
    return mapped.events;
  };
}
