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

describe('a time that a signature covers is taken', () => {
  test.each<[string, object, object?]>([
    ['as a header in the message', { all: [hmac('{header.X-Time}.{body}'), fresh('{header.x-time}')] }],
    ['as a header that is digested in it', { all: [hmac('{header.X-Time | sha256}'), fresh('{header.X-Time}')] }],
    ['as a member of the body', { all: [hmac('{body}'), fresh('{json.time}')] }],
    ['as a member of a body that is digested', { all: [hmac('{body | sha256}'), fresh('{json.time}')] }],
    ['as a field of a form', { all: [hmac('{url}{form | sorted_pairs}'), fresh('{form.time}')] }],
    ['as a parameter of a URL', { all: [hmac('{url}'), fresh('{query.time}')] }],
    ['as a variable', { all: [hmac('{var.t}.{body}'), fresh('{var.t}')] }, { vars }],
    [
      'as a variable of what is signed',
      { all: [hmac('{header.X-Signature}'), fresh('{var.t}')] },
      { vars: { t: { from: '{header.X-Signature}' } } },
    ],
    ['by each of several messages', { all: [hmac(['{header.T}{body}', '{body}{header.T}']), fresh('{header.T}')] }],
    [
      'by each of several alternatives',
      { all: [{ any: [hmac('{header.T}'), hmac('{header.T}{body}')] }, fresh('{header.T}')] },
    ],
    ['by a digest with a secret', { all: [digest('{secret.signing_secret}{body}'), fresh('{json.t}')] }],
    ['by a token over the body', { all: [jwt({ body_sha256_claim: 'h' }), fresh('{json.t}')] }],
    [
      'where the case says that it is not there',
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
    ['a header, which a token stands beside', { all: [token, fresh('{header.X-Time}')] }],
    ['a member of the body, of which only another is signed', { all: [hmac('{json.id}'), fresh('{json.time}')] }],
    ['a member of a body that is summed up', { all: [hmac('{body | crc32}'), fresh('{json.time}')] }],
    ['a parameter of a URL that is signed without', { all: [hmac('{url | without_query}'), fresh('{query.t}')] }],
    ['a variable', { all: [hmac('{body}'), fresh('{var.t}')] }, { vars }],
    ['a time that one message leaves out', { all: [hmac(['{header.T}{body}', '{body}']), fresh('{header.T}')] }],
    [
      'a time that one alternative leaves out',
      { all: [{ any: [hmac('{header.T}'), hmac('{body}')] }, fresh('{header.T}')] },
    ],
    [
      'a time that one case leaves out',
      {
        all: [
          { cases: [{ when: { 'json.a': 1 }, verify: hmac('{body}') }, { verify: hmac('{json.a}') }] },
          fresh('{json.t}'),
        ],
      },
    ],
    ['a second source', { all: [hmac('{json.a}'), fresh('{json.a?}{json.b?}')] }],
    ['what a digest of what anybody knows covers', { all: [token, digest('{body}'), fresh('{json.t}')] }],
    ['what a token says nothing of', { all: [jwt(), fresh('{json.t}')] }],
    ['the time of an item', { each: { items: 'json.items', verify: { all: [hmac('{item.id}'), fresh('{item.t}')] } } }],
  ])('%s', (_name, verify, more = {}) => {
    expect(faultsOf({ verify, ...more })).toEqual([expect.stringContaining('which no signature covers')]);
  });

  test('a time that a handshake of its own checks', () => {
    const handshake = { name: 'hello', when: { method: 'GET' }, respond: {} };
    const verify = { all: [hmac('{method}'), fresh('{query.t}')] };
    expect(faultsOf({ verify: token, handshakes: [{ ...handshake, verify }] })).toEqual([
      'webhook.handshakes.0.verify.all.1.freshness.timestamp: got {query.t}, which no signature covers: anybody could change it; expected a part of the message that is signed, or no check that looks like one',
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

test('fails when a token has no end: it would be a password that cannot be changed', () => {
  const { require: _, ...endless } = jwt().jwt;
  expect(faultsOf({ verify: { jwt: endless } })).toEqual([
    'webhook.verify.jwt: got a token without an end, expected `max_age_seconds`, or `require: [exp]`',
  ]);
  for (const more of [{ require: ['exp'] }, { max_age_seconds: 60 }])
    expect(() => acme({ verify: { jwt: { ...endless, ...more } } })).not.toThrow();
});
