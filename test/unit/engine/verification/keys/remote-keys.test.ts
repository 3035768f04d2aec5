import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Reception, receiveWebhook } from '../../../../../lambdas/engine/reception/decide-reception.ts';
import type { WebhookRequest } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { aRequest, cpuMsOf, faultsOf, maxCpuMs, nowMs, nowSeconds, prepare, verified } from '../../reception/acme.ts';
import {
  decide,
  ec,
  encode,
  hmac,
  jwk,
  jwksUrl,
  jwt,
  otherEc,
  pem,
  rsa,
  secrets,
  token,
  withToken,
} from './decide-with-keys.ts';

const byPublishedKey = prepare({ verify: jwt() });
const published = () => [jwk(ec.publicKey, { kid: 'k1' })];

describe('a token whose key the provider publishes', () => {
  test('is verified with the key that its id names', () => {
    const { reception, asked } = decide(byPublishedKey, withToken(token(ec.privateKey)), published);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([{ kind: 'jwks', url: jwksUrl, keyId: 'k1' }]);
  });

  test('is verified with any key of the set when it has no key id', () => {
    const { reception, asked } = decide(byPublishedKey, withToken(token(ec.privateKey, {}, { kid: undefined })), () => [
      jwk(otherEc.publicKey),
      ...published(),
    ]);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([{ keyId: undefined }]);
  });

  test.each([7, null, ['k1'], { kid: 'k1' }, true])('fails to select a key with an id that is not text: %j', (kid) => {
    const { asked } = decide(byPublishedKey, withToken(token(ec.privateKey, {}, { kid })), published);
    expect(asked).toMatchObject([{ keyId: undefined }]);
  });

  test.each<[string, () => readonly string[], string]>([
    ['the key does not exist', () => [], 'key-unknown'],
    ['the key is wrong', () => [jwk(otherEc.publicKey)], 'signature-mismatch'],
    ['the key is of another type', () => [jwk(rsa.publicKey)], 'signature-mismatch'],
    ['the key is a shared secret', () => ['{"kty":"oct","k":"AAAA"}'], 'signature-mismatch'],
    ['the key is malformed', () => ['nonsense', '{}', '[]', 'null', '{"keys":[null,7]}'], 'signature-mismatch'],
  ])('fails when %s', (_name, answer, reason) => {
    expect(decide(byPublishedKey, withToken(token(ec.privateKey)), answer).reception).toMatchObject({
      kind: 'rejected',
      reason,
    });
  });
});

describe('the algorithm of a token whose key the provider publishes', () => {
  test('fails when the definition does not list it, and requests no key', () => {
    const publicKey = pem(ec.publicKey);
    const mac = (alg: string, key: string) => {
      const signed = `${encode({ alg, kid: 'k1' })}.${encode({ exp: nowSeconds + 60 })}`;
      return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
    };
    for (const text of [
      mac('HS256', publicKey),
      mac('HS256', jwk(ec.publicKey)),
      mac('HS256', ''),
      `${encode({ alg: 'none', kid: 'k1' })}.${encode({})}.`,
      token(rsa.privateKey),
    ]) {
      const { reception, asked } = decide(byPublishedKey, withToken(text), published);
      expect(reception).toMatchObject({ reason: 'no-known-signature-version' });
      expect(asked).toEqual([]);
    }
    // A header for ES256 with a MAC of HS256.
    expect(decide(byPublishedKey, withToken(mac('ES256', publicKey)), () => [publicKey]).reception).toMatchObject({
      reason: 'signature-mismatch',
    });
  });

  test('fails as a definition when it is for a shared secret or for both kinds of key', () => {
    expect(faultsOf({ verify: jwt({ algorithms: ['HS256'] }) })).toHaveLength(1);
    expect(faultsOf({ verify: jwt({ algorithms: ['ES256', 'HS256'] }) })).not.toEqual([]);
    for (const key of [{}, { jwks: jwksUrl, oidc: 'https://acme.example' }, { jwks: 'http://acme.example/keys' }])
      expect(faultsOf({ verify: jwt({ key }) }), JSON.stringify(key)).not.toEqual([]);
  });
});

describe('a pinned key', () => {
  const pinned = (public_key: string | readonly string[]) => ({ ...secrets, public_key });
  const never = (): never => expect.fail('a pinned key is not fetched');

  test('replaces the published key, as PEM, JWK or JWK set', () => {
    const set = JSON.stringify({
      keys: [JSON.parse(jwk(otherEc.publicKey, { kid: 'k0' })), JSON.parse(jwk(ec.publicKey, { kid: 'k1' }))],
    });
    for (const key of [pem(ec.publicKey), jwk(ec.publicKey), set, [pem(otherEc.publicKey), pem(ec.publicKey)]])
      expect(decide(byPublishedKey, withToken(token(ec.privateKey)), never, pinned(key)).reception).toEqual(verified);
  });

  test('fails when it is wrong, or in a set with another id, and fetches nothing', () => {
    const set = JSON.stringify({ keys: [JSON.parse(jwk(ec.publicKey, { kid: 'k0' }))] });
    for (const key of [pem(otherEc.publicKey), set, 'nonsense'])
      expect(decide(byPublishedKey, withToken(token(ec.privateKey)), never, pinned(key)).reception.kind).toBe(
        'rejected',
      );
  });
});

const good = token(ec.privateKey, { iss: 'client-1', iat: nowSeconds, exp: nowSeconds + 60 });
const mac = (body = '{}') => createHmac('sha256', secrets.signing_secret).update(body).digest('hex');
const asksFor = (verify: object, request: WebhookRequest, count: number, kind: Reception['kind']) => {
  const { reception, asked } = decide(prepare({ verify }), request, () => [pem(ec.publicKey)]);
  expect([reception.kind, asked.length], JSON.stringify(reception)).toEqual([kind, count]);
};

describe('a key is not fetched for a request that another check rejects', () => {
  test.each<[string, object, WebhookRequest]>([
    ['there is no token', jwt(), aRequest('{}')],
    ['the token is malformed', jwt(), withToken('a.b.c')],
    ['the token has expired', jwt(), withToken(token(ec.privateKey, { exp: nowSeconds - 100 }))],
    ['the token is not yet valid', jwt(), withToken(token(ec.privateKey, { nbf: nowSeconds + 100 }))],
    ['the token is too old', jwt({ max_age_seconds: 60 }), withToken(token(ec.privateKey, { iat: nowSeconds - 61 }))],
    ['a claim differs', jwt({ claims: { iss: '{secret.client_id}' } }), withToken(token(ec.privateKey, { iss: 'x' }))],
    ['the token is for another body', jwt({ body_sha256_claim: 'h' }), withToken(token(ec.privateKey, { h: '00' }))],
    [
      'the token is for another query',
      jwt({ query_hash_claim: 'qsh' }),
      withToken(token(ec.privateKey, { qsh: '00' })),
    ],
    ['another token is malformed', jwt({ token: '{json.tokens}' }), aRequest(JSON.stringify({ tokens: [good, 'x'] }))],
    [
      'another token has expired',
      jwt({ token: '{json.tokens}' }),
      aRequest(JSON.stringify({ tokens: [good, token(ec.privateKey, { exp: 1 })] })),
    ],
    [
      'the token does not cover all items',
      jwt({ covers: { items: 'json.items', value: '{item.owner}', claim: 'iss' } }),
      withToken(good, {}, '{"items":[{"owner":"client-1"},{"owner":"client-2"}]}'),
    ],
    ['a later check fails', { all: [jwt(), hmac] }, withToken(good, { 'x-mac': mac('other') })],
    ['an earlier check fails', { all: [hmac, jwt()] }, withToken(good)],
    [
      'the token of a later item is malformed',
      { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } },
      aRequest(JSON.stringify({ items: [{ t: good }, { t: 'x' }] })),
    ],
    ['no case holds', { cases: [{ when: { 'header.X-Kind': 'a' }, verify: jwt() }] }, withToken(good)],
  ])('fails without a key when %s', (_name, verify, request) => {
    asksFor(verify, request, 0, 'rejected');
  });
});

describe('a key is fetched only when the verdict depends on it', () => {
  test('another alternative passes without a key', () => {
    for (const any of [
      [jwt(), hmac],
      [hmac, jwt()],
    ]) {
      asksFor({ any }, withToken(good, { 'x-mac': mac() }), 0, 'verified');
      asksFor({ any }, withToken(good, { 'x-mac': mac('other') }), 1, 'verified');
      asksFor({ any }, withToken('x', { 'x-mac': mac() }), 0, 'verified');
      asksFor({ any }, withToken('x'), 0, 'rejected');
    }
  });

  test('several items or checks share one request per key', () => {
    const each = { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } };
    const items = (texts: readonly string[]) => aRequest(JSON.stringify({ items: texts.map((t) => ({ t })) }));
    asksFor(each, items(Array<string>(50).fill(good)), 1, 'verified');
    asksFor(each, items([good, token(ec.privateKey, {}, { kid: 'k2' })]), 2, 'verified');
    asksFor({ all: [jwt(), jwt({ claims: { iss: 'client-1' } })] }, withToken(good), 1, 'verified');
    asksFor({ all: [jwt(), { any: [hmac, jwt({ claims: { iss: 'client-1' } })] }] }, withToken(good), 1, 'verified');
    asksFor({ cases: [{ verify: { all: [jwt()] } }] }, withToken(good), 1, 'verified');
  });

  test('a thousand items with different keys take little time', () => {
    const webhook = prepare({ verify: { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } } });
    const items = Array.from({ length: 1000 }, (_, at) => ({
      t: `${encode({ alg: 'ES256', kid: `${at}` })}.e30.AAAA`,
    }));
    const request = aRequest(JSON.stringify({ items }));
    expect(cpuMsOf(() => receiveWebhook(webhook, request, secrets, nowMs))).toBeLessThan(maxCpuMs);
  });
});
