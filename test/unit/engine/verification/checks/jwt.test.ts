import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { aRequest, cpuMsOf, maxCpuMs, nowSeconds, prepare, receive, verified } from '../../reception/acme.ts';

const body = '{"id":1}';
const secret = 'a shared secret of the client';
const [rsa, otherRsa] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 })) as [Pair, Pair];
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token, signed with a private key, or by HMAC if the key is text. */
function token(algorithm: string, key: KeyObject | string, claims: object = {}, header: object = {}): string {
  const signed = `${encode({ alg: algorithm, typ: 'JWT', ...header })}.${encode({ exp: nowSeconds + 60, ...claims })}`;
  const hash = `sha${algorithm.slice(2)}`;
  const signature =
    typeof key === 'string'
      ? createHmac(algorithm.startsWith('HS') ? hash : 'sha256', key)
          .update(signed)
          .digest()
      : sign(algorithm === 'EdDSA' ? null : hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

const jwtCheck = (algorithms: readonly string[], more: object = {}) =>
  prepare({
    verify: {
      jwt: {
        token: '{header.Authorization}',
        prefix: 'Bearer ',
        algorithms,
        key: 'signing_secret',
        require: ['exp'],
        ...more,
      },
    },
  });
const bearer = (text: string) => aRequest(body, { headers: { authorization: `Bearer ${text}` } });
const secrets = { signing_secret: secret };

describe.each([
  ['HS256', secret, secret, 'another secret'],
  ['HS384', secret, secret, 'another secret'],
  ['HS512', secret, secret, 'another secret'],
  ['RS256', pem(rsa.publicKey), rsa.privateKey, otherRsa.privateKey],
  ['RS512', pem(rsa.publicKey), rsa.privateKey, otherRsa.privateKey],
  ['ES256', pem(ec.publicKey), ec.privateKey, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['EdDSA', pem(ed25519.publicKey), ed25519.privateKey, generateKeyPairSync('ed25519').privateKey],
])('%s', (algorithm, configured, key, wrongKey) => {
  const webhook = jwtCheck([algorithm]);
  const receiveToken = (text: string, values: SecretValues = { signing_secret: configured }) =>
    receive(webhook, bearer(text), values);

  test('is verified, by any current key', () => {
    expect(receiveToken(token(algorithm, key))).toEqual(verified);
    expect(receiveToken(token(algorithm, key), { signing_secret: ['old', configured] })).toEqual(verified);
  });

  test('fails when the key is wrong or missing', () => {
    expect(receiveToken(token(algorithm, wrongKey))).toMatchObject({ reason: 'signature-mismatch' });
    expect(receiveToken(token(algorithm, key), {})).toMatchObject({ reason: 'secret-not-configured' });
    expect(receiveToken(token(algorithm, key), { signing_secret: '' })).toMatchObject({
      reason: 'secret-not-configured',
    });
  });

  test('fails when any bit of any part is flipped', () => {
    const text = token(algorithm, key);
    const bytes = Buffer.from(text);
    for (let bit = 0; bit < bytes.length * 8; bit += bytes.length > 300 ? 5 : 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(receiveToken(flipped.toString('latin1')).kind, `bit ${bit}`).toBe('rejected');
    }
  });
});

const rs256 = jwtCheck(['RS256']);
const publicKey = pem(rsa.publicKey);
const configured = { signing_secret: publicKey };

describe('the definition, not the token, selects the algorithm', () => {
  test.each(['none', 'None', 'NONE', 'nOnE', ''])('fails when it is "%s"', (alg) => {
    const unsigned = `${encode({ alg })}.${encode({})}`;
    for (const text of [`${unsigned}.`, `${unsigned}.AAAA`])
      expect(receive(rs256, bearer(text), configured)).toMatchObject({ reason: 'no-known-signature-version' });
    expect(receive(rs256, bearer(unsigned), configured)).toMatchObject({ reason: 'token-malformed' });
  });

  test('fails when a token is signed by HMAC with the public key as its secret', () => {
    for (const key of [
      publicKey,
      publicKey.trim(),
      rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    ])
      for (const algorithm of ['HS256', 'HS384', 'HS512'])
        expect(receive(rs256, bearer(token(algorithm, key)), configured)).toMatchObject({
          reason: 'no-known-signature-version',
        });
    // A header for RS256 with a MAC of HS256.
    expect(receive(rs256, bearer(token('RS256', publicKey)), configured)).toMatchObject({
      reason: 'signature-mismatch',
    });
  });

  test('fails when a definition names HMAC and the account has a public key', () => {
    const shared = jwtCheck(['HS256']);
    expect(receive(shared, bearer(token('HS256', publicKey)), configured)).toMatchObject({
      reason: 'signature-mismatch',
    });
  });

  test('fails when the algorithm is of the same family but not listed', () => {
    expect(receive(rs256, bearer(token('RS512', rsa.privateKey)), configured)).toMatchObject({
      reason: 'no-known-signature-version',
    });
  });

  test.each([
    ['number', 256],
    ['null', null],
    ['list', ['RS256']],
    ['object', {}],
  ])('fails when it is a %s', (_name, alg) => {
    expect(receive(rs256, bearer(`${encode({ alg })}.${encode({})}.AAAA`), configured)).toMatchObject({
      reason: 'token-malformed',
    });
  });
});

describe('the header of a token', () => {
  test('fails when it marks an extension as critical', () => {
    for (const crit of [['exp'], [], null])
      expect(receive(rs256, bearer(token('RS256', rsa.privateKey, {}, { crit })), configured)).toMatchObject({
        reason: 'token-malformed',
      });
  });

  test('never provides the key', () => {
    const header = {
      jwk: otherRsa.publicKey.export({ format: 'jwk' }),
      x5u: 'https://evil.example',
      kid: '../../dev/null',
    };
    expect(receive(rs256, bearer(token('RS256', otherRsa.privateKey, {}, header)), configured)).toMatchObject({
      reason: 'signature-mismatch',
    });
    expect(receive(rs256, bearer(token('RS256', rsa.privateKey, {}, header)), configured)).toEqual(verified);
  });
});

test.each([
  ['it is missing', {}, 'header-missing'],
  ['its scheme is wrong', { authorization: `JWT ${token('HS256', secret)}` }, 'token-malformed'],
  ['it has two parts', { authorization: 'Bearer a.b' }, 'token-malformed'],
  ['it has four parts', { authorization: `Bearer ${token('HS256', secret)}.x` }, 'token-malformed'],
  ['its header is not JSON', { authorization: 'Bearer !.e30.AAAA' }, 'token-malformed'],
  ['its header is a list', { authorization: `Bearer ${encode([])}.e30.AAAA` }, 'token-malformed'],
  [
    'its claims are text',
    { authorization: `Bearer ${encode({ alg: 'HS256' })}.${encode('x')}.AAAA` },
    'token-malformed',
  ],
  [
    'its claims are null',
    { authorization: `Bearer ${encode({ alg: 'HS256' })}.${encode(null)}.AAAA` },
    'token-malformed',
  ],
  [
    'it is too long',
    { authorization: `Bearer ${token('HS256', secret, { x: 'x'.repeat(20_000) })}` },
    'token-malformed',
  ],
  ['it consists of dots', { authorization: `Bearer ${'.'.repeat(1_000_000)}` }, 'token-malformed'],
])('fails when %s', (_name, headers, reason) => {
  expect(receive(jwtCheck(['HS256']), aRequest(body, { headers }), secrets)).toMatchObject({
    kind: 'rejected',
    reason,
  });
});

describe('times', () => {
  const receiveClaims = (claims: object, more: object = {}) =>
    receive(jwtCheck(['HS256'], more), bearer(token('HS256', secret, claims)), secrets);

  test.each<[string, object, object, string]>([
    ['it expired more than a minute ago', { exp: nowSeconds - 61 }, {}, 'timestamp-too-old'],
    ['it expired long ago', { exp: 0 }, {}, 'timestamp-too-old'],
    ['its expiry is text', { exp: `${nowSeconds + 60}` }, {}, 'claim-mismatch'],
    ['its expiry is null', { exp: null }, {}, 'claim-mismatch'],
    ['it is not yet valid', { nbf: nowSeconds + 61 }, {}, 'timestamp-in-the-future'],
    ['it was issued too long ago', { iat: nowSeconds - 301 }, { max_age_seconds: 300 }, 'timestamp-too-old'],
    ['it was issued in the future', { iat: nowSeconds + 61 }, { max_age_seconds: 300 }, 'timestamp-in-the-future'],
    ['it has no issue time', {}, { max_age_seconds: 300 }, 'claim-mismatch'],
    ['its issue time is text', { iat: String(nowSeconds) }, { max_age_seconds: 300 }, 'claim-mismatch'],
  ])('fails when %s', (_name, claims, more, reason) => {
    expect(receiveClaims(claims, more)).toMatchObject({ kind: 'rejected', reason });
  });

  test('tolerate a clock difference of one minute', () => {
    expect(receiveClaims({ exp: nowSeconds - 60, nbf: nowSeconds + 60 })).toEqual(verified);
    expect(receiveClaims({ iat: nowSeconds - 300 }, { max_age_seconds: 300 })).toEqual(verified);
    expect(receiveClaims({ iat: nowSeconds + 60 }, { max_age_seconds: 300 })).toEqual(verified);
  });
});

describe('claims', () => {
  const webhook = jwtCheck(['HS256'], { claims: { iss: '{secret.client_id}', aud: 'urn:{method}' } });
  const values = { ...secrets, client_id: 'client-1' };
  const receiveClaims = (claims: object, from: SecretValues = values) =>
    receive(webhook, bearer(token('HS256', secret, claims)), from);

  test('are verified as text and as a member of a list', () => {
    expect(receiveClaims({ iss: 'client-1', aud: 'urn:POST' })).toEqual(verified);
    expect(receiveClaims({ iss: 'client-1', aud: ['urn:other', 'urn:POST'] })).toEqual(verified);
  });

  test.each<[string, object, string]>([
    ['one is missing', { iss: 'client-1' }, 'aud'],
    ['one differs', { iss: 'client-2', aud: 'urn:POST' }, 'iss'],
    ['one is not text', { iss: 'client-1', aud: { 'urn:POST': true } }, 'aud'],
    ['a list does not contain it', { iss: 'client-1', aud: ['urn:GET', ['urn:POST']] }, 'aud'],
    ['a list is empty', { iss: 'client-1', aud: [] }, 'aud'],
    ['all are missing', {}, 'iss'],
  ])('fails when %s', (_name, claims, detail) => {
    expect(receiveClaims(claims)).toEqual({ kind: 'rejected', reason: 'claim-mismatch', detail });
  });

  test('fails when the expected value is not configured, even if the claim is empty', () => {
    for (const from of [secrets, { ...secrets, client_id: '' }, { ...secrets, client_id: [] }])
      for (const iss of ['', undefined, 'undefined'])
        expect(receiveClaims({ iss, aud: 'urn:POST' }, from)).toMatchObject({
          reason: 'claim-mismatch',
          detail: 'iss',
        });
  });

  test('fails when the token lacks a claim with the name of a member of Object', () => {
    const odd = jwtCheck(['HS256'], { claims: { constructor: 'x' } });
    expect(receive(odd, bearer(token('HS256', secret)), secrets)).toMatchObject({ detail: 'constructor' });
  });
});

test('a claim binds the body', () => {
  const webhook = jwtCheck(['HS256'], { body_sha256_claim: 'body_hash' });
  const bound = (text: string) =>
    bearer(token('HS256', secret, { body_hash: createHash('sha256').update(text).digest('hex') }));
  expect(receive(webhook, bound(body), secrets)).toEqual(verified);
  for (const request of [
    bound(`${body} `),
    bearer(token('HS256', secret)),
    bearer(token('HS256', secret, { body_hash: '' })),
  ])
    expect(receive(webhook, request, secrets)).toMatchObject({ reason: 'signature-mismatch', detail: 'body_hash' });
});

describe('several tokens', () => {
  const webhook = jwtCheck(['RS256'], { token: '{json.tokens}', prefix: undefined });
  const receiveTokens = (tokens: unknown) =>
    receive(webhook, aRequest(JSON.stringify({ tokens })), { signing_secret: pem(rsa.publicKey) });
  const good = token('RS256', rsa.privateKey, { exp: nowSeconds + 60 });
  const expired = token('RS256', rsa.privateKey, { exp: nowSeconds - 600 });
  const forged = token('RS256', otherRsa.privateKey);

  test('are verified when all pass', () => {
    expect(receiveTokens([good])).toEqual(verified);
    expect(receiveTokens([good, token('RS256', rsa.privateKey)])).toEqual(verified);
  });

  test.each<[string, unknown, string]>([
    ['the last is forged', [good, good, forged], 'signature-mismatch'],
    ['the first is forged', [forged, good], 'signature-mismatch'],
    ['one is expired', [good, expired], 'timestamp-too-old'],
    ['one is malformed', [good, 'x'], 'token-malformed'],
    ['one is empty', [good, ''], 'token-malformed'],
    ['the list is empty', [], 'value-missing'],
    ['they are not a list', { 0: good }, 'value-missing'],
    ['there are too many', Array(21).fill(good), 'token-malformed'],
  ])('fails when %s', (_name, tokens, reason) => {
    expect(receiveTokens(tokens)).toMatchObject({ kind: 'rejected', reason });
  });

  test('take little time, even if there are many', () => {
    const cpuMs = cpuMsOf(() => {
      receiveTokens(Array(20).fill(good));
      receiveTokens(Array(10_000).fill('.'.repeat(100)));
    });
    expect(cpuMs).toBeLessThan(maxCpuMs);
  });
});
