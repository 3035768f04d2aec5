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
import { receiveWebhook } from '../engine/verification/receive-webhook.ts';
import type { SecretValues, WebhookRequest } from '../engine/verification/webhook-request.ts';
import { withoutCredentials } from '../engine/verification/without-credentials.ts';
import type { AccountStore } from '../ports/account-store.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { IntegrationSettingsStore } from '../ports/integration-settings-store.ts';
import type { RawQueue } from '../ports/queues.ts';
import type { Randomness } from '../ports/randomness.ts';

export interface ReceivePorts {
  readonly accounts: AccountStore;
  readonly settings: IntegrationSettingsStore;
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

  let reception = receiveWebhook(webhook, request, secrets, ports.clock.nowMs());
  if (reception.kind === 'rejected') {
    // The secret may have been changed since it was read.
    const current = await secretsFor(ports, target, 0);
    if (current === undefined) return { kind: 'unknown' };
    reception = receiveWebhook(webhook, request, current, ports.clock.nowMs());
  }
  const settlement = settleReception(reception, request.method);
  if (settlement.kind === 'rejected') return { ...settlement, reply: webhook.reply };
  if (settlement.kind === 'malformed') return { kind: 'malformed', expected: settlement.expected };
  if (settlement.kind !== 'accepted') return settlement;

  const message = await toRawMessage(ports, target, request, webhook);
  await ports.rawQueue.send(message);
  return { kind: 'accepted', rawId: message.rawId, reply: webhook.reply };
}

/** The secrets that a URL's requests are verified with; undefined where there is no such URL. */
async function secretsFor(
  ports: ReceivePorts,
  { integration, account: id }: ReceiveTarget,
  maxAgeMs: number,
): Promise<SecretValues | undefined> {
  if (id === undefined) return (await ports.settings.get(integration, maxAgeMs))?.secrets;
  const account = await ports.accounts.get(id, maxAgeMs);
  return account?.integration === integration ? account.secrets : undefined;
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
): Promise<RawMessage> {
  const nowMs = ports.clock.nowMs();
  const rawId = `raw_${nowMs.toString(36)}_${ports.randomness.bytes(10).toString('hex')}`;
  const { method, url, path, query, headers } = withoutCredentials(request, credentials);
  return {
    rawId,
    ...target,
    receivedAt: new Date(nowMs).toISOString(),
    request: { method, url, path, query, headers },
    body: await referTo(ports, target.account ?? target.integration, rawId, request.body),
  };
}

async function referTo(ports: ReceivePorts, owner: string, rawId: string, body: Buffer): Promise<BodyReference> {
  if (body.length > ports.claimThresholdBytes) {
    const key = `${owner}/${rawId}`;
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
