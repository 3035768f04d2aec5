import { createHash, createHmac, createPrivateKey, sign } from 'node:crypto';
import { z } from 'zod';
import { missingReason } from '../../request/rejection-reason.ts';
import { firstValues, valuesOf } from '../../request/secret-values.ts';
import {
  readSource,
  renderAll,
  renderText,
  type Source,
  type Template,
  type TemplateInput,
  toSource,
  toTemplate,
} from '../../template/template.ts';
import { source, template } from '../../template/template-schema.ts';
import type { CheckAuthoring, CheckContext, CheckKind, SampleInput } from '../check-kind.ts';
import { type DecodedToken, decodeToken, isSigned, keyTypeOf } from '../json-web-token.ts';
import { publicKeySource } from '../keys/remote-key-schema.ts';
import { findKeys, type KeySource, prepareKeySource, secretOf } from '../keys/remote-keys.ts';
import type { Verdict } from '../verdict.ts';

/** JSON Web Tokens: signature, time, claims, and the body if a claim binds it. */
export const jwt: CheckKind<JwtSpec> = {
  prepare(spec) {
    const { covers } = spec;
    const check: JwtCheck = {
      spec,
      source: prepareKeySource(spec.key),
      token: toTemplate(spec.token),
      claims: Object.fromEntries(Object.entries(spec.claims).map(([name, text]) => [name, toTemplate(text)])),
      covers:
        covers === undefined
          ? undefined
          : { items: toSource(covers.items), value: toTemplate(covers.value), claim: covers.claim },
    };
    return (input, context) => verifyJwt(check, input, context);
  },
  impliedSecrets: ({ key }) => (typeof key === 'string' ? [] : [key.pinned]),
  credentials: ({ token }) => [token],
};

interface JwtCheck {
  readonly spec: JwtSpec;
  readonly source: KeySource;
  readonly token: Template;
  readonly claims: Readonly<Record<string, Template>>;
  readonly covers: { readonly items: Source; readonly value: Template; readonly claim: string } | undefined;
}

/** Tolerated difference between two clocks. */
const clockSkewSeconds = 60;
const maxTokens = 20;

/** Check signature, time, claims, and the body if a claim binds it. All tokens must pass. */
function verifyJwt(check: JwtCheck, request: TemplateInput, context: CheckContext): Verdict {
  const { spec, source } = check;
  if (source.remote === undefined && valuesOf(context.secrets, source.secret).length === 0)
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

function verifyOne(check: JwtCheck, token: DecodedToken, input: TemplateInput, context: CheckContext): Verdict {
  const { spec, source } = check;
  // The definition, not the token, decides which algorithms are allowed.
  if (!spec.algorithms.some((algorithm) => algorithm === token.algorithm))
    return { kind: 'rejected', reason: 'no-known-signature-version', detail: spec.algorithms.join(', ') };
  const found = findKeys(source, input, context);
  if (found.kind === 'rejected') return found;
  if (found.kind === 'keys' && !found.keys.some((key) => isSigned(token, key)))
    return { kind: 'rejected', reason: 'signature-mismatch' };
  const claimed = verifyClaims(check, token, input, context);
  // Fetch a key only for a token with valid claims.
  return found.kind === 'key-needed' && claimed.kind === 'verified' ? found : claimed;
}

function verifyClaims(
  { spec, claims }: JwtCheck,
  token: DecodedToken,
  input: TemplateInput,
  context: CheckContext,
): Verdict {
  const nowSeconds = context.nowMs / 1000;
  const { exp, nbf, iat } = token.claims;
  const lacking = spec.require?.find((name) => own(token.claims, name) === undefined);
  if (lacking !== undefined) return { kind: 'rejected', reason: 'claim-mismatch', detail: lacking };
  // Reject a time that is not a number: comparisons with it would never reject the token.
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
  for (const [name, expected] of Object.entries(claims))
    if (!holds(own(token.claims, name), renderText(expected, input)))
      return { kind: 'rejected', reason: 'claim-mismatch', detail: name };
  const bound = spec.body_sha256_claim;
  if (bound !== undefined && own(token.claims, bound) !== createHash('sha256').update(input.body).digest('hex'))
    return { kind: 'rejected', reason: 'signature-mismatch', detail: bound };
  const query = spec.query_hash_claim;
  if (query !== undefined && !queryHashes(input).includes(String(own(token.claims, query))))
    return { kind: 'rejected', reason: 'signature-mismatch', detail: query };
  return { kind: 'verified' };
}

/** Each item must be named by one of the tokens, because a valid token says nothing about another tenant's data. */
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
 * The query string hashes that a request may carry. The hashed path is relative to the base URL of the app,
 * which can end at any slash of the path.
 *
 * @see https://developer.atlassian.com/cloud/bitbucket/query-string-hash/
 */
function queryHashes({ method, path, query }: TemplateInput): readonly string[] {
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

/** Whether a claim has the expected text. A claim may be a list, as `aud` often is; then one member must match. */
function holds(claim: unknown, expected: string | undefined): boolean {
  return expected !== undefined && (Array.isArray(claim) ? claim.includes(expected) : claim === expected);
}

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

export type JwtSpec = z.output<ReturnType<typeof schema>>;

function schema() {
  return z
    .strictObject({
      token: template.describe(
        'Where the request carries the token; a list gives several tokens, which must all pass.',
      ),
      prefix: z.string().min(1).optional().describe('Text before the token, for example `Bearer `.'),
      algorithms: z
        .array(z.enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS512', 'ES256', 'EdDSA']))
        .min(1)
        .refine(
          (names) => new Set(names.map((name) => name.slice(0, 2))).size === 1,
          'expected algorithms for one kind of key, so that a public key is never used as a shared secret',
        ),
      key: publicKeySource.describe(
        'Name of the secret that holds the shared secret or the public key (PEM, JWK), or where the provider publishes its keys.',
      ),
      claims: z
        .record(z.string(), template)
        .default({})
        .describe("Claims that must equal these texts; a text may read the token's own claims: `{jwt.claims.tid}`."),
      require: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('Claims that a token must have, for example `exp`: without it, a token would be valid forever.'),
      max_age_seconds: z
        .int()
        .positive()
        .optional()
        .describe('Maximum age of `iat`; a token without `iat` is rejected.'),
      body_sha256_claim: z.string().min(1).optional().describe('Claim that holds the hexadecimal SHA-256 of the body.'),
      query_hash_claim: z
        .string()
        .min(1)
        .optional()
        .describe('Claim that holds the SHA-256 of method, path and sorted query, such as `qsh` of Atlassian Connect.'),
      covers: z
        .strictObject({
          items: source.describe('The list, for example `json.value`.'),
          value: template.describe('The value of each item, `{item.…}`, that a token must name.'),
          claim: z.string().min(1).describe('The claim that names it.'),
        })
        .optional()
        .describe('A claim of one of the tokens must name each item of a list.'),
    })
    .refine(({ algorithms, key: of }) => typeof of === 'string' || !algorithms.some((name) => name.startsWith('HS')), {
      path: ['key'],
      message: 'expected the name of a secret: a shared secret is never published',
    })
    .refine(({ require = [], max_age_seconds: maxAge }) => maxAge !== undefined || require.includes('exp'), {
      message: 'got a token that never expires, expected `max_age_seconds` or `require: [exp]`',
    });
}

/** A key id in the usual form of providers. */
const sampleKeyId = '00000000-0000-4000-8000-000000000001';
/** Lifetime of a sample token without a maximum age. */
const tokenLifeSeconds = 300;

export const jwtAuthoring: CheckAuthoring<JwtSpec> = {
  schema,
  proof(spec, sample) {
    const iat = Math.floor(sample.nowMs / 1000);
    const algorithm = spec.algorithms[0] ?? 'HS256';
    const signed = [
      { alg: algorithm, typ: 'JWT', kid: sampleKeyId },
      { ...sampleClaims(spec, sample), iat, exp: iat + Math.max(tokenLifeSeconds, spec.max_age_seconds ?? 0) },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${signed}.${signatureOf(spec, algorithm, signed, sample).toString('base64url')}`;
  },
  place: ({ token, prefix }) => ({ template: token, prefix }),
  keys: ({ algorithms: [algorithm = 'HS256'], key }) => [
    {
      secret: secretOf(key),
      form: algorithm.startsWith('HS') ? { kind: 'text' } : { kind: 'pair', type: keyTypeOf(algorithm) },
    },
  ],
  protects: ({ token, claims, covers, query_hash_claim: queryHash, body_sha256_claim: bodyHash }) => ({
    signed: [
      ...Object.values(claims).map((claim) => ({ template: claim })),
      // The whole URL, because the claim does not cover the base URL, which may include the whole path.
      ...(queryHash === undefined ? [] : [{ template: '{method}' }, { template: '{url}' }]),
      ...(covers === undefined ? [] : [{ template: covers.value, items: covers.items }]),
      ...(bodyHash === undefined ? [] : [{ template: '{body}' }]),
    ],
    proofs: [token],
  }),
};

function sampleClaims(spec: JwtSpec, { input }: SampleInput): Readonly<Record<string, string>> {
  const claims: Record<string, string> = {};
  if (spec.covers !== undefined) {
    const { items, value, claim } = spec.covers;
    const list = readSource(toSource(items), input);
    const [item] = Array.isArray(list) ? (list as unknown[]) : [];
    claims[claim] = renderText(toTemplate(value), { ...input, item }) ?? '';
  }
  // In order, because a claim may read earlier claims.
  for (const [name, text] of Object.entries(spec.claims))
    claims[name] = renderText(toTemplate(text), { ...input, jwt: { header: {}, claims } }) ?? '';
  if (spec.body_sha256_claim !== undefined)
    claims[spec.body_sha256_claim] = createHash('sha256').update(input.body).digest('hex');
  if (spec.query_hash_claim !== undefined) claims[spec.query_hash_claim] = queryHashes(input)[0] ?? '';
  return claims;
}

function signatureOf(spec: JwtSpec, algorithm: string, signed: string, sample: SampleInput): Buffer {
  const secret = secretOf(spec.key);
  const digestName = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('HS'))
    return createHmac(digestName, sample.secrets[secret] ?? '')
      .update(signed)
      .digest();
  return sign(algorithm === 'EdDSA' ? null : digestName, Buffer.from(signed), {
    key: createPrivateKey(sample.privateKeys[secret] ?? ''),
    dsaEncoding: 'ieee-p1363',
  });
}
