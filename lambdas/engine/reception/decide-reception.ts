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

/** Cap on a reflected challenge: ingress answers with short plain text, so a browser cannot render it as a page. */
const maxReflectedCharacters = 4096;

export interface HandshakeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A value that a provider uses once; the same value with another body is a replay. */
export interface Nonce {
  readonly value: string;
  readonly ttlSeconds: number;
}

/** How ingress classifies a request. */
export type Reception =
  | { readonly kind: 'verified'; readonly nonce?: Nonce }
  | {
      readonly kind: 'handshake';
      readonly name: string;
      readonly response: HandshakeResponse;
      /** A secret that the provider chose. Store it before answering, if the account expects one. */
      readonly capture?: { readonly secret: string; readonly value: string };
      /** Whether the engine must make a call to complete the handshake. */
      readonly isConfirmed?: true;
    }
  | { readonly kind: 'malformed'; readonly expected: string; readonly verdict: Exclude<Verdict, KeyNeeded> }
  | (Rejected & {
      /** Whether the request is a failed handshake. Providers send handshakes with any method. */
      readonly isHandshake?: true;
    })
  | KeyNeeded;

type KeyNeeded = Extract<Verdict, { kind: 'key-needed' }>;
type Rejected = Extract<Verdict, { kind: 'rejected' }>;

/** A reception that needs no further key. */
export type DecidedReception = Exclude<Reception, KeyNeeded>;

const noKeys: KeyRing = new Map();
/** Length of a captured secret: long enough that it cannot be guessed, and no longer than any provider's secret. */
const capturedCharacters = { min: 16, max: 512 };
/** A larger body is verified before it is decoded, unless the checks read the decoded body. */
const decodedUnverifiedBytes = 64 * 1024;

/**
 * Decide whether a provider's request is a handshake, a verified event, an unreadable body or a forgery.
 *
 * Checks verify signatures over the raw bytes. The body is decoded first because some schemes carry
 * their signature in it, and because the answer reports an unreadable body even when it is not signed.
 *
 * @param nowMs - Epoch milliseconds, for freshness checks.
 * @param keys - Published keys fetched so far; `key-needed` requests one that is missing.
 * @param known - The decoded body, if the caller has decoded it already.
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
  // Many handshakes have no body. An unsigned handshake is recognized by whatever parts it has.
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

/** What a request shows before ingress knows the account, at a shared URL that verifies with secrets of accounts. */
export type Opening =
  /** The request needs no secret: an open handshake, or an unreadable body. */
  | { readonly kind: 'settled'; readonly reception: DecidedReception }
  /** The accounts that the request names, and its body, decoded once for all accounts that are tried. */
  | { readonly kind: 'named'; readonly contexts: readonly string[]; readonly decoded: Decoded };

/**
 * Read which accounts a request names.
 *
 * @returns `settled` independently of which accounts exist.
 */
export function openWebhook(webhook: PreparedWebhook, request: WebhookRequest, nowMs: number): Opening {
  const decoded = decodeBody(webhook.decode, request, webhook.readXml);
  // Without secrets no signature verifies, so only a request that needs no secret gets through.
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

/** A verified reception with the request's nonce, if the definition declares one. */
function withNonce({ nonce }: PreparedWebhook, input: TemplateInput): Reception {
  if (nonce === undefined) return { kind: 'verified' };
  const value = renderText(nonce.value, input);
  return value === undefined || value === ''
    ? { kind: 'rejected', reason: 'value-missing', detail: 'nonce' }
    : { kind: 'verified', nonce: { value, ttlSeconds: nonce.ttlSeconds } };
}

/**
 * Build the call that completes a handshake.
 *
 * @returns Undefined if the handshake needs no call.
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
 * Read the provider's own id of this delivery; undefined if the definition or the request has none.
 *
 * @param requestId - Id of this acceptance, used when the definition says that deliveries have no id.
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

/** The parts of a request that templates read, without secrets. */
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
    isUnverified: handshake.spec.verify === 'none' && handshake.spec.token === undefined,
    secrets: { ...firstValues(secrets), ...(captured === undefined ? {} : { [captured.secret]: captured.value }) },
  };
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  for (const [header, template] of Object.entries(handshake.headers)) {
    const value = renderText(template, known);
    if (value === undefined)
      return { kind: 'rejected', reason: 'value-missing', detail: respond.headers[header] ?? name };
    // With a line break, the sender could inject a header or a whole response.
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
