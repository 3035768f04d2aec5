import { limits } from '../contracts/limits.ts';
import type { BodyReference, RawMessage } from '../contracts/messages.ts';
import type { PreparedWebhook } from '../engine/verification/prepare-webhook.ts';
import { type HandshakeResponse, type Reception, receiveWebhook } from '../engine/verification/receive-webhook.ts';
import type { Verdict, WebhookRequest } from '../engine/verification/webhook-request.ts';
import type { Account, AccountStore } from '../ports/account-store.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { RawQueue } from '../ports/queues.ts';
import type { Randomness } from '../ports/randomness.ts';

export interface ReceivePorts {
  readonly accounts: AccountStore;
  readonly webhook: (integration: string) => Promise<PreparedWebhook | undefined>;
  readonly rawBodies: ClaimStore;
  readonly rawQueue: RawQueue;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly claimThresholdBytes: number;
}

export type Receipt =
  | { readonly kind: 'accepted'; readonly rawId: string }
  | { readonly kind: 'handshake'; readonly name: string; readonly response: HandshakeResponse }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'method-not-allowed' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed'; readonly expected: string }
  | Extract<Verdict, { kind: 'rejected' }>;

/** How long a function may go on with an account that it has read. */
const accountMaxAgeMs = 10_000;

/** Headers that authenticate the sender: they are used here and go no further. */
const credentialHeaders = new Set(['authorization', 'proxy-authorization', 'cookie']);

/**
 * Take in one request of a provider.
 *
 * `accepted` is returned only after the request is durable: in the queue, and in S3 before that
 * when it is large. Whatever fails before throws, so that the provider is told to try again.
 */
export async function receiveProviderRequest(
  ports: ReceivePorts,
  target: { readonly integration: string; readonly account: string },
  request: WebhookRequest,
): Promise<Receipt> {
  const webhook = await ports.webhook(target.integration);
  if (webhook === undefined) return { kind: 'unknown' };
  const account = await accountOf(ports, target, accountMaxAgeMs);
  if (account === undefined) return { kind: 'unknown' };
  if (request.body.length > limits.maxBodyBytes) return { kind: 'too-large' };

  let reception = receiveWebhook(webhook, request, account.secrets, ports.clock.nowMs());
  if (reception.kind === 'rejected') {
    // The secret may have been changed since the account was read.
    const current = await accountOf(ports, target, 0);
    if (current === undefined) return { kind: 'unknown' };
    reception = receiveWebhook(webhook, request, current.secrets, ports.clock.nowMs());
  }
  if (reception.kind !== 'verified') return answerOf(reception, request);
  if (request.method !== 'POST') return { kind: 'method-not-allowed' };

  const message = await toRawMessage(ports, target, request);
  await ports.rawQueue.send(message);
  return { kind: 'accepted', rawId: message.rawId };
}

async function accountOf(
  ports: ReceivePorts,
  target: { readonly integration: string; readonly account: string },
  maxAgeMs: number,
): Promise<Account | undefined> {
  const account = await ports.accounts.get(target.account, maxAgeMs);
  return account?.integration === target.integration ? account : undefined;
}

function answerOf(reception: Exclude<Reception, { kind: 'verified' }>, request: WebhookRequest): Receipt {
  // Only a handshake gives a provider reason to send anything but a POST.
  if (reception.kind !== 'handshake' && request.method !== 'POST') return { kind: 'method-not-allowed' };
  return reception.kind === 'malformed' ? { kind: 'malformed', expected: reception.expected } : reception;
}

async function toRawMessage(
  ports: ReceivePorts,
  target: { readonly integration: string; readonly account: string },
  request: WebhookRequest,
): Promise<RawMessage> {
  const nowMs = ports.clock.nowMs();
  const rawId = `raw_${nowMs.toString(36)}_${ports.randomness.bytes(10).toString('hex')}`;
  return {
    rawId,
    ...target,
    receivedAt: new Date(nowMs).toISOString(),
    request: {
      method: request.method,
      path: request.path,
      query: request.query,
      headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !credentialHeaders.has(name))),
    },
    body: await referTo(ports, target.account, rawId, request.body),
  };
}

async function referTo(ports: ReceivePorts, account: string, rawId: string, body: Buffer): Promise<BodyReference> {
  if (body.length > ports.claimThresholdBytes) {
    const key = `${account}/${rawId}`;
    await ports.rawBodies.put(key, body, 'application/octet-stream');
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
