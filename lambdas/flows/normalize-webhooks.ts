import { EngineError } from '../contracts/engine-error.ts';
import type { RawMessage } from '../contracts/messages.ts';
import type { UnsequencedEvent } from '../engine/mapping/canonical-event.ts';
import { mapRequest, type PreparedMapping } from '../engine/mapping/map-request.ts';
import { decodeBody } from '../engine/verification/decode-body.ts';
import type { PreparedWebhook } from '../engine/verification/prepare-webhook.ts';
import { deliveryIdOf } from '../engine/verification/receive-webhook.ts';
import type { WebhookRequest } from '../engine/verification/webhook-request.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { DeadLetterQueue } from '../ports/queues.ts';
import { type Publication, type PublishPorts, publishEvents } from './publish-events.ts';

/** An integration, ready to normalize with. */
export interface NormalizingIntegration {
  readonly webhook: PreparedWebhook;
  readonly mapping: PreparedMapping;
}

export interface NormalizePorts extends PublishPorts {
  readonly accounts: AccountStore;
  readonly integration: (name: string) => Promise<NormalizingIntegration | undefined>;
  readonly rawBodies: ClaimStore;
  readonly rawDeadLetters: DeadLetterQueue;
}

/** One message of the raw queue: as it was received, and read. */
export interface RawDelivery {
  readonly messageId: string;
  readonly body: string;
  readonly message: RawMessage;
}

/** How one accepted request ended. */
export type Normalization =
  | { readonly kind: 'mapped'; readonly publications: readonly Publication[] }
  /** The mapping makes no event of it. */
  | { readonly kind: 'ignored' }
  /** Its account is gone; kept on the dead-letter queue. */
  | { readonly kind: 'unrouted' }
  /** It cannot be mapped, however often it is tried; kept on the dead-letter queue with the reason. */
  | { readonly kind: 'dead-lettered'; readonly reason: string }
  /** Not done, and nothing lost: the message must come again. */
  | { readonly kind: 'failed'; readonly error: unknown };

const accountMaxAgeMs = 10_000;

/** Turn accepted requests into published events. One that fails goes back alone. */
export async function normalizeWebhooks(
  ports: NormalizePorts,
  deliveries: readonly RawDelivery[],
): Promise<readonly Normalization[]> {
  // One after the other: mappings share one thread, and the time that one may take would run for all.
  const mappings: Mapping[] = [];
  for (const delivery of deliveries)
    mappings.push(await mapDelivery(ports, delivery).catch((error: unknown) => ({ kind: 'failed', error })));
  const candidates = mappings.flatMap((mapping, index) =>
    mapping.kind === 'events'
      ? mapping.events.map((event) => ({ event, owner: (deliveries[index] as RawDelivery).message.rawId, index }))
      : [],
  );
  const published = candidates.length === 0 ? [] : await publishEvents(ports, candidates);
  return mappings.map((mapping, index): Normalization => {
    if (mapping.kind !== 'events') return mapping;
    const publications = published.filter((_, place) => candidates[place]?.index === index);
    const failure = publications.find((publication) => publication.kind === 'failed');
    return failure ?? { kind: 'mapped', publications };
  });
}

type Mapping =
  | { readonly kind: 'events'; readonly events: readonly UnsequencedEvent[] }
  | Exclude<Normalization, { kind: 'mapped' }>;

async function mapDelivery(ports: NormalizePorts, delivery: RawDelivery): Promise<Mapping> {
  const { message } = delivery;
  const [integration, account] = await Promise.all([
    ports.integration(message.integration),
    ports.accounts.get(message.account, accountMaxAgeMs),
  ]);
  if (integration === undefined)
    return deadLetter(ports, delivery, `no integration "${message.integration}" is deployed`);
  if (account === undefined || account.integration !== message.integration) {
    await ports.rawDeadLetters.send(delivery.body, `account "${message.account}" does not exist`);
    return { kind: 'unrouted' };
  }

  const request: WebhookRequest = { ...message.request, body: await bodyOf(ports, message) };
  const decoded = decodeBody(integration.webhook.decode, request);
  if (decoded.kind === 'malformed') return deadLetter(ports, delivery, `body: expected ${decoded.expected}`);
  const mapped = await mapRequest(
    integration.mapping,
    {
      body: decoded.value,
      headers: request.headers,
      query: Object.fromEntries(new URLSearchParams(request.query)),
      method: request.method,
      path: request.path,
    },
    {
      tenant: account.tenant,
      account: account.id,
      integration: message.integration,
      receivedAt: message.receivedAt,
      deliveryId: deliveryIdOf(integration.webhook, request, decoded.value),
      rawBody: request.body,
    },
  );
  if (mapped.kind === 'failed' && mapped.retryable)
    throw new EngineError('mapping-timeout', mapped.reason, { retryable: true });
  if (mapped.kind === 'failed') return deadLetter(ports, delivery, mapped.reason);
  return mapped.events.length === 0 ? { kind: 'ignored' } : { kind: 'events', events: mapped.events };
}

async function deadLetter(ports: NormalizePorts, delivery: RawDelivery, reason: string): Promise<Mapping> {
  await ports.rawDeadLetters.send(delivery.body, reason);
  return { kind: 'dead-lettered', reason };
}

async function bodyOf(ports: NormalizePorts, { body }: RawMessage): Promise<Buffer> {
  return body.kind === 'claim' ? ports.rawBodies.get(body.key) : Buffer.from(body.content, body.encoding);
}
