import { createHash } from 'node:crypto';
import { limits } from '../../contracts/limits.ts';
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
import type { PreparedContexts } from '../../engine/reception/read-contexts.ts';
import { withoutCredentials } from '../../engine/reception/without-credentials.ts';
import {
  type HopCount,
  holdsHops,
  hopHeader,
  hopKeyPurpose,
  maxHops,
  readHops,
} from '../../engine/request/hop-count.ts';
import type { RejectionReason } from '../../engine/request/rejection-reason.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
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
import { type AdmitPorts, type Admitted, admitWebhook, isRefusedAlready } from './admit-webhook.ts';
import { captureSecret } from './capture-secret.ts';
import { decideReception, type LimitedReception } from './decide-reception.ts';
import { receiveForAccounts } from './receive-for-accounts.ts';

export interface ReceivePorts extends AdmitPorts {
  readonly accounts: AccountStore & AccountWriter;
  readonly contexts: AccountContexts;
  readonly settings: IntegrationSettingsStore & IntegrationSettingsDirectory;
  readonly providerKeys: ProviderKeys;
  /** Asked for by a request that carries a hop count, and by no other. */
  readonly engineKey: EngineKey;
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
/** The same for a request that they do not fit: forged requests must not cause a call each. */
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
 *
 * A webhook is counted against its account and tenant after it was verified and before anything is written: strangers
 * cannot use up what an account may bring, and one that is refused may be sent again.
 *
 * @param warn - Is told why webhooks are not counted, which refuses none.
 */
export async function receiveProviderRequest(
  ports: ReceivePorts,
  asked: ReceiveTarget,
  request: WebhookRequest,
  warn: (error: unknown) => void = () => undefined,
): Promise<Receipt> {
  const webhook = await ports.webhook(asked.integration);
  if (webhook === undefined || (asked.account === undefined && !webhook.servesAllAccounts)) return { kind: 'unknown' };
  const passed = await passedBefore(ports, request);
  const received = await verify(ports, webhook, asked, request, passed);
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
    // The call that completes it is made from the queue, which repeats it until it succeeds.
    await ports.rawQueue.send(await toRawMessage(ports, target, request, webhook, { handshake: name }));
    return settlement;
  }
  if (settlement.kind !== 'accepted') return settlement;
  const admitted = await admit(ports, account, warn);
  if (admitted.kind === 'limited') return rateLimited(admitted);
  if (reception.kind === 'verified' && reception.nonce !== undefined)
    if ((await claimNonce(ports, target, request, reception.nonce)) === 'taken') return rejected('nonce-replayed');

  const message = await toRawMessage(ports, target, request, webhook, { hops });
  await ports.rawQueue.send(message);
  return { kind: 'accepted', rawId: message.rawId, reply: webhook.reply };
}

type Received =
  | {
      readonly kind: 'received';
      readonly reception: LimitedReception;
      /** Names the account that a request was verified for, also where it came by the URL for all. */
      readonly target: ReceiveTarget;
      /** Whose the request is; undefined where only its body tells. */
      readonly account: Account | undefined;
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-large'; readonly maxBytes: number }
  | Extract<Receipt, { kind: 'rate-limited' | 'hop-limit' }>;

const admittedAlways: Admitted = { kind: 'admitted' };

/**
 * Where the account is not known before its body is mapped, nothing is counted: one count for all accounts would have one
 * tenant's flood refuse the webhooks of the others. A loop cannot run through such a URL, since its requests are signed
 * by the provider alone.
 */
async function admit(
  ports: ReceivePorts,
  account: Account | undefined,
  warn: (error: unknown) => void,
): Promise<Admitted> {
  return account === undefined ? admittedAlways : admitWebhook(ports, account, warn);
}

function rateLimited({
  by,
  retryAfterMs,
}: Extract<Admitted, { kind: 'limited' }>): Extract<Receipt, { kind: 'rate-limited' }> {
  return { kind: 'rate-limited', by, retryAfterMs };
}

/** How often what caused a request has passed through; undefined where no callback of this deployment did. */
async function passedBefore({ engineKey }: ReceivePorts, { headers }: WebhookRequest): Promise<HopCount | undefined> {
  const header = headers[hopHeader];
  return holdsHops(header) ? readHops(await engineKey.derive(hopKeyPurpose), header) : undefined;
}

/** Verify a request with what is remembered; and, should it be rejected, with what is stored now: it may have changed. */
const proofAges = [
  { secretsMaxAgeMs, keysMaxAgeMs },
  { secretsMaxAgeMs: 0, keysMaxAgeMs: keysRefreshMs },
];

async function verify(
  ports: ReceivePorts,
  webhook: PreparedWebhook,
  target: ReceiveTarget,
  request: WebhookRequest,
  passed: HopCount | undefined,
): Promise<Received> {
  const looping: Received | undefined =
    passed !== undefined && passed.hops >= maxHops
      ? { kind: 'hop-limit', hops: passed.hops, cause: passed.id }
      : undefined;
  if (target.account === undefined && hasContexts(webhook)) {
    if (looping !== undefined) return looping;
    // Such a body is decoded before its sender has proved anything.
    const maxBytes = limits.maxUnverifiedBodyBytes;
    if (request.body.length > maxBytes) return { kind: 'too-large', maxBytes };
    const { reception, account: id } = await receiveForAccounts(ports, webhook, request, proofAges);
    if (id === undefined) return { kind: 'received', reception, target, account: undefined };
    const account = await ports.accounts.get(id, secretsMaxAgeMs);
    return { kind: 'received', reception, target: { ...target, account: id }, account };
  }
  let received: Received = { kind: 'unknown' };
  for (const ages of proofAges) {
    const holder = await holderOf(ports, target, ages.secretsMaxAgeMs);
    if (holder === undefined) return { kind: 'unknown' };
    const { secrets, account } = holder;
    const known = account === undefined ? admittedAlways : isRefusedAlready(ports, account);
    if (known.kind === 'limited') return rateLimited(known);
    // Said only where there is such a URL.
    if (looping !== undefined) return looping;
    if (request.body.length > limits.maxBodyBytes) return { kind: 'too-large', maxBytes: limits.maxBodyBytes };
    const { keysMaxAgeMs: maxAgeMs } = ages;
    const reception = await decideReception(ports, webhook, request, { target, secrets, keysMaxAgeMs: maxAgeMs });
    received = { kind: 'received', reception, target, account };
    if (reception.kind !== 'rejected') break;
  }
  return received;
}

function hasContexts(webhook: PreparedWebhook): webhook is PreparedWebhook & { readonly contexts: PreparedContexts } {
  return webhook.contexts !== undefined;
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

/** Who holds the secrets that a URL's requests are verified with. */
interface SecretHolder {
  readonly secrets: SecretValues;
  /** Undefined at the URL for all accounts. */
  readonly account: Account | undefined;
}

/** @returns Undefined where there is no such URL. */
async function holderOf(
  ports: ReceivePorts,
  { integration, account: id }: ReceiveTarget,
  maxAgeMs: number,
): Promise<SecretHolder | undefined> {
  if (id === undefined) {
    const settings = await ports.settings.get(integration, maxAgeMs);
    return settings === undefined ? undefined : { secrets: settings.secrets, account: undefined };
  }
  const account = await ports.accounts.get(id, maxAgeMs);
  if (account?.integration !== integration || account.closed === true) return undefined;
  return { secrets: account.secrets, account };
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
  { handshake, hops = 1 }: Pick<RawMessage, 'handshake' | 'hops'>,
): Promise<RawMessage> {
  const nowMs = ports.clock.nowMs();
  const rawId = `raw_${nowMs.toString(36)}_${ports.randomness.bytes(10).toString('hex')}`;
  const { method, url, path, query, headers: kept } = withoutCredentials(request, credentials);
  // Of the engine's own, and nothing of the provider's: no mapping sees it.
  const { [hopHeader]: _, ...headers } = kept;
  // It was read a moment ago, and is remembered.
  const account =
    target.account === undefined ? undefined : await ports.accounts.get(target.account, 2 * secretsMaxAgeMs);
  return {
    rawId,
    ...target,
    ...(account === undefined ? {} : { incarnation: account.createdAt }),
    ...(handshake === undefined ? {} : { handshake }),
    ...(hops === 1 ? {} : { hops }),
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
