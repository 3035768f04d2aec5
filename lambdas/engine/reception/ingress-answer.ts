import { limits } from '../../contracts/limits.ts';
import { problemAnswer } from '../../contracts/problem-details.ts';
import type { ReplySpec } from '../definition/webhook-schema.ts';
import type { Verdict } from '../verification/verdict.ts';
import type { DecidedReception, HandshakeResponse, Reception } from './decide-reception.ts';

/** An HTTP answer to a provider; header names in lower case. */
export type IngressAnswer = HandshakeResponse;

/** How ingress settles a request. */
export type IngressSettlement =
  | { readonly kind: 'accepted' }
  | Extract<Reception, { kind: 'handshake' }>
  | { readonly kind: 'unknown' }
  /**
   * The request comes from an address that may not send here. `definition`: its list refuses the address, and nothing
   * that the URL names was read; `settings`: that of the account or of the integration's settings.
   */
  | { readonly kind: 'source-not-allowed'; readonly by: 'definition' | 'settings' }
  | { readonly kind: 'method-not-allowed' }
  | { readonly kind: 'too-large'; readonly maxBytes?: number }
  | { readonly kind: 'malformed'; readonly expected: string }
  /** The rate limit for key requests is reached, so the key cannot be fetched now. */
  | { readonly kind: 'key-calls-limited'; readonly retryAfterMs: number }
  /** The request belongs to a loop through this deployment. `cause` is the `webhook-id` of the last callback. */
  | { readonly kind: 'hop-limit'; readonly hops: number; readonly cause: string }
  /** The account, or all accounts of the tenant together, exceed their rate limit. */
  | { readonly kind: 'rate-limited'; readonly by: 'account' | 'tenant'; readonly retryAfterMs: number }
  | Extract<Verdict, { kind: 'rejected' }>;

/**
 * Settle a classified request. Providers use methods other than POST only for handshakes. The answer
 * reports an unreadable body whether or not the request is signed.
 */
export function settleReception(reception: DecidedReception, method: string): IngressSettlement {
  if (reception.kind === 'handshake') return reception;
  if (reception.kind === 'rejected' && reception.isHandshake) {
    const { isHandshake: _, ...rejected } = reception;
    return rejected;
  }
  if (method !== 'POST') return { kind: 'method-not-allowed' };
  return reception.kind === 'verified' ? { kind: 'accepted' } : reception;
}

/** Build the provider's answer; problems are RFC 9457 problem details and never show an expected value. */
export function ingressAnswer(settlement: IngressSettlement, reply?: ReplySpec): IngressAnswer {
  switch (settlement.kind) {
    case 'accepted': {
      const { status = 200, content_type: contentType, body = '' } = reply?.accepted ?? {};
      return { status, headers: contentType === undefined ? {} : { 'content-type': contentType }, body };
    }
    case 'handshake':
      return settlement.response;
    case 'unknown':
      return problemAnswer({ status: 404, detail: 'This integration or account does not exist.' });
    case 'source-not-allowed':
      return problemAnswer({
        status: 403,
        detail: 'Webhooks are not taken from this address.',
        extensions: { reason: settlement.kind },
      });
    case 'method-not-allowed':
      return problemAnswer({ status: 405, detail: 'Send webhooks with POST.', headers: { allow: 'POST' } });
    case 'too-large':
      return problemAnswer({
        status: 413,
        detail: `A body may have at most ${settlement.maxBytes ?? limits.maxBodyBytes} bytes.`,
      });
    case 'malformed':
      return problemAnswer({
        status: 400,
        detail: `The body cannot be read: expected ${settlement.expected}.`,
        extensions: { reason: 'body-malformed' },
      });
    // Not a rejection: the provider may have signed the request with a new key, so it must send it again.
    case 'key-calls-limited':
      return problemAnswer({
        status: 503,
        detail: 'Too many requests named unknown keys. Try again later.',
        headers: { 'retry-after': String(Math.ceil(settlement.retryAfterMs / 1000)) },
        extensions: { reason: settlement.kind },
      });
    case 'hop-limit':
      return problemAnswer({
        status: 508,
        detail:
          `This request is part of a loop that has passed through this deployment ${settlement.hops} times: a receiver ` +
          'sends its callbacks back as webhooks. Stop the receiver, or filter these events from its subscription.',
        extensions: { reason: settlement.kind },
      });
    case 'rate-limited':
      return problemAnswer({
        status: 429,
        detail: `This ${settlement.by} exceeds its rate limit for webhooks. Send this request again later.`,
        headers: { 'retry-after': String(Math.max(1, Math.ceil(settlement.retryAfterMs / 1000))) },
        extensions: { reason: settlement.kind },
      });
    case 'rejected':
      return rejectionAnswer(settlement, reply);
  }
}

function rejectionAnswer(
  { reason, detail }: Extract<IngressSettlement, { kind: 'rejected' }>,
  reply: ReplySpec | undefined,
): IngressAnswer {
  if (reply?.rejected_body === 'none') return { status: reply.rejected_status, headers: {}, body: '' };
  const why = detail === undefined ? reason : `${reason} (${detail})`;
  return problemAnswer({
    status: reply?.rejected_status ?? 401,
    detail: `The request was not verified: ${why}.`,
    extensions: { reason },
  });
}
