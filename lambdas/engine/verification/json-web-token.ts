import { createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { type PublicKeyType, readPublicKeys } from './keys/read-public-key.ts';
import { decodeExactly } from './signatures/decode-exactly.ts';

/** Longer tokens are rejected, because parsing them would cost too much. */
const maxTokenCharacters = 16 * 1024;

export interface DecodedToken {
  readonly algorithm: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: string;
  readonly signature: Buffer;
}

/** @returns Undefined if the text is not a token. */
export function decodeToken(text: string, prefix: string | undefined): DecodedToken | undefined {
  if (prefix !== undefined && !text.toLowerCase().startsWith(prefix.toLowerCase())) return undefined;
  const token = text.slice(prefix?.length ?? 0).trim();
  const [head, body, signature, ...rest] = token.length > maxTokenCharacters ? [] : token.split('.');
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined;
  const [header, claims, bytes] = [readPart(head), readPart(body), decodeSignature(signature)];
  if (header === undefined || claims === undefined || bytes === undefined || typeof header['alg'] !== 'string')
    return undefined;
  // A verifier must not ignore a critical extension that it does not understand (RFC 7515, 4.1.11).
  if ('crit' in header) return undefined;
  return {
    algorithm: header['alg'],
    header,
    claims,
    signed: `${head}.${body}`,
    signature: bytes,
  };
}

/** Empty without a signature, as with `alg: none`; the check of the algorithm rejects that token. */
function decodeSignature(text: string): Buffer | undefined {
  return text === '' ? Buffer.alloc(0) : decodeExactly(text, 'base64url');
}

function readPart(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** @param key - A shared secret, or a text that holds public keys. */
export function isSigned({ algorithm, header, signed, signature }: DecodedToken, key: string): boolean {
  if (algorithm.startsWith('HS')) {
    // A public key is not secret, so it must not verify an HMAC.
    if (key.includes('-----BEGIN')) return false;
    const expected = createHmac(`sha${algorithm.slice(2)}`, key)
      .update(signed)
      .digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const type = keyTypeOf(algorithm);
  const keyId = typeof header['kid'] === 'string' ? header['kid'] : undefined;
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
  return readPublicKeys(key, type, keyId).some((publicKey) => {
    try {
      return verify(hash, Buffer.from(signed), options(publicKey), signature);
    } catch {
      return false;
    }
  });
}

export function keyTypeOf(algorithm: string): PublicKeyType {
  return algorithm === 'EdDSA' ? 'ed25519' : algorithm.startsWith('ES') ? 'ec' : 'rsa';
}

/** JOSE encodes an ECDSA signature as its two numbers, not as DER. */
function options(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' };
}
