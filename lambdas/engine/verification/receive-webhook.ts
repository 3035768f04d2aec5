import { renderText, type TemplateInput } from '../definition/template.ts';
import { decodeBody } from './decode-body.ts';
import type { PreparedHandshake, PreparedWebhook } from './prepare-webhook.ts';
import type { SecretValues, Verdict, WebhookRequest } from './webhook-request.ts';

/** A reflected challenge is answered as inert text of bounded length, so that it cannot become a page. */
const maxReflectedCharacters = 4096;

export interface HandshakeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What ingress makes of a request. */
export type Reception =
  | { readonly kind: 'verified' }
  | { readonly kind: 'handshake'; readonly name: string; readonly response: HandshakeResponse }
  | { readonly kind: 'malformed'; readonly expected: string; readonly verdict: Verdict }
  | Extract<Verdict, { kind: 'rejected' }>;

/**
 * Decide what a provider's request is: a handshake, a verified event, a body that cannot be read, or
 * a forgery.
 *
 * Signatures are checked over the raw bytes. The body is decoded first only because some schemes
 * carry their signature in it, and a body that cannot be read is said to be so in any case.
 *
 * @param nowMs - Epoch milliseconds, for freshness.
 */
export function receiveWebhook(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
): Reception {
  const decoded = decodeBody(webhook.decode, request);
  const input: TemplateInput = {
    ...request,
    query: new URLSearchParams(request.query),
    decoded: decoded.kind === 'decoded' ? decoded.value : undefined,
  };
  const handshake = webhook.handshakes.find((candidate) => candidate.matches(input));
  if (handshake?.spec.verify === 'none') return shakeHands(handshake, input);

  const verdict = webhook.verify(input, secrets, nowMs);
  if (decoded.kind === 'malformed') return { kind: 'malformed', expected: decoded.expected, verdict };
  if (verdict.kind === 'rejected') return verdict;
  return handshake === undefined ? verdict : shakeHands(handshake, input);
}

/** The provider's own id of this delivery; undefined where the definition names none or the request has none. */
export function deliveryIdOf(webhook: PreparedWebhook, request: WebhookRequest, decoded: unknown): string | undefined {
  if (webhook.deliveryId === undefined) return undefined;
  const id = renderText(webhook.deliveryId, { ...request, query: new URLSearchParams(request.query), decoded });
  return id === '' ? undefined : id;
}

function shakeHands(handshake: PreparedHandshake, input: TemplateInput): Reception {
  const { name, respond } = handshake.spec;
  const body = handshake.body === undefined ? '' : renderText(handshake.body, input);
  if (body === undefined) return { kind: 'rejected', reason: 'value-missing', detail: respond.body ?? name };
  if (body.length > maxReflectedCharacters)
    return {
      kind: 'malformed',
      expected: `a challenge of at most ${maxReflectedCharacters} characters`,
      verdict: { kind: 'verified' },
    };
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  if (body !== '') headers['content-type'] = respond.content_type ?? 'text/plain';
  return { kind: 'handshake', name, response: { status: respond.status, headers, body } };
}
