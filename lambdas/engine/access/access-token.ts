import { createHmac } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { ApiKeySecret } from './api-key-secret.ts';
import { type Scope, scopeNames } from './scopes.ts';

/** A token lives no longer: a stolen one is good for an hour at most. */
export const maxTokenSeconds = 3600;

export interface AccessToken {
  /** Id of the key that it was given for. */
  readonly key: string;
  /** What it may do: never more than its key. */
  readonly scopes: readonly Scope[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Names this token and no other. */
  readonly id: string;
}

/**
 * The key that signs tokens of one secret of an API key. It comes from what is stored of the secret, so that a
 * token ends with the secret it was asked for with, and no key of its own has to be kept and rotated.
 */
function signingKey({ sha256 }: ApiKeySecret): Uint8Array {
  return createHmac('sha256', Buffer.from(sha256, 'hex')).update('tributary access token, version 1').digest();
}

/**
 * A signed token (JWT, HS256).
 *
 * @see https://www.rfc-editor.org/rfc/rfc9068 for its form
 */
export async function signToken(issuer: string, token: AccessToken, secret: ApiKeySecret): Promise<string> {
  return new SignJWT({ scope: token.scopes.join(' ') })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: token.key })
    .setIssuer(issuer)
    .setAudience(issuer)
    .setSubject(token.key)
    .setJti(token.id)
    .setIssuedAt(Math.floor(token.issuedAtMs / 1000))
    .setExpirationTime(Math.floor(token.expiresAtMs / 1000))
    .sign(signingKey(secret));
}

/** The API key that a token says to be of. Only that key's secrets can tell whether it is. @returns Undefined for no token. */
export function keyOfToken(text: string): string | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return undefined;
  try {
    const { kid, alg } = decodeProtectedHeader(text);
    return alg === 'HS256' && kid !== undefined && /^[A-Za-z0-9]{1,64}$/.test(kid) ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** @returns Undefined for a token that none of these secrets, as far as they are good now, has signed; or that has ended. */
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
      // Another secret of the key may have signed it; what has ended has ended under each.
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  return undefined;
}
