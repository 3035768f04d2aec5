import { createHash, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import type { JwtSpec } from '../definition/schema.ts';
import { renderAll, renderText, type Template, type TemplateInput } from '../definition/template.ts';
import { decodeExactly } from './decode-exactly.ts';
import { valuesOf } from './secret-values.ts';
import { missingReason } from './signature-candidates.ts';
import { readPublicKey } from './verify-public-key.ts';
import type { SecretValues, Verdict } from './webhook-request.ts';

export interface JwtCheck {
  readonly spec: JwtSpec;
  readonly token: Template;
  readonly claims: Readonly<Record<string, Template>>;
}

/** Seconds by which two clocks may differ. */
const clockSkewSeconds = 60;
/** A longer token is no token: reading it would cost more than any is worth. */
const maxTokenCharacters = 16 * 1024;
const maxTokens = 20;

interface DecodedToken {
  readonly algorithm: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: string;
  readonly signature: Buffer;
}

/** Check JSON Web Tokens: signature, time, claims, and the body where a claim binds it. All must pass. */
export function verifyJwt(check: JwtCheck, input: TemplateInput, secrets: SecretValues, nowMs: number): Verdict {
  const { spec } = check;
  const keys = valuesOf(secrets, spec.key);
  if (keys.length === 0) return { kind: 'rejected', reason: 'secret-not-configured', detail: spec.key };
  const texts = renderAll(check.token, input);
  if (texts.length === 0) return { kind: 'rejected', reason: missingReason(spec.token), detail: spec.token };
  if (texts.length > maxTokens) return { kind: 'rejected', reason: 'token-malformed', detail: spec.token };
  for (const text of texts) {
    const token = decodeToken(text, spec.prefix);
    if (token === undefined) return { kind: 'rejected', reason: 'token-malformed', detail: spec.token };
    const verdict = verifyOne(check, token, keys, input, nowMs);
    if (verdict.kind === 'rejected') return verdict;
  }
  return { kind: 'verified' };
}

function verifyOne(
  { spec, claims }: JwtCheck,
  token: DecodedToken,
  keys: readonly string[],
  input: TemplateInput,
  nowMs: number,
): Verdict {
  // The definition, not the token, says which algorithms count.
  if (!spec.algorithms.some((algorithm) => algorithm === token.algorithm))
    return { kind: 'rejected', reason: 'no-known-signature-version', detail: spec.algorithms.join(', ') };
  if (!keys.some((key) => isSigned(token, key))) return { kind: 'rejected', reason: 'signature-mismatch' };

  const nowSeconds = nowMs / 1000;
  const { exp, nbf, iat } = token.claims;
  // A time that is no number would be a limit that never comes.
  const odd = Object.entries({ exp, nbf }).find(([, time]) => time !== undefined && typeof time !== 'number');
  if (odd !== undefined) return { kind: 'rejected', reason: 'claim-mismatch', detail: odd[0] };
  if (typeof exp === 'number' && nowSeconds > exp + clockSkewSeconds)
    return { kind: 'rejected', reason: 'timestamp-too-old', detail: 'exp' };
  if (typeof nbf === 'number' && nowSeconds < nbf - clockSkewSeconds)
    return { kind: 'rejected', reason: 'timestamp-in-the-future', detail: 'nbf' };
  if (spec.max_age_seconds !== undefined) {
    if (typeof iat !== 'number') return { kind: 'rejected', reason: 'claim-mismatch', detail: 'iat' };
    if (nowSeconds - iat > spec.max_age_seconds)
      return { kind: 'rejected', reason: 'timestamp-too-old', detail: 'iat' };
    if (iat - nowSeconds > clockSkewSeconds)
      return { kind: 'rejected', reason: 'timestamp-in-the-future', detail: 'iat' };
  }
  for (const [name, template] of Object.entries(claims))
    if (!holds(own(token.claims, name), renderText(template, input)))
      return { kind: 'rejected', reason: 'claim-mismatch', detail: name };
  const bound = spec.body_sha256_claim;
  if (bound !== undefined && own(token.claims, bound) !== createHash('sha256').update(input.body).digest('hex'))
    return { kind: 'rejected', reason: 'signature-mismatch', detail: bound };
  return { kind: 'verified' };
}

/** A claim may be a list, as `aud` often is: one of its members must be the expected text. */
function holds(claim: unknown, expected: string | undefined): boolean {
  return expected !== undefined && (Array.isArray(claim) ? claim.includes(expected) : claim === expected);
}

function decodeToken(text: string, prefix: string | undefined): DecodedToken | undefined {
  if (prefix !== undefined && !text.toLowerCase().startsWith(prefix.toLowerCase())) return undefined;
  const token = text.slice(prefix?.length ?? 0).trim();
  const [head, body, signature, ...rest] = token.length > maxTokenCharacters ? [] : token.split('.');
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined;
  const [header, claims, bytes] = [readPart(head), readPart(body), decodeSignature(signature)];
  if (header === undefined || claims === undefined || bytes === undefined || typeof header['alg'] !== 'string')
    return undefined;
  // An extension that is critical and not understood must not be passed over (RFC 7515, 4.1.11).
  if ('crit' in header) return undefined;
  return {
    algorithm: header['alg'],
    claims,
    signed: `${head}.${body}`,
    signature: bytes,
  };
}

/** Empty where there is none, as `alg: none` has it: the algorithm is refused for what it is. */
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

function isSigned({ algorithm, signed, signature }: DecodedToken, key: string): boolean {
  if (algorithm.startsWith('HS')) {
    // A public key is known to anybody, so it is nobody's shared secret.
    if (key.includes('-----BEGIN')) return false;
    const expected = createHmac(`sha${algorithm.slice(2)}`, key)
      .update(signed)
      .digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const type = algorithm === 'EdDSA' ? 'ed25519' : algorithm.startsWith('ES') ? 'ec' : 'rsa';
  const publicKey = readPublicKey(key, type);
  if (publicKey === undefined) return false;
  try {
    return verify(
      algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`,
      Buffer.from(signed),
      options(publicKey),
      signature,
    );
  } catch {
    return false;
  }
}

/** JOSE writes an ECDSA signature as its two numbers, not as DER. */
function options(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' };
}

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
