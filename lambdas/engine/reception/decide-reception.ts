import type { OutboundCall } from '../outbound/outbound-call.ts';
import { type Decoded, decodeBody } from '../request/decode-body.ts';
import { firstValues } from '../request/secret-values.ts';
import type { SecretValues, WebhookRequest } from '../request/webhook-request.ts';
import { renderText, type TemplateInput } from '../template/template.ts';
import type { CheckContext } from '../verification/check-kind.ts';
import type { KeyRing } from '../verification/keys/remote-keys.ts';
import type { Verdict } from '../verification/verdict.ts';
import { type PreparedHandshake, type PreparedWebhook, readVariables } from './prepare-webhook.ts';
import { readContexts } from './read-contexts.ts';

/** A reflected challenge is answered as inert text of bounded length, so that it cannot become a page. */
const maxReflectedCharacters = 4096;

export interface HandshakeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A value that comes once: with another body it is a replay. */
export interface Nonce {
  readonly value: string;
  readonly ttlSeconds: number;
}

/** What ingress makes of a request. */
export type Reception =
  | { readonly kind: 'verified'; readonly nonce?: Nonce }
  | {
      readonly kind: 'handshake';
      readonly name: string;
      readonly response: HandshakeResponse;
      /** A secret that the provider chose: to be stored, if the account waits for it, before it is answered. */
      readonly capture?: { readonly secret: string; readonly value: string };
      /** Whether a call of the engine's own completes it. */
      readonly isConfirmed?: true;
    }
  | { readonly kind: 'malformed'; readonly expected: string; readonly verdict: Exclude<Verdict, KeyNeeded> }
  | (Rejected & {
      /** Whether it is a handshake that failed: providers make those with any method. */
      readonly isHandshake?: true;
    })
  | KeyNeeded;

type KeyNeeded = Extract<Verdict, { kind: 'key-needed' }>;
type Rejected = Extract<Verdict, { kind: 'rejected' }>;

/** A reception for which no key is lacking. */
export type DecidedReception = Exclude<Reception, KeyNeeded>;

const noKeys: KeyRing = new Map();
/** A captured secret is no longer than any provider's, and no shorter than what can be guessed. */
const capturedCharacters = { min: 16, max: 512 };
/** A body above this is decoded only for a sender who has proved himself, where the checks do not read it. */
const decodedUnverifiedBytes = 64 * 1024;

/**
 * Decide what a provider's request is: a handshake, a verified event, a body that cannot be read, or
 * a forgery.
 *
 * Signatures are checked over the raw bytes. The body is decoded first only because some schemes
 * carry their signature in it, and a body that cannot be read is said to be so in any case.
 *
 * @param nowMs - Epoch milliseconds, for freshness.
 * @param keys - Published keys that were fetched; `key-needed` names one that is not among them.
 * @param known - The body, where it has been decoded already.
 */
export function receiveWebhook(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  secrets: SecretValues,
  nowMs: number,
  keys: KeyRing = noKeys,
  known?: Decoded,
): Reception {
  const context: CheckContext = { secrets, keys, nowMs };
  if (known === undefined && !webhook.readsBody && request.body.length > decodedUnverifiedBytes) {
    const verdict = webhook.verify(toInput(webhook, request, undefined), context);
    if (verdict.kind !== 'verified') return verdict;
  }
  const decoded = known ?? decodeBody(webhook.decode, request, webhook.readXml);
  const input = toInput(webhook, request, decoded.kind === 'decoded' ? decoded.value : undefined);
  const handshake = webhook.handshakes.find((candidate) => candidate.matches(input));
  const verdict = (handshake ?? webhook).verify(input, context);
  // Many handshakes have no body, and an unsigned one is recognized by what it has.
  const needsBody = handshake === undefined || (handshake.spec.verify !== 'none' && request.body.length > 0);
  if (decoded.kind === 'malformed' && needsBody)
    return {
      kind: 'malformed',
      expected: decoded.expected,
      verdict: verdict.kind === 'key-needed' ? { kind: 'rejected', reason: 'key-unknown' } : verdict,
    };
  if (handshake === undefined) return verdict.kind === 'verified' ? withNonce(webhook, input) : verdict;
  const shaken = verdict.kind === 'verified' ? shakeHands(handshake, input, secrets) : verdict;
  return shaken.kind === 'rejected' ? { ...shaken, isHandshake: true } : shaken;
}

/** What a request of a URL that verifies with the secrets of accounts says before any secret is known. */
export type Opening =
  /** It needs no secret: a handshake that is open to all, or a body that cannot be read. */
  | { readonly kind: 'settled'; readonly reception: DecidedReception }
  /** Whose it says that it is, and its body: it is decoded once, however many accounts are tried. */
  | { readonly kind: 'named'; readonly contexts: readonly string[]; readonly decoded: Decoded };

/**
 * Read whose a request says that it is.
 *
 * @returns `settled` in the same way whichever accounts there are.
 */
export function openWebhook(webhook: PreparedWebhook, request: WebhookRequest, nowMs: number): Opening {
  const decoded = decodeBody(webhook.decode, request, webhook.readXml);
  // Without secrets nothing is verified: what comes through is what needs none.
  const reception = receiveWebhook(webhook, request, {}, nowMs, noKeys, decoded);
  if (reception.kind === 'malformed') return { kind: 'settled', reception };
  if (reception.kind === 'handshake' && reception.capture === undefined && reception.isConfirmed === undefined)
    return { kind: 'settled', reception };
  const input = toInput(webhook, request, decoded.kind === 'decoded' ? decoded.value : undefined);
  return {
    kind: 'named',
    contexts: webhook.contexts === undefined ? [] : readContexts(webhook.contexts, input),
    decoded,
  };
}

/** A verified request together with the value that it may bring only once. */
function withNonce({ nonce }: PreparedWebhook, input: TemplateInput): Reception {
  if (nonce === undefined) return { kind: 'verified' };
  const value = renderText(nonce.value, input);
  return value === undefined || value === ''
    ? { kind: 'rejected', reason: 'value-missing', detail: 'nonce' }
    : { kind: 'verified', nonce: { value, ttlSeconds: nonce.ttlSeconds } };
}

/**
 * The call that completes a handshake.
 *
 * @returns Undefined where the request is no such handshake.
 */
export function confirmationOf(
  webhook: PreparedWebhook,
  handshakeName: string,
  request: WebhookRequest,
  decoded: unknown,
  secrets: SecretValues,
): { readonly kind: 'call'; readonly call: OutboundCall } | Rejected | undefined {
  const handshake = webhook.handshakes.find(({ spec }) => spec.name === handshakeName);
  return handshake?.confirm?.({ ...toInput(webhook, request, decoded), secrets: firstValues(secrets) });
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
  const input = toInput(webhook, request, decoded);
  for (const name of webhook.deliveryId) {
    const id = renderText(name, input);
    if (id !== undefined && id !== '') return id;
  }
  return undefined;
}

/** What templates read of a request, without secrets. */
function toInput(webhook: PreparedWebhook, request: WebhookRequest, decoded: unknown): TemplateInput {
  const plain = { ...request, query: new URLSearchParams(request.query), decoded, secrets: {}, vars: {} };
  return { ...plain, vars: readVariables(webhook, plain) };
}

function shakeHands(handshake: PreparedHandshake, input: TemplateInput, secrets: SecretValues): Reception {
  const { name, respond } = handshake.spec;
  const captured = handshake.capture === undefined ? undefined : readCapture(handshake.capture, input);
  if (captured?.kind === 'rejected') return captured;
  const known = {
    ...input,
    secrets: { ...firstValues(secrets), ...(captured === undefined ? {} : { [captured.secret]: captured.value }) },
  };
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
  return {
    kind: 'handshake',
    name,
    response: { status: respond.status, headers, body },
    ...(captured === undefined ? {} : { capture: { secret: captured.secret, value: captured.value } }),
    ...(handshake.confirm === undefined ? {} : { isConfirmed: true as const }),
  };
}

function readCapture(
  { secret, from }: NonNullable<PreparedHandshake['capture']>,
  input: TemplateInput,
): { readonly kind: 'captured'; readonly secret: string; readonly value: string } | Rejected {
  const value = renderText(from, input);
  if (value === undefined) return { kind: 'rejected', reason: 'value-missing', detail: secret };
  return value.length < capturedCharacters.min || value.length > capturedCharacters.max
    ? { kind: 'rejected', reason: 'token-malformed', detail: secret }
    : { kind: 'captured', secret, value };
}

function renderBody({ body, json }: PreparedHandshake, input: TemplateInput): string | undefined {
  if (json === undefined) return body === undefined ? '' : renderText(body, input);
  const members = Object.entries(json).map(([name, template]) => [name, renderText(template, input)] as const);
  return members.some(([, value]) => value === undefined) ? undefined : JSON.stringify(Object.fromEntries(members));
}

function unusable(expected: string): Reception {
  return { kind: 'malformed', expected, verdict: { kind: 'verified' } };
}
