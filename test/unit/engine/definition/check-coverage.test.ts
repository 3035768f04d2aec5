import { describe, expect, test } from 'vitest';
import { acme, faultsOf } from '../reception/acme.ts';

const hmac = (message: string | readonly string[], more: object = {}) => ({
  hmac: {
    algorithm: 'sha256',
    encoding: 'hex',
    key: 'signing_secret',
    message,
    signature: '{header.X-Signature}',
    ...more,
  },
});
const fresh = (timestamp: string) => ({
  freshness: { timestamp, unit: 's', max_age_seconds: 300, max_ahead_seconds: 60 },
});
const token = { token: { value: '{header.X-Token}', expected: 'token' } };
const jwt = (more: object = {}) => ({
  jwt: { token: '{header.X-Jwt}', algorithms: ['HS256'], key: 'signing_secret', require: ['exp'], ...more },
});
const digest = (message: string) => ({
  digest: { algorithm: 'sha256', encoding: 'hex', message, signature: '{header.X-Digest}' },
});
const vars = { t: { from: '{header.X-Signature}', split: ',', prefix: 't=' } };

describe('accepts a timestamp that a signature covers', () => {
  test.each<[string, object, object?]>([
    ['as a header in the message', { all: [hmac('{header.X-Time}.{body}'), fresh('{header.x-time}')] }],
    [
      'as a header whose digest is in the message',
      { all: [hmac('{header.X-Time | sha256}'), fresh('{header.X-Time}')] },
    ],
    ['as a member of the body', { all: [hmac('{body}'), fresh('{json.time}')] }],
    ['as a member of a body whose digest is in the message', { all: [hmac('{body | sha256}'), fresh('{json.time}')] }],
    ['as a field of a form', { all: [hmac('{url}{form | sorted_pairs}'), fresh('{form.time}')] }],
    ['as a parameter of a URL', { all: [hmac('{url}'), fresh('{query.time}')] }],
    ['as a variable', { all: [hmac('{var.t}.{body}'), fresh('{var.t}')] }, { vars }],
    [
      'as a variable taken from a signed part',
      { all: [hmac('{header.X-Signature}'), fresh('{var.t}')] },
      { vars: { t: { from: '{header.X-Signature}' } } },
    ],
    ['in each of several messages', { all: [hmac(['{header.T}{body}', '{body}{header.T}']), fresh('{header.T}')] }],
    [
      'in each of several alternatives',
      { all: [{ any: [hmac('{header.T}'), hmac('{header.T}{body}')] }, fresh('{header.T}')] },
    ],
    ['in a digest with a secret', { all: [digest('{secret.signing_secret}{body}'), fresh('{json.t}')] }],
    ['in a body whose hash a JWT carries', { all: [jwt({ body_sha256_claim: 'h' }), fresh('{json.t}')] }],
    [
      'except a source that the case says is absent',
      {
        all: [
          { cases: [{ when: { 'json.b': { present: false } }, verify: hmac('{json.a}') }] },
          fresh('{json.a?}{json.b?}'),
        ],
      },
    ],
    ['for each item', { each: { items: 'json.items', verify: { all: [hmac('{item.t}'), fresh('{item.t}')] } } }],
  ])('%s', (_name, verify, more = {}) => {
    expect(faultsOf({ verify, ...more })).toEqual([]);
  });
});

describe('fails when no signature covers', () => {
  test.each<[string, object, object?]>([
    ['a header', { all: [hmac('{body}'), fresh('{header.X-Time}')] }],
    ['a header, next to a token', { all: [token, fresh('{header.X-Time}')] }],
    ['a member of the body when only another member is signed', { all: [hmac('{json.id}'), fresh('{json.time}')] }],
    ['a member of a body whose checksum is signed', { all: [hmac('{body | crc32}'), fresh('{json.time}')] }],
    [
      'a parameter of a URL that is signed without its query',
      { all: [hmac('{url | without_query}'), fresh('{query.t}')] },
    ],
    ['a variable', { all: [hmac('{body}'), fresh('{var.t}')] }, { vars }],
    ['a timestamp that one message omits', { all: [hmac(['{header.T}{body}', '{body}']), fresh('{header.T}')] }],
    [
      'a timestamp that one alternative omits',
      { all: [{ any: [hmac('{header.T}'), hmac('{body}')] }, fresh('{header.T}')] },
    ],
    [
      'a timestamp that one case omits',
      {
        all: [
          { cases: [{ when: { 'json.a': 1 }, verify: hmac('{body}') }, { verify: hmac('{json.a}') }] },
          fresh('{json.t}'),
        ],
      },
    ],
    ['a second source', { all: [hmac('{json.a}'), fresh('{json.a?}{json.b?}')] }],
    ['a timestamp in a digest without a secret', { all: [token, digest('{body}'), fresh('{json.t}')] }],
    ['a timestamp next to a JWT without a body hash', { all: [jwt(), fresh('{json.t}')] }],
    [
      'the timestamp of an item',
      { each: { items: 'json.items', verify: { all: [hmac('{item.id}'), fresh('{item.t}')] } } },
    ],
  ])('%s', (_name, verify, more = {}) => {
    expect(faultsOf({ verify, ...more })).toEqual([expect.stringContaining('which no signature covers')]);
  });

  test('a timestamp in the checks of a handshake', () => {
    const handshake = { name: 'hello', when: { method: 'GET' }, respond: {} };
    const verify = { all: [hmac('{method}'), fresh('{query.t}')] };
    expect(faultsOf({ verify: token, handshakes: [{ ...handshake, verify }] })).toEqual([
      'webhook.handshakes.0.verify.all.1.freshness.timestamp: got {query.t}, which no signature covers, so anyone could change it; expected a part of the signed message, or no such check',
    ]);
  });

  test('a nonce', () => {
    const nonce = (value: string) => ({ nonce: { value } });
    expect(faultsOf({ verify: hmac('{json.id}'), ...nonce('{json.id}') })).toEqual([]);
    expect(faultsOf({ verify: jwt(), ...nonce('{header.X-Jwt}') })).toEqual([]);
    for (const verify of [hmac('{json.id}'), token, jwt(), { any: [hmac('{json.n}'), token] }])
      expect(faultsOf({ verify, ...nonce('{json.n}') }), JSON.stringify(verify)).toEqual([
        expect.stringMatching(/^webhook\.nonce\.value: got \{json\.n\}, which no signature covers/),
      ]);
  });
});

test('fails when a JWT never expires, because it would be a permanent password', () => {
  const { require: _, ...endless } = jwt().jwt;
  expect(faultsOf({ verify: { jwt: endless } })).toEqual([
    'webhook.verify.jwt: got a token that never expires, expected `max_age_seconds` or `require: [exp]`',
  ]);
  for (const more of [{ require: ['exp'] }, { max_age_seconds: 60 }])
    expect(() => acme({ verify: { jwt: { ...endless, ...more } } })).not.toThrow();
});
