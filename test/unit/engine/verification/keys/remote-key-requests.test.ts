import { sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { aRequest, faultsOf, prepare, verified } from '../../reception/acme.ts';
import { decide, ec, jwk, jwt, pem, rsa, secrets, token, withToken } from './decide-with-keys.ts';

const keyCall = {
  call: {
    method: 'POST',
    url: 'https://acme.example/key/{jwt.header.kid}',
    json: { client_id: '{secret.client_id}', key_id: '{jwt.header.kid}' },
    parts: { 'jwt.header.kid': { syntax: 'base64url', max: 64 } },
    select: 'key',
  },
};
const byKeyCall = prepare({ verify: jwt({ key: keyCall }) });

describe('a key from an API call', () => {
  test('is requested with the key id of the token and the secrets of the account', () => {
    const { reception, asked } = decide(byKeyCall, withToken(token(ec.privateKey, {}, { kid: 'a-_b' })), () => [
      jwk(ec.publicKey),
    ]);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([
      {
        kind: 'call',
        call: {
          method: 'POST',
          url: 'https://acme.example/key/a-_b',
          headers: { 'content-type': 'application/json' },
          body: '{"client_id":"client-1","key_id":"a-_b"}',
        },
        select: ['key'],
      },
    ]);
  });

  test.each([[undefined], ['..'], [7.5], [{}], [''], ['a/b'], ['a b'], ['k1\n'], ['é'], ['k'.repeat(65)], [['k1']]])(
    'fails when the key id is %j, and makes no call',
    (kid) => {
      const { reception, asked } = decide(byKeyCall, withToken(token(ec.privateKey, {}, { kid })), () => []);
      expect(reception).toEqual({ kind: 'rejected', reason: 'key-id-malformed', detail: 'jwt.header.kid' });
      expect(asked).toEqual([]);
    },
  );

  test('has a separate locator for each account', () => {
    const locatorOf = (client_id: string) =>
      decide(byKeyCall, withToken(token(ec.privateKey)), () => [], { ...secrets, client_id }).asked[0]?.locator;
    expect(locatorOf('client-1')).toBe(locatorOf('client-1'));
    expect(locatorOf('client-1')).not.toBe(locatorOf('client-2'));
  });
});

describe('the definition of a key from an API call', () => {
  test.each([
    ['the syntax of a part is not declared', { url: 'https://acme.example/key/{jwt.header.kid}' }, 'call.parts'],
    [
      'a syntax is declared for an unused part',
      { url: 'https://acme.example/key', parts: { 'jwt.header.kid': { syntax: 'hex' } } },
      'call.parts.jwt.header.kid',
    ],
    [
      'the syntax of another part is missing',
      {
        url: 'https://acme.example/key/{jwt.header.kid}',
        headers: { 'X-Tenant': '{json.tenant}' },
        parts: { 'jwt.header.kid': { syntax: 'hex' } },
      },
      'call.parts',
    ],
    [
      'the syntax is a pattern',
      { url: 'https://acme.example/{json.a}', parts: { 'json.a': { syntax: '(a+)+$' } } },
      '',
    ],
  ])('fails when %s', (_name, call, path) => {
    expect(faultsOf({ verify: jwt({ key: { call } }) })).toEqual([
      expect.stringContaining(`webhook.verify.jwt.key.${path}`),
    ]);
  });
});

const certificate = {
  url: '{header.X-Cert}',
  hosts: ['api.acme.example'],
  path: { prefix: '/c', syntax: 'base64url', max: 8, suffix: '.pem' },
  names: ['keys.acme.example'],
  issuers: ['issuer.example'],
};
const byCertificate = prepare({
  verify: {
    public_key: {
      algorithm: 'rsa-sha256',
      encoding: 'base64',
      key: { certificate },
      message: '{header.X-Id}|{body}',
      signature: '{header.X-Signature}',
    },
  },
});
const certificateUrl = 'https://api.acme.example/cert.pem';
const signature = sign('sha256', Buffer.from('1|{}'), rsa.privateKey).toString('base64');
const request = (headers: Readonly<Record<string, string>>) =>
  aRequest('{}', { headers: { 'x-id': '1', 'x-cert': certificateUrl, 'x-signature': signature, ...headers } });

describe('a certificate at a URL of the request', () => {
  test('is requested with the names that it must have', () => {
    const { reception, asked } = decide(byCertificate, request({}), () => [pem(rsa.publicKey)]);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([
      { kind: 'certificate', url: certificateUrl, names: ['keys.acme.example'], issuers: ['issuer.example'] },
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['its host is wrong', { 'x-cert': 'https://evil.example/cert.pem' }, 'url-not-allowed'],
    ['its path is wrong', { 'x-cert': 'https://api.acme.example/other.pem' }, 'url-not-allowed'],
    ['its path is longer', { 'x-cert': 'https://api.acme.example/cert.pem/x.pem' }, 'url-not-allowed'],
    ['its name is too long', { 'x-cert': 'https://api.acme.example/c123456789.pem' }, 'url-not-allowed'],
    ['its name is missing', { 'x-cert': 'https://api.acme.example/c.pem' }, 'url-not-allowed'],
    ['it has a query', { 'x-cert': `${certificateUrl}?a=1` }, 'url-not-allowed'],
    ['the signature is missing', { 'x-signature': '' }, 'signature-malformed'],
    ['the signature is malformed', { 'x-signature': '!' }, 'signature-malformed'],
  ])('fails when %s, and fetches nothing', (_name, headers, reason) => {
    const { reception, asked } = decide(byCertificate, request(headers), () => [pem(rsa.publicKey)]);
    expect(reception).toMatchObject({ kind: 'rejected', reason });
    expect(asked).toEqual([]);
  });

  test('fails when a signed part, the URL or the signature is missing, and fetches nothing', () => {
    for (const name of ['x-id', 'x-cert', 'x-signature']) {
      const { [name]: _, ...headers } = request({}).headers;
      const { reception, asked } = decide(byCertificate, aRequest('{}', { headers }), () => [pem(rsa.publicKey)]);
      expect(reception).toMatchObject({ kind: 'rejected', reason: 'header-missing' });
      expect(asked).toEqual([]);
    }
  });

  test('fails when no certificate is trusted, or when its key is of another type', () => {
    expect(decide(byCertificate, request({}), () => []).reception).toMatchObject({ reason: 'key-unknown' });
    expect(decide(byCertificate, request({}), () => [pem(ec.publicKey)]).reception).toMatchObject({
      reason: 'key-unusable',
    });
  });

  test('has the same locator for each fragment of the URL', () => {
    const locators = ['', '#1', '#2'].map(
      (fragment) =>
        decide(byCertificate, request({ 'x-cert': `${certificateUrl}${fragment}` }), () => []).asked[0]?.locator,
    );
    expect(new Set(locators).size).toBe(1);
  });
});
