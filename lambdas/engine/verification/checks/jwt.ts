import { createHash, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import type { JwtSpec } from '../../definition/schema.ts';
import { firstValues, valuesOf } from '../../request/secret-values.ts';
import type { SecretValues, Verdict } from '../../request/webhook-request.ts';
import {
  readSource,
  renderAll,
  renderText,
  type Source,
  type Template,
  type TemplateInput,
} from '../../template/template.ts';
import { readPublicKeys } from '../keys/read-public-key.ts';
import { findKeys, type KeyRing, type KeySource } from '../keys/remote-keys.ts';
import { decodeExactly } from '../signatures/decode-exactly.ts';
import { missingReason } from '../signatures/signature-candidates.ts';

export interface JwtCheck {
  readonly spec: JwtSpec;
  readonly source: KeySource;
  readonly token: Template;
  readonly claims: Readonly<Record<string, Template>>;
  readonly covers: { readonly items: Source; readonly value: Template; readonly claim: string } | undefined;
}

/** What a check knows beside the request. */
interface JwtContext {
  readonly secrets: SecretValues;
  readonly keys: KeyRing;
  readonly nowMs: number;
}

/** Seconds by which two clocks may differ. */
const clockSkewSeconds = 60;
/** A longer token is no token: reading it would cost more than any is worth. */
const maxTokenCharacters = 16 * 1024;
const maxTokens = 20;

interface DecodedToken {
  readonly algorithm: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: string;
  readonly signature: Buffer;
}

/** Check JSON Web Tokens: signature, time, claims, and the body where a claim binds it. All must pass. */
export function verifyJwt(check: JwtCheck, request: TemplateInput, context: JwtContext): Verdict {
  const { spec, source } = check;
  if (source.outside === undefined && valuesOf(context.secrets, source.secret).length === 0)
    return { kind: 'rejected', reason: 'secret-not-configured', detail: source.secret };
  const input = { ...request, secrets: { ...firstValues(context.secrets), ...request.secrets } };
  const texts = renderAll(check.token, input);
  if (texts.length === 0) return { kind: 'rejected', reason: missingReason(spec.token), detail: spec.token };
  if (texts.length > maxTokens) return { kind: 'rejected', reason: 'token-malformed', detail: spec.token };
  const tokens: DecodedToken[] = [];
  let undecided: Verdict | undefined;
  for (const text of texts) {
    const token = decodeToken(text, spec.prefix);
    if (token === undefined) return { kind: 'rejected', reason: 'token-malformed', detail: spec.token };
    const verdict = verifyOne(check, token, { ...input, jwt: token }, context);
    if (verdict.kind === 'rejected') return verdict;
    if (verdict.kind === 'key-needed') undecided ??= verdict;
    tokens.push(token);
  }
  const covered = coverItems(check, tokens, input);
  return covered.kind === 'rejected' ? covered : (undecided ?? covered);
}

function verifyOne(check: JwtCheck, token: DecodedToken, input: TemplateInput, context: JwtContext): Verdict {
  const { spec, source } = check;
  // The definition, not the token, says which algorithms count.
  if (!spec.algorithms.some((algorithm) => algorithm === token.algorithm))
    return { kind: 'rejected', reason: 'no-known-signature-version', detail: spec.algorithms.join(', ') };
  const found = findKeys(source, input, context);
  if (found.kind === 'rejected') return found;
  if (found.kind === 'keys' && !found.keys.some((key) => isSigned(token, key)))
    return { kind: 'rejected', reason: 'signature-mismatch' };
  const claimed = verifyClaims(check, token, input, context);
  // A key is fetched only for a token that says what it must.
  return found.kind === 'key-needed' && claimed.kind === 'verified' ? found : claimed;
}

function verifyClaims(
  { spec, claims }: JwtCheck,
  token: DecodedToken,
  input: TemplateInput,
  context: JwtContext,
): Verdict {
  const nowSeconds = context.nowMs / 1000;
  const { exp, nbf, iat } = token.claims;
  const lacking = spec.require?.find((name) => own(token.claims, name) === undefined);
  if (lacking !== undefined) return { kind: 'rejected', reason: 'claim-mismatch', detail: lacking };
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
  const query = spec.query_hash_claim;
  if (query !== undefined && !queryHashes(input).includes(String(own(token.claims, query))))
    return { kind: 'rejected', reason: 'signature-mismatch', detail: query };
  return { kind: 'verified' };
}

/** Each item must be named by one of the tokens: a valid token says nothing about another's data. */
function coverItems({ covers }: JwtCheck, tokens: readonly DecodedToken[], input: TemplateInput): Verdict {
  if (covers === undefined) return { kind: 'verified' };
  const items = readSource(covers.items, input);
  if (!Array.isArray(items)) return { kind: 'rejected', reason: 'items-missing' };
  const named = new Set(tokens.map(({ claims }) => own(claims, covers.claim)));
  for (const item of items as unknown[]) {
    const value = renderText(covers.value, { ...input, item });
    if (value === undefined || !named.has(value))
      return { kind: 'rejected', reason: 'claim-mismatch', detail: covers.claim };
  }
  return { kind: 'verified' };
}

/**
 * The query string hashes that a request may carry. Its path is relative to the base URL of the app,
 * which ends at one of the path's slashes.
 *
 * @see https://developer.atlassian.com/cloud/bitbucket/query-string-hash/
 */
export function queryHashes({ method, path, query }: TemplateInput): readonly string[] {
  const encode = (text: string) =>
    encodeURIComponent(text.toWellFormed()).replace(
      /[!'()*]/g,
      (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const names = [...new Set(query.keys())].filter((name) => name !== 'jwt');
  const pairs = names
    .map((name) => [encode(name), query.getAll(name).map(encode).sort().join(',')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, values]) => `${name}=${values}`)
    .join('&');
  const trimmed = path.replace(/\/+$/, '');
  const segments = trimmed.split('/').slice(1, 10);
  const paths = [...segments.map((_, index) => `/${segments.slice(index).join('/')}`), '/'];
  return paths.map((one) => createHash('sha256').update(`${method}&${one}&${pairs}`).digest('hex'));
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
    header,
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

function isSigned({ algorithm, header, signed, signature }: DecodedToken, key: string): boolean {
  if (algorithm.startsWith('HS')) {
    // A public key is known to anybody, so it is nobody's shared secret.
    if (key.includes('-----BEGIN')) return false;
    const expected = createHmac(`sha${algorithm.slice(2)}`, key)
      .update(signed)
      .digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  const type = algorithm === 'EdDSA' ? 'ed25519' : algorithm.startsWith('ES') ? 'ec' : 'rsa';
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

/** JOSE writes an ECDSA signature as its two numbers, not as DER. */
function options(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' };
}

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
