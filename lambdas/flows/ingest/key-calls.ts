import { EngineError } from '../../contracts/engine-error.ts';
import type { OutboundCall } from '../../engine/outbound/outbound-call.ts';
import type { ProviderAnswer, ProviderClient } from '../../ports/provider/provider-client.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { CallLimits } from '../../ports/tenants/call-limits.ts';

/**
 * Budget of calls for unknown keys, per owner of the URL and per host, shared by all functions. A request names its key
 * before it is verified, so a stranger who knows the URL can invent keys.
 */
const callBudget = { calls: 5, windowMs: 60_000 };
/** Entries that one memory holds; a full one is emptied. */
export const maxRemembered = 1_000;

/** The ports that fetch keys. */
export interface PublishedKeyPorts {
  readonly provider: ProviderClient;
  /**
   * Fetches certificates of issuers. It may use plain http, because authorities publish them there: a client that
   * needed such a certificate to check the server that serves it could never start. Transport security is not needed:
   * a certificate counts only if the signatures of its chain lead to a root. Definitions list the hosts that may be
   * called this way.
   */
  readonly issuers: ProviderClient;
  readonly limits: CallLimits;
  readonly clock: Clock;
}

/** Keys that a provider gave for one request; empty when it has no such key. */
export interface FetchedKeys {
  readonly keys: readonly string[];
  /** Epoch milliseconds; the end of a certificate's validity. */
  readonly validUntilMs?: number;
}

export const noKeys: FetchedKeys = { keys: [] };

/** The budget for calls is spent. */
export class KeyCallsLimited extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('the budget of calls for unknown keys is spent');
    this.retryAfterMs = retryAfterMs;
  }
}

/** The calls of one function for published keys. */
export interface KeyCalls extends PublishedKeyPorts {
  /**
   * When each spent budget may be used again (epoch milliseconds): a flood does not query the limits for each request.
   */
  readonly spent: Map<string, number>;
}

/** @throws {KeyCallsLimited} when no call may be made. */
export async function takeKeyCall({ spent, limits, clock }: KeyCalls, owner: string, url: string): Promise<void> {
  const bucket = `keys#${owner}#${new URL(url).host}`;
  const nowMs = clock.nowMs();
  const untilMs = spent.get(bucket) ?? nowMs;
  if (untilMs > nowMs) throw new KeyCallsLimited(untilMs - nowMs);
  const admission = await limits.take({ bucket, ...callBudget });
  if (admission.kind === 'admitted') return;
  if (spent.size >= maxRemembered) spent.clear();
  spent.set(bucket, nowMs + admission.retryAfterMs);
  throw new KeyCallsLimited(admission.retryAfterMs);
}

export function getting(url: string): OutboundCall {
  return { method: 'GET', url, headers: {}, body: undefined };
}

/**
 * @returns Undefined when the provider answers that there is no such key.
 * @throws {provider-unavailable} for any other answer that is no success.
 */
export async function callForKeys(client: ProviderClient, call: OutboundCall): Promise<ProviderAnswer | undefined> {
  const answer = await client.call(call);
  if (answer.status >= 200 && answer.status < 300) return answer;
  if (answer.status === 400 || answer.status === 404 || answer.status === 410) return undefined;
  throw unavailable(call.url, answer.status);
}

/** @returns Undefined when the body is not JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

export function unavailable(url: string, status?: number): EngineError {
  const said = status === undefined ? 'gave no keys' : `answered ${status}`;
  return new EngineError('provider-unavailable', `${new URL(url).host} ${said}`, { retryable: true });
}
