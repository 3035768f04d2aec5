import { createHash } from 'node:crypto';
import type { BodyReference, RawMessage } from '../../contracts/messages.ts';
import type { ReplySpec } from '../../engine/definition/webhook-schema.ts';
import type { Nonce } from '../../engine/reception/decide-reception.ts';
import {
  type IngressAnswer,
  type IngressSettlement,
  ingressAnswer,
  settleReception,
} from '../../engine/reception/ingress-answer.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import { withoutCredentials } from '../../engine/reception/without-credentials.ts';
import { type HopCount, holdsHops, hopHeader, hopKeyPurpose, readHops } from '../../engine/request/hop-count.ts';
import type { RejectionReason } from '../../engine/request/rejection-reason.ts';
import type { WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { AccountContexts } from '../../ports/accounts/account-contexts.ts';
import type { Account, AccountStore, AccountWriter } from '../../ports/accounts/account-store.ts';
import type {
  IntegrationSettingsDirectory,
  IntegrationSettingsStore,
} from '../../ports/accounts/integration-settings-store.ts';
import type { NonceStore } from '../../ports/accounts/nonce-store.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { RawQueue } from '../../ports/events/queues.ts';
import type { ProviderKeys } from '../../ports/provider/provider-keys.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { EngineKey } from '../../ports/runtime/engine-key.ts';
import type { Randomness } from '../../ports/runtime/randomness.ts';
import { type AdmitPorts, type Admitted, admitWebhook } from './admit-webhook.ts';
import { captureSecret } from './capture-secret.ts';
import { admittedAlways, type ReceiveTarget, rateLimited, secretsMaxAgeMs, verifyRequest } from './verify-request.ts';

export interface ReceivePorts extends AdmitPorts {
  readonly accounts: AccountStore & AccountWriter;
  readonly contexts: AccountContexts;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly providerKeys: ProviderKeys;
  /** Read only for requests that carry a hop count. */
  readonly engineKey: EngineKey;
  readonly nonces: NonceStore;
  readonly webhook: (integration: string) => Promise<PreparedWebhook | undefined>;
  readonly rawBodies: ClaimStore;
  readonly rawQueue: RawQueue;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly claimThresholdBytes: number;
}

/** The outcome of a request, with what its answer needs. */
export type Receipt =
  | { readonly kind: 'accepted'; readonly rawId: string; readonly reply: ReplySpec }
  | (Extract<IngressSettlement, { kind: 'rejected' }> & { readonly reply: ReplySpec })
  | Exclude<IngressSettlement, { kind: 'accepted' | 'rejected' }>;

/**
 * Receive one request of a provider.
 *
 * Returns `accepted` only after the request is durable: in the queue, and before that in S3 when it is large. An
 * earlier failure throws, so that the provider retries.
 *
 * A webhook counts against the limits of its account and tenant after it was verified and before anything is written:
 * strangers cannot use up an account's limit, and the provider may send a rejected webhook again.
 *
 * @param warn - Called with the error when webhooks cannot be counted; they are accepted all the same.
 */
export async function receiveProviderRequest(
  ports: ReceivePorts,
  asked: ReceiveTarget,
  request: WebhookRequest,
  warn: (error: unknown) => void = () => undefined,
): Promise<Receipt> {
  const webhook = await ports.webhook(asked.integration);
  const arrivedAtMs = ports.clock.nowMs();
  if (webhook === undefined || (asked.account === undefined && !webhook.servesAllAccounts)) return { kind: 'unknown' };
  // No read precedes it: refusing the address of a stranger costs nothing.
  if (!webhook.allowsSource(request.sourceIp)) return { kind: 'source-not-allowed', by: 'definition' };
  const passed = await passedBefore(ports, request);
  const received = await verifyRequest(ports, webhook, asked, request, passed);
  if (received.kind !== 'received') return received;
  const { reception, target, account } = received;
  if (reception.kind === 'key-calls-limited') return reception;
  const hops = (passed?.hops ?? 0) + 1;
  const settlement = settleReception(reception, request.method);
  const rejected = (reason: RejectionReason): Receipt => ({ kind: 'rejected', reason, reply: webhook.reply });
  if (settlement.kind === 'rejected') return { ...settlement, reply: webhook.reply };
  if (settlement.kind === 'malformed') return { kind: 'malformed', expected: settlement.expected };
  if (settlement.kind === 'handshake') {
    const { capture, isConfirmed, name } = settlement;
    if (capture !== undefined && (await captureSecret(ports, target, capture)) === 'not-armed')
      return rejected('capture-not-armed');
    if (!isConfirmed) return settlement;
    const admitted = await admit(ports, account, warn);
    if (admitted.kind === 'limited') return rateLimited(admitted);
    // Queue the call that completes the handshake: the queue retries it until it succeeds.
    await ports.rawQueue.send(await toRawMessage(ports, target, request, webhook, { handshake: name }, arrivedAtMs));
    return settlement;
  }
  if (settlement.kind !== 'accepted') return settlement;
  const admitted = await admit(ports, account, warn);
  if (admitted.kind === 'limited') return rateLimited(admitted);
  if (reception.kind === 'verified' && reception.nonce !== undefined)
    if ((await claimNonce(ports, target, request, reception.nonce)) === 'taken') return rejected('nonce-replayed');

  const message = await toRawMessage(ports, target, request, webhook, { hops }, arrivedAtMs);
  await ports.rawQueue.send(message);
  return { kind: 'accepted', rawId: message.rawId, reply: webhook.reply };
}

/**
 * Count a webhook against its limits. When only the mapped body tells the account, nothing is counted: with one count
 * for all accounts, one tenant's flood would reject the webhooks of the others. No loop can run through such a URL,
 * because only the provider signs its requests.
 */
async function admit(
  ports: ReceivePorts,
  account: Account | undefined,
  warn: (error: unknown) => void,
): Promise<Admitted> {
  return account === undefined ? admittedAlways : admitWebhook(ports, account, warn);
}

/** How often the cause of a request has passed through; undefined when no callback of this deployment caused it. */
async function passedBefore({ engineKey }: ReceivePorts, { headers }: WebhookRequest): Promise<HopCount | undefined> {
  const header = headers[hopHeader];
  return holdsHops(header) ? readHops(await engineKey.derive(hopKeyPurpose), header) : undefined;
}

async function claimNonce(
  ports: ReceivePorts,
  target: ReceiveTarget,
  request: WebhookRequest,
  { value, ttlSeconds }: Nonce,
): Promise<'claimed' | 'taken'> {
  return ports.nonces.claim({
    owner: target.account ?? target.integration,
    value,
    bodySha256: createHash('sha256').update(request.body).digest('hex'),
    expiresAtEpochSeconds: Math.floor(ports.clock.nowMs() / 1000) + ttlSeconds,
  });
}

/** The answer that the provider gets. */
export function answerOf(receipt: Receipt): IngressAnswer {
  if (receipt.kind !== 'accepted')
    return ingressAnswer(receipt, receipt.kind === 'rejected' ? receipt.reply : undefined);
  const { status, headers, body } = ingressAnswer(receipt, receipt.reply);
  return { status, headers: { ...headers, 'tributary-request-id': receipt.rawId }, body };
}

async function toRawMessage(
  ports: ReceivePorts,
  target: ReceiveTarget,
  request: WebhookRequest,
  { credentials }: PreparedWebhook,
  { handshake, hops = 1 }: Pick<RawMessage, 'handshake' | 'hops'>,
  arrivedAtMs: number,
): Promise<RawMessage> {
  const nowMs = ports.clock.nowMs();
  const rawId = `raw_${nowMs.toString(36)}_${ports.randomness.bytes(10).toString('hex')}`;
  const { method, url, path, query, headers: kept } = withoutCredentials(request, credentials);
  // The hop header is the engine's own, not the provider's: hide it from mappings.
  const { [hopHeader]: _, ...headers } = kept;
  // A cache hit: verification has just read the account.
  const account =
    target.account === undefined ? undefined : await ports.accounts.get(target.account, 2 * secretsMaxAgeMs);
  return {
    rawId,
    ...target,
    ...(account === undefined ? {} : { incarnation: account.createdAt }),
    ...(handshake === undefined ? {} : { handshake }),
    ...(hops === 1 ? {} : { hops }),
    receivedAt: new Date(nowMs).toISOString(),
    ...(nowMs > arrivedAtMs ? { tookMs: nowMs - arrivedAtMs } : {}),
    request: { method, url, path, query, headers },
    body: await referTo(ports, target, rawId, request.body),
  };
}

async function referTo(
  ports: ReceivePorts,
  { integration, account }: ReceiveTarget,
  rawId: string,
  body: Buffer,
): Promise<BodyReference> {
  if (body.length > ports.claimThresholdBytes) {
    // No account's id begins with an underscore: everything under an id belongs to that account.
    const key = `${account ?? `_${integration}`}/${rawId}`;
    // A cache hit: verification has just read the account.
    const known = account === undefined ? undefined : await ports.accounts.get(account, 2 * secretsMaxAgeMs);
    await ports.rawBodies.put(key, body, 'application/octet-stream', known?.rawRetentionDays);
    return { kind: 'claim', key, sizeBytes: body.length };
  }
  const content = body.toString('utf8');
  // A queue message is text: encode bodies as base64 when they are not UTF-8, or have characters that SQS rejects.
  const isText =
    Buffer.from(content, 'utf8').equals(body) &&
    !/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(content);
  return isText
    ? { kind: 'inline', encoding: 'utf8', content }
    : { kind: 'inline', encoding: 'base64', content: body.toString('base64') };
}
