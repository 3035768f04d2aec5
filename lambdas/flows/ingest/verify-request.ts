import { limits } from '../../contracts/limits.ts';
import { allowSources } from '../../engine/reception/allowed-sources.ts';
import type { IngressSettlement } from '../../engine/reception/ingress-answer.ts';
import type { PreparedWebhook } from '../../engine/reception/prepare-webhook.ts';
import type { PreparedContexts } from '../../engine/reception/read-contexts.ts';
import { type HopCount, maxHops } from '../../engine/request/hop-count.ts';
import type { SecretValues, WebhookRequest } from '../../engine/request/webhook-request.ts';
import type { Account } from '../../ports/accounts/account-store.ts';
import type { IntegrationSettingsStore } from '../../ports/accounts/integration-settings-store.ts';
import { type AdmitPorts, type Admitted, isRefusedAlready } from './admit-webhook.ts';
import { decideReception, type LimitedReception } from './decide-reception.ts';
import { type ReceiveForAccountsPorts, receiveForAccounts } from './receive-for-accounts.ts';

export interface VerifyPorts extends AdmitPorts, ReceiveForAccountsPorts {
  readonly settings: IntegrationSettingsStore;
}

/** The URL that a request was sent to: an account's, or the URL for all accounts of an integration. */
export interface ReceiveTarget {
  readonly integration: string;
  readonly account?: string;
}

/** How long a function may use remembered secrets. */
export const secretsMaxAgeMs = 10_000;
/** How long it may use a provider's remembered keys. */
const keysMaxAgeMs = 24 * 3_600_000;
/** The same after they failed to verify a request: forged requests must not cause one call each. */
const keysRefreshMs = 60_000;

/** A request is verified with remembered values and, when that rejects it, with current ones: they may have changed. */
const proofAges = [
  { secretsMaxAgeMs, keysMaxAgeMs },
  { secretsMaxAgeMs: 0, keysMaxAgeMs: keysRefreshMs },
];

export type Received =
  | {
      readonly kind: 'received';
      readonly reception: LimitedReception;
      /** Names the account that the request was verified for, also when it came by the URL for all accounts. */
      readonly target: ReceiveTarget;
      /** The account of the request; undefined when only the mapped body tells. */
      readonly account: Account | undefined;
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-large'; readonly maxBytes: number }
  | Extract<IngressSettlement, { kind: 'source-not-allowed' | 'rate-limited' | 'hop-limit' }>;

export const admittedAlways: Admitted = { kind: 'admitted' };

/**
 * Find the secrets of a request's URL, and verify the request with them.
 *
 * @param passed - How often the cause of the request has passed through; undefined when the request does not say.
 */
export async function verifyRequest(
  ports: VerifyPorts,
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
    // This body is decoded before the sender has proved anything.
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
    // With the remembered list: a stranger's flood must not cause one read each.
    if (!allowSources(holder.allowedRanges)(request.sourceIp)) return { kind: 'source-not-allowed', by: 'settings' };
    const known = account === undefined ? admittedAlways : isRefusedAlready(ports, account);
    if (known.kind === 'limited') return rateLimited(known);
    // Only now: an unknown URL answers `unknown`.
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

export function rateLimited({
  by,
  retryAfterMs,
}: Extract<Admitted, { kind: 'limited' }>): Extract<Received, { kind: 'rate-limited' }> {
  return { kind: 'rate-limited', by, retryAfterMs };
}

/** The holder of the secrets that verify the requests of a URL. */
interface SecretHolder {
  readonly secrets: SecretValues;
  readonly allowedRanges: readonly string[] | undefined;
  /** Undefined at the URL for all accounts. */
  readonly account: Account | undefined;
}

/** @returns Undefined when there is no such URL. */
async function holderOf(
  ports: VerifyPorts,
  { integration, account: id }: ReceiveTarget,
  maxAgeMs: number,
): Promise<SecretHolder | undefined> {
  if (id === undefined) {
    const settings = await ports.settings.get(integration, maxAgeMs);
    return settings === undefined
      ? undefined
      : { secrets: settings.secrets, allowedRanges: settings.allowedRanges, account: undefined };
  }
  const account = await ports.accounts.get(id, maxAgeMs);
  if (account?.integration !== integration || account.closed === true) return undefined;
  return { secrets: account.secrets, allowedRanges: account.allowedRanges, account };
}
