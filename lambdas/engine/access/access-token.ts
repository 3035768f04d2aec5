import { createHmac } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { ApiKeySecret } from './api-key-secret.ts';
import { type Scope, scopeNames } from './scopes.ts';

/** Longest life of a token, in seconds. A stolen token works for an hour at most. */
export const maxTokenSeconds = 3600;

export interface AccessToken {
  /** Id of the API key that requested it. */
  readonly key: string;
  /** Always a subset of the key's scopes. */
  readonly scopes: readonly Scope[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Unique to this token (`jti`). */
  readonly id: string;
  /** Of a portal session's token: id of the API key that made the session. */
  readonly maker?: string | undefined;
}

/**
 * Key that signs the tokens of one secret of an API key. It is derived from the stored hash, so a token ends with the
 * secret that requested it, and no separate signing key must be stored and rotated.
 */
function signingKey({ sha256 }: ApiKeySecret): Uint8Array {
  return createHmac('sha256', Buffer.from(sha256, 'hex')).update('tributary access token, version 1').digest();
}

/** Member of the signed header that names the maker of a portal session. */
const makerHeader = 'maker';

/**
 * Sign a token (JWT, HS256).
 *
 * @see https://www.rfc-editor.org/rfc/rfc9068 for its format
 */
export async function signToken(issuer: string, token: AccessToken, secret: ApiKeySecret): Promise<string> {
  return new SignJWT({ scope: token.scopes.join(' ') })
    .setProtectedHeader({
      alg: 'HS256',
      typ: 'at+jwt',
      kid: token.key,
      ...(token.maker === undefined ? {} : { [makerHeader]: token.maker }),
    })
    .setIssuer(issuer)
    .setAudience(issuer)
    .setSubject(token.key)
    .setJti(token.id)
    .setIssuedAt(Math.floor(token.issuedAtMs / 1000))
    .setExpirationTime(Math.floor(token.expiresAtMs / 1000))
    .sign(signingKey(secret));
}

const keyId = /^[A-Za-z0-9]{1,64}$/;

/** The keys that a token names. */
export interface KeysOfToken {
  readonly key: string;
  /** The key that made the portal session that the token is of. */
  readonly maker: string | undefined;
}

/**
 * Ids of the API keys that a token claims, so that one read finds them. Only the secrets of the first can verify it.
 *
 * @returns Undefined if the text is not a token.
 */
export function keysOfToken(text: string): KeysOfToken | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return undefined;
  try {
    const { kid, alg, [makerHeader]: maker } = decodeProtectedHeader(text);
    if (alg !== 'HS256' || kid === undefined || !keyId.test(kid)) return undefined;
    return { key: kid, maker: typeof maker === 'string' && keyId.test(maker) && maker !== kid ? maker : undefined };
  } catch {
    return undefined;
  }
}

/**
 * Verify a token with the secrets of its key that are valid now.
 *
 * @returns Undefined if no valid secret signed the token, or if it has expired.
 */
export async function verifyToken(
  issuer: string,
  text: string,
  secrets: readonly ApiKeySecret[],
  nowMs: number,
): Promise<AccessToken | undefined> {
  const good = secrets.filter(({ expiresAtMs }) => expiresAtMs === undefined || nowMs < expiresAtMs);
  for (const secret of good) {
    try {
      const { payload } = await jwtVerify(text, signingKey(secret), {
        algorithms: ['HS256'],
        typ: 'at+jwt',
        issuer,
        audience: issuer,
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        currentDate: new Date(nowMs),
      });
      const { scope } = payload;
      const held = typeof scope === 'string' ? scope.split(' ') : [];
      return {
        key: String(payload.sub),
        scopes: scopeNames.filter((scope) => held.includes(scope)),
        issuedAtMs: Number(payload.iat) * 1000,
        expiresAtMs: Number(payload.exp) * 1000,
        id: String(payload.jti),
      };
    } catch (error) {
      // Another secret of the key may have signed it. An expired token fails with every secret.
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return undefined;
}
