import { createHash } from 'node:crypto';
import { limits } from '../../contracts/limits.ts';
import type { OauthClient } from '../../engine/endpoint-auth/endpoint-auth-schema.ts';
import type { OauthTokens, TokenOutcome } from '../../ports/delivery/oauth-tokens.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import { type ConfinedAnswer, createConfinedPost } from './confined-post.ts';
import type { createEgressPolicy } from './egress-policy.ts';
import { createEndpointPools } from './endpoint-pools.ts';

/** A callback waits for its token: both must end within one invocation. */
const timeoutMs = limits.tokenTimeoutMs;
const maxAnswerBytes = 64 * 1024;
/** A token is not used in its last minute, so that it is still valid when it arrives. */
const marginMs = 60_000;
/** Lifetime of a token whose answer names none. @see https://www.rfc-editor.org/rfc/rfc6749#section-5.1 */
const unsaidLifetimeMs = 300_000;
const maxLifetimeMs = 24 * 3_600_000;
const maxRemembered = 1_000;
/** Token endpoints are fewer than callback endpoints, and called about once an hour. */
const maxPools = 10;
/** The error codes of RFC 6749. Never show any other text of an answer: it could repeat the request's secrets. */
const knownErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]);

/** Fetches tokens with client credentials, and caches each for its lifetime. */
export function createOauthTokens(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
  pools = createEndpointPools(policy, clock, maxPools),
): OauthTokens {
  const post = createConfinedPost(policy, pools, clock);
  const remembered = new Map<string, { readonly token: string; readonly untilMs: number }>();
  const running = new Map<string, Promise<TokenOutcome>>();

  async function fetchToken(key: string, client: OauthClient): Promise<TokenOutcome> {
    const answer = await post({
      url: client.token_url,
      ...tokenRequest(client),
      timeoutMs,
      maxBodyBytes: maxAnswerBytes,
      maxReadingMs: timeoutMs,
    });
    const outcome = readAnswer(answer);
    if (outcome.kind === 'failed') return outcome;
    const untilMs = clock.nowMs() + outcome.lifetimeMs - marginMs;
    remembered.delete(key);
    remembered.set(key, { token: outcome.token, untilMs });
    const [oldest] = remembered.keys();
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest);
    return { kind: 'token', token: outcome.token };
  }

  return {
    async tokenFor(client) {
      const key = keyOf(client);
      const known = remembered.get(key);
      if (known !== undefined && clock.nowMs() < known.untilMs) return { kind: 'token', token: known.token };
      // Concurrent deliveries that need the same token share one fetch.
      const waiting = running.get(key) ?? fetchToken(key, client).finally(() => running.delete(key));
      running.set(key, waiting);
      return waiting;
    },
    forget(client, token) {
      const key = keyOf(client);
      // Another delivery may have fetched a new token meanwhile: keep that one.
      if (remembered.get(key)?.token === token) remembered.delete(key);
    },
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2 and, for the client's authentication, #section-2.3.1 */
function tokenRequest({ client_id, client_secret, scope, audience, auth_style }: OauthClient): {
  readonly headers: Record<string, string>;
  readonly body: string;
} {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
  if (auth_style === 'body') {
    form.set('client_id', client_id);
    form.set('client_secret', client_secret);
    return { headers, body: form.toString() };
  }
  const credentials = [client_id, client_secret].map(formEncode).join(':');
  return {
    headers: { ...headers, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: form.toString(),
  };
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function readAnswer(
  answer: ConfinedAnswer,
):
  | { readonly kind: 'token'; readonly token: string; readonly lifetimeMs: number }
  | Extract<TokenOutcome, { kind: 'failed' }> {
  const { durationMs } = answer;
  const failed = (what: string) => ({ kind: 'failed', error: `token endpoint ${what}`, durationMs }) as const;
  if (answer.kind === 'failed') return failed(`not reached: ${answer.error}`);
  const { status, body, isWhole } = answer;
  const members = isWhole ? parseObject(body) : {};
  if (status < 200 || status > 299) {
    const error = String(members['error']);
    return failed(knownErrors.has(error) ? `answered ${status} (${error})` : `answered ${status}`);
  }
  const { access_token: token, token_type: type = 'bearer', expires_in: expiresIn } = members;
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token)) return failed('gave no token');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer')
    return failed('gave a token that is not a bearer token');
  // Some servers send the number as text.
  const seconds = expiresIn === undefined || expiresIn === null ? Number.NaN : Number(expiresIn);
  const lifetimeMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, maxLifetimeMs) : unsaidLifetimeMs;
  return { kind: 'token', token, lifetimeMs };
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * Covers all of the client, its secret included: a cached token is given only to a client that knows it (invariant 3).
 */
function keyOf({ token_url, client_id, client_secret, scope, audience, auth_style }: OauthClient): string {
  const parts = [token_url, client_id, client_secret, scope ?? null, audience ?? null, auth_style];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
