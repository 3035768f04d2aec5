import { renderText, type TemplateInput } from '../definition/template.ts';
import { decodeBody } from './decode-body.ts';
import { firstValues, type PreparedHandshake, type PreparedWebhook, readVariables } from './prepare-webhook.ts';
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
  const plain = toTemplateInput(request, decoded.kind === 'decoded' ? decoded.value : undefined);
  const input = { ...plain, vars: readVariables(webhook, plain) };
  const handshake = webhook.handshakes.find((candidate) => candidate.matches(input));
  if (handshake?.spec.verify === 'none') return shakeHands(handshake, input, secrets, nowMs);

  const verdict = webhook.verify(input, secrets, nowMs);
  if (decoded.kind === 'malformed') return { kind: 'malformed', expected: decoded.expected, verdict };
  if (verdict.kind === 'rejected') return verdict;
  return handshake === undefined ? verdict : shakeHands(handshake, input, secrets, nowMs);
}

/**
 * The provider's own id of this delivery; undefined where the definition names none or the request has none.
 *
 * @param requestId - Id of this acceptance: the name of a delivery that has no other.
 */
export function deliveryIdOf(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  decoded: unknown,
  requestId?: string,
): string | undefined {
  if (webhook.deliveryId === undefined) return undefined;
  if (webhook.deliveryId === 'none') return requestId;
  const plain = toTemplateInput(request, decoded);
  const id = renderText(webhook.deliveryId, { ...plain, vars: readVariables(webhook, plain) });
  return id === '' ? undefined : id;
}

/** What templates read of a request, without variables and secrets. */
function toTemplateInput(request: WebhookRequest, decoded: unknown): TemplateInput {
  return { ...request, query: new URLSearchParams(request.query), decoded, secrets: {}, vars: {} };
}

function shakeHands(
  handshake: PreparedHandshake,
  input: TemplateInput,
  secrets: SecretValues,
  nowMs: number,
): Reception {
  const verdict = handshake.verifyToken(input, secrets, nowMs);
  if (verdict.kind === 'rejected') return verdict;
  const { name, respond } = handshake.spec;
  const known = { ...input, secrets: firstValues(secrets) };
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  for (const [header, template] of Object.entries(handshake.headers)) {
    const value = renderText(template, known);
    if (value === undefined)
      return { kind: 'rejected', reason: 'value-missing', detail: respond.headers[header] ?? name };
    // A line break would be a header, or an answer, of the sender's own.
    if (!/^[\t\x20-\x7e]*$/.test(value)) return unusable('a value that a header can hold');
    headers[header.toLowerCase()] = value;
  }
  const body = renderBody(handshake, known);
  if (body === undefined) return { kind: 'rejected', reason: 'value-missing', detail: respond.body ?? name };
  if ([body, ...Object.values(headers)].some((text) => text.length > maxReflectedCharacters))
    return unusable(`a challenge of at most ${maxReflectedCharacters} characters`);
  if (body !== '')
    headers['content-type'] =
      respond.content_type ?? (handshake.json === undefined ? 'text/plain' : 'application/json');
  return { kind: 'handshake', name, response: { status: respond.status, headers, body } };
}

function renderBody({ body, json }: PreparedHandshake, input: TemplateInput): string | undefined {
  if (json === undefined) return body === undefined ? '' : renderText(body, input);
  const members = Object.entries(json).map(([name, template]) => [name, renderText(template, input)] as const);
  return members.some(([, value]) => value === undefined) ? undefined : JSON.stringify(Object.fromEntries(members));
}

function unusable(expected: string): Reception {
  return { kind: 'malformed', expected, verdict: { kind: 'verified' } };
}
