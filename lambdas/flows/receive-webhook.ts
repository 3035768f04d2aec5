import { createHash } from 'node:crypto';
import { limits } from '../contracts/limits.ts';
import type { BodyReference, RawMessage } from '../contracts/messages.ts';
import type { ReplySpec } from '../engine/definition/schema.ts';
import {
  type IngressAnswer,
  type IngressSettlement,
  ingressAnswer,
  settleReception,
} from '../engine/verification/ingress-answer.ts';
import type { PreparedWebhook } from '../engine/verification/prepare-webhook.ts';
import { type DecidedReception, type Nonce, receiveWebhook } from '../engine/verification/receive-webhook.ts';
import type { RejectionReason, SecretValues, WebhookRequest } from '../engine/verification/webhook-request.ts';
import { withoutCredentials } from '../engine/verification/without-credentials.ts';
import type { AccountStore, AccountWriter } from '../ports/account-store.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { IntegrationSettingsDirectory, IntegrationSettingsStore } from '../ports/integration-settings-store.ts';
import type { NonceStore } from '../ports/nonce-store.ts';
import type { ProviderKeys } from '../ports/provider-keys.ts';
import type { RawQueue } from '../ports/queues.ts';
import type { Randomness } from '../ports/randomness.ts';
import { captureSecret } from './capture-secret.ts';

export interface ReceivePorts {
  readonly accounts: AccountStore & AccountWriter;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly providerKeys: ProviderKeys;
  readonly nonces: NonceStore;
  readonly webhook: (integration: string) => Promise<PreparedWebhook | undefined>;
  readonly rawBodies: ClaimStore;
  readonly rawQueue: RawQueue;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly claimThresholdBytes: number;
}

/** How a request was settled, and what its answer needs. */
export type Receipt =
  | { readonly kind: 'accepted'; readonly rawId: string; readonly reply: ReplySpec }
  | (Extract<IngressSettlement, { kind: 'rejected' }> & { readonly reply: ReplySpec })
  | Exclude<IngressSettlement, { kind: 'accepted' | 'rejected' }>;

/** How long a function may go on with secrets that it has read. */
const secretsMaxAgeMs = 10_000;
/** How long it may go on with a provider's keys. */
const keysMaxAgeMs = 24 * 3_600_000;
/** The same for a request that they do not fit: whoever forges many must not make a call with each. */
const keysRefreshMs = 60_000;

/** Whose URL a request came to: an account's, or the one for all accounts of an integration. */
export interface ReceiveTarget {
  readonly integration: string;
  readonly account?: string;
}

/**
 * Take in one request of a provider.
 *
 * `accepted` is returned only after the request is durable: in the queue, and in S3 before that
 * when it is large. Whatever fails before throws, so that the provider is told to try again.
 */
export async function receiveProviderRequest(
  ports: ReceivePorts,
  target: ReceiveTarget,
  request: WebhookRequest,
): Promise<Receipt> {
  const webhook = await ports.webhook(target.integration);
  if (webhook === undefined || (target.account === undefined && !webhook.servesAllAccounts)) return { kind: 'unknown' };
  const secrets = await secretsFor(ports, target, secretsMaxAgeMs);
  if (secrets === undefined) return { kind: 'unknown' };
  if (request.body.length > limits.maxBodyBytes) return { kind: 'too-large' };

  let reception = await decide(ports, webhook, request, { secrets, keysMaxAgeMs });
  if (reception.kind === 'rejected') {
    // The secret, or the provider's key, may have been changed since it was read.
    const current = await secretsFor(ports, target, 0);
    if (current === undefined) return { kind: 'unknown' };
    reception = await decide(ports, webhook, request, { secrets: current, keysMaxAgeMs: keysRefreshMs });
  }
  const settlement = settleReception(reception, request.method);
  const rejected = (reason: RejectionReason): Receipt => ({ kind: 'rejected', reason, reply: webhook.reply });
  if (settlement.kind === 'rejected') return { ...settlement, reply: webhook.reply };
  if (settlement.kind === 'malformed') return { kind: 'malformed', expected: settlement.expected };
  if (settlement.kind === 'handshake') {
    const { capture, isConfirmed, name } = settlement;
    if (capture !== undefined && (await captureSecret(ports, target, capture)) === 'not-armed')
      return rejected('capture-not-armed');
    // The call that completes it is made from the queue, which repeats it until it succeeds.
    if (isConfirmed) await ports.rawQueue.send(await toRawMessage(ports, target, request, webhook, name));
    return settlement;
  }
  if (settlement.kind !== 'accepted') return settlement;
  if (reception.kind === 'verified' && reception.nonce !== undefined)
    if ((await claimNonce(ports, target, request, reception.nonce)) === 'taken') return rejected('nonce-replayed');

  const message = await toRawMessage(ports, target, request, webhook);
  await ports.rawQueue.send(message);
  return { kind: 'accepted', rawId: message.rawId, reply: webhook.reply };
}

/** Calls for published keys that one request may cause. */
const maxKeyFetches = 4;

/** Run the checks, fetching what keys they lack. */
async function decide(
  ports: ReceivePorts,
  webhook: PreparedWebhook,
  request: WebhookRequest,
  { secrets, keysMaxAgeMs }: { readonly secrets: SecretValues; readonly keysMaxAgeMs: number },
): Promise<DecidedReception> {
  const keys = new Map<string, readonly string[]>();
  for (;;) {
    const reception = receiveWebhook(webhook, request, secrets, ports.clock.nowMs(), keys);
    if (reception.kind !== 'key-needed') return reception;
    if (keys.size === maxKeyFetches) return { kind: 'rejected', reason: 'key-unknown' };
    keys.set(reception.request.locator, await ports.providerKeys.find(reception.request, keysMaxAgeMs));
  }
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

/** The secrets that a URL's requests are verified with; undefined where there is no such URL. */
async function secretsFor(
  ports: ReceivePorts,
  { integration, account: id }: ReceiveTarget,
  maxAgeMs: number,
): Promise<SecretValues | undefined> {
  if (id === undefined) return (await ports.settings.get(integration, maxAgeMs))?.secrets;
  const account = await ports.accounts.get(id, maxAgeMs);
  return account?.integration === integration && account.closed !== true ? account.secrets : undefined;
}

/** What the provider is told of its request. */
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
  handshake?: string,
): Promise<RawMessage> {
  const nowMs = ports.clock.nowMs();
  const rawId = `raw_${nowMs.toString(36)}_${ports.randomness.bytes(10).toString('hex')}`;
  const { method, url, path, query, headers } = withoutCredentials(request, credentials);
  // It was read a moment ago, and is remembered.
  const account =
    target.account === undefined ? undefined : await ports.accounts.get(target.account, 2 * secretsMaxAgeMs);
  return {
    rawId,
    ...target,
    ...(account === undefined ? {} : { incarnation: account.createdAt }),
    ...(handshake === undefined ? {} : { handshake }),
    receivedAt: new Date(nowMs).toISOString(),
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
    // No account's id begins like that: what one has is all that stands under its id.
    const key = `${account ?? `_${integration}`}/${rawId}`;
    // It was read a moment ago, and is remembered for longer than that.
    const known = account === undefined ? undefined : await ports.accounts.get(account, 2 * secretsMaxAgeMs);
    await ports.rawBodies.put(key, body, 'application/octet-stream', known?.rawRetentionDays);
    return { kind: 'claim', key, sizeBytes: body.length };
  }
  const content = body.toString('utf8');
  // A queue message is text: bytes that are no UTF-8, or characters that SQS refuses, go as base64.
  const isText =
    Buffer.from(content, 'utf8').equals(body) &&
    !/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(content);
  return isText
    ? { kind: 'inline', encoding: 'utf8', content }
    : { kind: 'inline', encoding: 'base64', content: body.toString('base64') };
}
