import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Reception, receiveWebhook } from '../../../../../lambdas/engine/reception/decide-reception.ts';
import type { PreparedWebhook } from '../../../../../lambdas/engine/reception/prepare-webhook.ts';
import type { SecretValues, WebhookRequest } from '../../../../../lambdas/engine/request/webhook-request.ts';
import type { KeyRequest } from '../../../../../lambdas/engine/verification/keys/key-request.ts';
import { aRequest, cpuMsOf, faultsOf, maxCpuMs, nowMs, nowSeconds, prepare, verified } from '../../reception/acme.ts';

const [ec, otherEc] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' })) as [Pair, Pair];
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;
const jwk = (key: KeyObject, more: object = {}) => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function token(key: KeyObject, claims: object = {}, header: object = {}): string {
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const signed = `${encode({ alg, kid: 'k1', ...header })}.${encode({ exp: nowSeconds + 60, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const jwksUrl = 'https://acme.example/keys';
const jwt = (more: object = {}) => ({
  jwt: { token: '{header.X-Token}', algorithms: ['ES256'], key: { jwks: jwksUrl }, require: ['exp'], ...more },
});
const hmac = {
  hmac: { algorithm: 'sha256', encoding: 'hex', key: 'signing_secret', message: '{body}', signature: '{header.X-Mac}' },
};
const secrets = { signing_secret: 'a secret of 25 characters', client_id: 'client-1' };

/** The verdict on a request, and the keys that were asked for on the way: each is answered by `answer`. */
function decide(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  answer: (request: KeyRequest) => readonly string[],
  of: SecretValues = secrets,
): { readonly reception: Reception; readonly asked: readonly KeyRequest[] } {
  const keys = new Map<string, readonly string[]>();
  const asked: KeyRequest[] = [];
  for (;;) {
    const reception = receiveWebhook(webhook, request, of, nowMs, keys);
    if (reception.kind !== 'key-needed') return { reception, asked };
    expect(keys.has(reception.request.locator), 'a key is asked for once').toBe(false);
    asked.push(reception.request);
    keys.set(reception.request.locator, answer(reception.request));
  }
}

const withToken = (text: string, more: Readonly<Record<string, string>> = {}, body = '{}') =>
  aRequest(body, { headers: { 'x-token': text, ...more } });

describe('a token whose key its provider publishes', () => {
  const webhook = prepare({ verify: jwt() });
  const published = () => [jwk(ec.publicKey, { kid: 'k1' })];

  test('is verified with the key of its id', () => {
    const { reception, asked } = decide(webhook, withToken(token(ec.privateKey)), published);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([{ kind: 'jwks', url: jwksUrl, keyId: 'k1' }]);
  });

  test('is verified with any key of the set where it names none', () => {
    const { reception, asked } = decide(webhook, withToken(token(ec.privateKey, {}, { kid: undefined })), () => [
      jwk(otherEc.publicKey),
      ...published(),
    ]);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([{ keyId: undefined }]);
  });

  test.each([7, null, ['k1'], { kid: 'k1' }, true])('fails to name a key by what is no text: %j', (kid) => {
    const { asked } = decide(webhook, withToken(token(ec.privateKey, {}, { kid })), published);
    expect(asked).toMatchObject([{ keyId: undefined }]);
  });

  test.each<[string, () => readonly string[], string]>([
    ['there is no such key', () => [], 'key-unknown'],
    ['the key is another', () => [jwk(otherEc.publicKey)], 'signature-mismatch'],
    ['the key is of another kind', () => [jwk(rsa.publicKey)], 'signature-mismatch'],
    ['the key is a shared secret', () => ['{"kty":"oct","k":"AAAA"}'], 'signature-mismatch'],
    ['the key is none', () => ['nonsense', '{}', '[]', 'null', '{"keys":[null,7]}'], 'signature-mismatch'],
  ])('fails when %s', (_name, answer, reason) => {
    expect(decide(webhook, withToken(token(ec.privateKey)), answer).reception).toMatchObject({
      kind: 'rejected',
      reason,
    });
  });

  test('fails when it is made with another algorithm than the definition’s, and asks for nothing', () => {
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
      const { reception, asked } = decide(webhook, withToken(text), published);
      expect(reception).toMatchObject({ reason: 'no-known-signature-version' });
      expect(asked).toEqual([]);
    }
    // The header of ES256, the MAC of HS256.
    expect(decide(webhook, withToken(mac('ES256', publicKey)), () => [publicKey]).reception).toMatchObject({
      reason: 'signature-mismatch',
    });
  });

  test('fails as a definition where it names a shared secret, or both kinds of algorithm', () => {
    expect(faultsOf({ verify: jwt({ algorithms: ['HS256'] }) })).toHaveLength(1);
    expect(faultsOf({ verify: jwt({ algorithms: ['ES256', 'HS256'] }) })).not.toEqual([]);
    for (const key of [{}, { jwks: jwksUrl, oidc: 'https://acme.example' }, { jwks: 'http://acme.example/keys' }])
      expect(faultsOf({ verify: jwt({ key }) }), JSON.stringify(key)).not.toEqual([]);
  });
});

describe('a key that the account keeps', () => {
  const webhook = prepare({ verify: jwt() });
  const pinned = (public_key: string | readonly string[]) => ({ ...secrets, public_key });
  const never = (): never => expect.fail('a pinned key is not fetched');

  test('is used instead, as PEM, JWK or a set of them', () => {
    const set = JSON.stringify({
      keys: [JSON.parse(jwk(otherEc.publicKey, { kid: 'k0' })), JSON.parse(jwk(ec.publicKey, { kid: 'k1' }))],
    });
    for (const key of [pem(ec.publicKey), jwk(ec.publicKey), set, [pem(otherEc.publicKey), pem(ec.publicKey)]])
      expect(decide(webhook, withToken(token(ec.privateKey)), never, pinned(key)).reception).toEqual(verified);
  });

  test('fails when it is another, or one of a set with another id, and fetches nothing', () => {
    const set = JSON.stringify({ keys: [JSON.parse(jwk(ec.publicKey, { kid: 'k0' }))] });
    for (const key of [pem(otherEc.publicKey), set, 'nonsense'])
      expect(decide(webhook, withToken(token(ec.privateKey)), never, pinned(key)).reception.kind).toBe('rejected');
  });
});

describe('a key is fetched only where nothing else turns the request away', () => {
  const good = token(ec.privateKey, { iss: 'client-1', iat: nowSeconds, exp: nowSeconds + 60 });
  const mac = (body = '{}') => createHmac('sha256', secrets.signing_secret).update(body).digest('hex');
  const published = () => [pem(ec.publicKey)];
  const asksFor = (verify: object, request: WebhookRequest, count: number, kind: Reception['kind']) => {
    const { reception, asked } = decide(prepare({ verify }), request, published);
    expect([reception.kind, asked.length], JSON.stringify(reception)).toEqual([kind, count]);
  };

  test.each<[string, object, WebhookRequest]>([
    ['there is no token', jwt(), aRequest('{}')],
    ['it is none', jwt(), withToken('a.b.c')],
    ['it has expired', jwt(), withToken(token(ec.privateKey, { exp: nowSeconds - 100 }))],
    ['it is not yet valid', jwt(), withToken(token(ec.privateKey, { nbf: nowSeconds + 100 }))],
    ['it is too old', jwt({ max_age_seconds: 60 }), withToken(token(ec.privateKey, { iat: nowSeconds - 61 }))],
    [
      'a claim is another',
      jwt({ claims: { iss: '{secret.client_id}' } }),
      withToken(token(ec.privateKey, { iss: 'x' })),
    ],
    ['it is for another body', jwt({ body_sha256_claim: 'h' }), withToken(token(ec.privateKey, { h: '00' }))],
    ['it is for another query', jwt({ query_hash_claim: 'qsh' }), withToken(token(ec.privateKey, { qsh: '00' }))],
    [
      'another of several is malformed',
      jwt({ token: '{json.tokens}' }),
      aRequest(JSON.stringify({ tokens: [good, 'x'] })),
    ],
    [
      'another of several has expired',
      jwt({ token: '{json.tokens}' }),
      aRequest(JSON.stringify({ tokens: [good, token(ec.privateKey, { exp: 1 })] })),
    ],
    [
      'it covers not all items',
      jwt({ covers: { items: 'json.items', value: '{item.owner}', claim: 'iss' } }),
      withToken(good, {}, '{"items":[{"owner":"client-1"},{"owner":"client-2"}]}'),
    ],
    ['a check after it fails', { all: [jwt(), hmac] }, withToken(good, { 'x-mac': mac('other') })],
    ['a check before it fails', { all: [hmac, jwt()] }, withToken(good)],
    [
      'the token of a later item is none',
      { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } },
      aRequest(JSON.stringify({ items: [{ t: good }, { t: 'x' }] })),
    ],
    ['no case holds', { cases: [{ when: { 'header.X-Kind': 'a' }, verify: jwt() }] }, withToken(good)],
  ])('fails without one when %s', (_name, verify, request) => {
    asksFor(verify, request, 0, 'rejected');
  });

  test('passes without one where another way is open', () => {
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

  test('is fetched once however many items or checks need it, and for each that is another', () => {
    const each = { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } };
    const items = (texts: readonly string[]) => aRequest(JSON.stringify({ items: texts.map((t) => ({ t })) }));
    asksFor(each, items(Array<string>(50).fill(good)), 1, 'verified');
    asksFor(each, items([good, token(ec.privateKey, {}, { kid: 'k2' })]), 2, 'verified');
    asksFor({ all: [jwt(), jwt({ claims: { iss: 'client-1' } })] }, withToken(good), 1, 'verified');
    asksFor({ all: [jwt(), { any: [hmac, jwt({ claims: { iss: 'client-1' } })] }] }, withToken(good), 1, 'verified');
    asksFor({ cases: [{ verify: { all: [jwt()] } }] }, withToken(good), 1, 'verified');
  });

  test('takes no time where a thousand items need one', () => {
    const webhook = prepare({ verify: { each: { items: 'json.items', verify: jwt({ token: '{item.t}' }) } } });
    const items = Array.from({ length: 1000 }, (_, at) => ({
      t: `${encode({ alg: 'ES256', kid: `${at}` })}.e30.AAAA`,
    }));
    const request = aRequest(JSON.stringify({ items }));
    expect(cpuMsOf(() => receiveWebhook(webhook, request, secrets, nowMs))).toBeLessThan(maxCpuMs);
  });
});

describe('a key by a call', () => {
  const key = {
    call: {
      method: 'POST',
      url: 'https://acme.example/key/{jwt.header.kid}',
      json: { client_id: '{secret.client_id}', key_id: '{jwt.header.kid}' },
      parts: { 'jwt.header.kid': { syntax: 'base64url', max: 64 } },
      select: 'key',
    },
  };
  const webhook = prepare({ verify: jwt({ key }) });

  test('names the id of the token, and the account’s secrets', () => {
    const { reception, asked } = decide(webhook, withToken(token(ec.privateKey, {}, { kid: 'a-_b' })), () => [
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
    'fails when the token’s id is %j, and asks nobody',
    (kid) => {
      const { reception, asked } = decide(webhook, withToken(token(ec.privateKey, {}, { kid })), () => []);
      expect(reception).toEqual({ kind: 'rejected', reason: 'key-id-malformed', detail: 'jwt.header.kid' });
      expect(asked).toEqual([]);
    },
  );

  test.each([
    ['its syntax is not declared', { url: 'https://acme.example/key/{jwt.header.kid}' }, 'call.parts'],
    [
      'a syntax is of a part that it does not hold',
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
  ])('fails as a definition when %s', (_name, call, path) => {
    expect(faultsOf({ verify: jwt({ key: { call } }) })).toEqual([
      expect.stringContaining(`webhook.verify.jwt.key.${path}`),
    ]);
  });

  test('is remembered apart for each account', () => {
    const locatorOf = (client_id: string) =>
      decide(webhook, withToken(token(ec.privateKey)), () => [], { ...secrets, client_id }).asked[0]?.locator;
    expect(locatorOf('client-1')).toBe(locatorOf('client-1'));
    expect(locatorOf('client-1')).not.toBe(locatorOf('client-2'));
  });
});

describe('a certificate at a URL of the request', () => {
  const certificate = {
    url: '{header.X-Cert}',
    hosts: ['api.acme.example'],
    path: { prefix: '/c', syntax: 'base64url', max: 8, suffix: '.pem' },
    names: ['keys.acme.example'],
    issuers: ['issuer.example'],
  };
  const webhook = prepare({
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
  const url = 'https://api.acme.example/cert.pem';
  const signature = sign('sha256', Buffer.from('1|{}'), rsa.privateKey).toString('base64');
  const request = (headers: Readonly<Record<string, string>>) =>
    aRequest('{}', { headers: { 'x-id': '1', 'x-cert': url, 'x-signature': signature, ...headers } });

  test('is asked for with the names that it must carry', () => {
    const { reception, asked } = decide(webhook, request({}), () => [pem(rsa.publicKey)]);
    expect(reception).toEqual(verified);
    expect(asked).toMatchObject([
      { kind: 'certificate', url, names: ['keys.acme.example'], issuers: ['issuer.example'] },
    ]);
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['its host is another', { 'x-cert': 'https://evil.example/cert.pem' }, 'url-not-allowed'],
    ['its path is another', { 'x-cert': 'https://api.acme.example/other.pem' }, 'url-not-allowed'],
    ['its path goes on', { 'x-cert': 'https://api.acme.example/cert.pem/x.pem' }, 'url-not-allowed'],
    ['its name is too long', { 'x-cert': 'https://api.acme.example/c123456789.pem' }, 'url-not-allowed'],
    ['its name is missing', { 'x-cert': 'https://api.acme.example/c.pem' }, 'url-not-allowed'],
    ['it has a query', { 'x-cert': `${url}?a=1` }, 'url-not-allowed'],
    ['the signature is missing', { 'x-signature': '' }, 'signature-malformed'],
    ['the signature is none', { 'x-signature': '!' }, 'signature-malformed'],
  ])('fails when %s, and fetches nothing', (_name, headers, reason) => {
    const { reception, asked } = decide(webhook, request(headers), () => [pem(rsa.publicKey)]);
    expect(reception).toMatchObject({ kind: 'rejected', reason });
    expect(asked).toEqual([]);
  });

  test('fails when what is signed, or the URL, is missing, and fetches nothing', () => {
    for (const name of ['x-id', 'x-cert', 'x-signature']) {
      const { [name]: _, ...headers } = request({}).headers;
      const { reception, asked } = decide(webhook, aRequest('{}', { headers }), () => [pem(rsa.publicKey)]);
      expect(reception).toMatchObject({ kind: 'rejected', reason: 'header-missing' });
      expect(asked).toEqual([]);
    }
  });

  test('fails when no certificate is trusted, or it is of another kind of key', () => {
    expect(decide(webhook, request({}), () => []).reception).toMatchObject({ reason: 'key-unknown' });
    expect(decide(webhook, request({}), () => [pem(ec.publicKey)]).reception).toMatchObject({ reason: 'key-unusable' });
  });

  test('is one however its fragment is written', () => {
    const locators = ['', '#1', '#2'].map(
      (fragment) => decide(webhook, request({ 'x-cert': `${url}${fragment}` }), () => []).asked[0]?.locator,
    );
    expect(new Set(locators).size).toBe(1);
  });
});

describe('tokens that cover the items of a body', () => {
  const covers = { items: 'json.value', value: '{item.tenantId}', claim: 'tid' };
  const webhook = prepare({
    verify: jwt({ token: '{json.tokens}', claims: { iss: 'https://sts.example/{jwt.claims.tid}/' }, covers }),
  });
  const ofTenant = (tid: unknown, iss = `https://sts.example/${String(tid)}/`) => token(ec.privateKey, { tid, iss });
  const receiveBody = (tokens: unknown, value: unknown) =>
    decide(webhook, aRequest(JSON.stringify({ tokens, value })), () => [pem(ec.publicKey)]).reception;

  test('are verified when each item has its token', () => {
    expect(receiveBody([ofTenant('a')], [{ tenantId: 'a' }, { tenantId: 'a' }])).toEqual(verified);
    expect(receiveBody([ofTenant('a'), ofTenant('b')], [{ tenantId: 'b' }, { tenantId: 'a' }])).toEqual(verified);
  });

  test.each<[string, unknown, unknown, string]>([
    ['an item is of nobody who has a token', [ofTenant('a')], [{ tenantId: 'a' }, { tenantId: 'b' }], 'claim-mismatch'],
    ['an item names nobody', [ofTenant('a')], [{}], 'claim-mismatch'],
    ['an item is null', [ofTenant('a')], [null], 'claim-mismatch'],
    ['an item names a list', [ofTenant('a')], [{ tenantId: ['a'] }], 'claim-mismatch'],
    [
      'an item names nothing, and so does a token',
      [ofTenant(undefined, 'https://sts.example//')],
      [{}],
      'claim-mismatch',
    ],
    ['there is no list', [ofTenant('a')], undefined, 'items-missing'],
    ['the list is an object', [ofTenant('a')], { 0: { tenantId: 'a' }, length: 1 }, 'items-missing'],
    [
      'a token is of another issuer than it says',
      [ofTenant('a', 'https://sts.example/b/')],
      [{ tenantId: 'a' }],
      'claim-mismatch',
    ],
    ['a tenant is a number', [ofTenant(7, 'https://sts.example/7/')], [{ tenantId: 'a' }], 'claim-mismatch'],
    ['there is no token', [], [], 'value-missing'],
  ])('fails when %s', (_name, tokens, value, reason) => {
    expect(receiveBody(tokens, value)).toMatchObject({ kind: 'rejected', reason });
  });
});

describe('a claim that hashes the query', () => {
  const webhook = prepare({ verify: jwt({ token: '{query.jwt}', query_hash_claim: 'qsh' }) });
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const receiveQuery = (signed: string, query: string, path = '/in/acme/acc_1') =>
    decide(
      webhook,
      aRequest('{}', {
        path,
        query: `${query}${query === '' ? '' : '&'}jwt=${token(ec.privateKey, { qsh: hash(signed) })}`,
      }),
      () => [pem(ec.publicKey)],
    ).reception;

  // https://developer.atlassian.com/cloud/bitbucket/query-string-hash/
  test.each([
    ['POST&/in/acme/acc_1&', ''],
    ['POST&/acme/acc_1&a=1&b=2', 'b=2&a=1'],
    ['POST&/acc_1&a=1,2', 'a=2&a=1'],
    ['POST&/&a=b%20c', 'a=b+c'],
    ['POST&/&a=%2A%7E'.replace('%7E', '~'), 'a=*~'],
    ['POST&/&a=', 'a'],
    ['POST&/&%C3%A9=%F0%9F%98%80', '%C3%A9=%F0%9F%98%80'],
  ])('is right as %s', (signed, query) => {
    expect(receiveQuery(signed, query)).toEqual(verified);
  });

  test.each([
    ['the method is another', 'GET&/in/acme/acc_1&', ''],
    ['the path is another', 'POST&/in/acme/acc_2&', ''],
    ['the path is a part of a name', 'POST&/c_1&', ''],
    ['a parameter is changed', 'POST&/&a=1', 'a=2'],
    ['a parameter is added', 'POST&/&a=1', 'a=1&b=2'],
    ['a parameter is left out', 'POST&/&a=1&b=2', 'a=1'],
    ['two parameters run into one', 'POST&/&a=1&b=2', 'a=1%26b%3D2'],
  ])('fails when %s', (_name, signed, query) => {
    expect(receiveQuery(signed, query)).toMatchObject({ reason: 'signature-mismatch', detail: 'qsh' });
  });

  test('fails when there is none, or it is no text', () => {
    for (const claims of [{}, { qsh: null }, { qsh: [] }, { qsh: ['x'] }, { qsh: 'undefined' }]) {
      const query = `jwt=${token(ec.privateKey, claims)}`;
      expect(decide(webhook, aRequest('{}', { query }), () => [pem(ec.publicKey)]).reception).toMatchObject({
        reason: 'signature-mismatch',
      });
    }
  });
});
