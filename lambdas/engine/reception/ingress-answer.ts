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
  | { readonly kind: 'method-not-allowed' }
  | { readonly kind: 'too-large'; readonly maxBytes?: number }
  | { readonly kind: 'malformed'; readonly expected: string }
  /** The key that it needs may not be asked for now. */
  | { readonly kind: 'key-calls-limited'; readonly retryAfterMs: number }
  /** What caused it has passed through this deployment too often. `cause` is the `webhook-id` of the last callback. */
  | { readonly kind: 'hop-limit'; readonly hops: number; readonly cause: string }
  /** Its account, or all accounts of its tenant, bring more than they may. */
  | { readonly kind: 'rate-limited'; readonly by: 'account' | 'tenant'; readonly retryAfterMs: number }
  | Extract<Verdict, { kind: 'rejected' }>;

/**
 * Settle a request that was looked at. Only a handshake gives a provider reason to send anything but a
 * POST, and a body that cannot be read is said to be so, whether it is signed or not.
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

/** What the provider is told; problems as RFC 9457 problem details, never with an expected value. */
export function ingressAnswer(settlement: IngressSettlement, reply?: ReplySpec): IngressAnswer {
  switch (settlement.kind) {
    case 'accepted': {
      const { status = 200, content_type: contentType, body = '' } = reply?.accepted ?? {};
      return { status, headers: contentType === undefined ? {} : { 'content-type': contentType }, body };
    }
    case 'handshake':
      return settlement.response;
    case 'unknown':
      return problemAnswer({ status: 404, detail: 'There is no such integration, or no such account of it.' });
    case 'method-not-allowed':
      return problemAnswer({ status: 405, detail: 'Webhooks are sent with POST.', headers: { allow: 'POST' } });
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
    // Not a rejection: the request may be the first one that a new key of the provider signed, and has to come again.
    case 'key-calls-limited':
      return problemAnswer({
        status: 503,
        detail: 'Too many keys that are not known were asked for. Try again.',
        headers: { 'retry-after': String(Math.ceil(settlement.retryAfterMs / 1000)) },
        extensions: { reason: settlement.kind },
      });
    case 'hop-limit':
      return problemAnswer({
        status: 508,
        detail:
          `What caused this request has passed through this deployment ${settlement.hops} times: a receiver of its ` +
          'callbacks sends them back as webhooks. Stop it from doing so, or filter these events from its subscription.',
        extensions: { reason: settlement.kind },
      });
    case 'rate-limited':
      return problemAnswer({
        status: 429,
        detail: `The webhooks of this ${settlement.by} are more than it may bring. Send this one again later.`,
        headers: { 'retry-after': String(Math.max(1, Math.ceil(settlement.retryAfterMs / 1000))) },
        extensions: { reason: settlement.kind },
      });
    case 'rejected': {
      const { reason, detail } = settlement;
      if (reply?.rejected_body === 'none') return { status: reply.rejected_status, headers: {}, body: '' };
      const why = detail === undefined ? reason : `${reason} (${detail})`;
      return problemAnswer({
        status: reply?.rejected_status ?? 401,
        detail: `The request was not verified: ${why}.`,
        extensions: { reason },
      });
    }
  }
}
