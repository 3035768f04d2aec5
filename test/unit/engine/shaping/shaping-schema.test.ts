import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { shapingSchema } from '../../../../lambdas/engine/shaping/shaping-schema.ts';

const jwkOf = (pair: { publicKey: { export(options: { format: 'jwk' }): JsonWebKey } }) =>
  pair.publicKey.export({ format: 'jwk' });
const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }));
const ec = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const x25519 = jwkOf(generateKeyPairSync('x25519'));

const withJwk = (jwk: unknown) => ({ encrypt: { fields: ['data.email'], jwk } });

/** Faults as `<path>: <message>`. */
const faultsOf = (options: unknown) =>
  (shapingSchema.safeParse(options).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('accepts all options, and none', () => {
  const options = {
    filter: 'resource = "hris/employees" and data.salary > 1000',
    fields: { include: ['data.id', 'data.name'] },
    encrypt: { fields: ['data.email'], jwk: { ...ec, kid: 'k1', alg: 'ECDH-ES+A256KW', use: 'enc' } },
    batch: { max_events: 100, max_wait_seconds: 60 },
    transform: '{ "text": data.name }',
    envelope: 'cloudevents',
  };
  expect(shapingSchema.parse(options)).toEqual(options);
  expect(shapingSchema.parse({})).toEqual({ envelope: 'tributary' });
  expect(shapingSchema.parse({ batch: { max_events: 1, max_wait_seconds: 0 } })).toBeDefined();
});

test('converts to a JSON Schema', () => {
  expect(z.toJSONSchema(shapingSchema, { io: 'input' })).toMatchObject({ type: 'object', additionalProperties: false });
});

test.each<[string, unknown, RegExp]>([
  ['an option is misspelt', { filters: 'true' }, /^: .*"filters"/],
  ['a nested option is misspelt', { fields: { include: ['data.a'], drops: ['data.b'] } }, /^fields: .*"drops"/],
  ['the filter is empty', { filter: '' }, /^filter: JSONata: at character 0: Unexpected end/],
  ['the filter is too long', { filter: `"${'x'.repeat(8192)}` }, /^filter: Too big/],
  ['the filter has an endless token', { filter: '1'.repeat(8192) }, /^filter: JSONata: at character 0: .{1,200}$/],
  ['the filter does not end', { filter: 'data.salary >' }, /^filter: JSONata: at character 13: Unexpected end/],
  ['the filter has a stray token', { filter: 'a b' }, /^filter: JSONata: at character 3: .*b/],
  ['the filter is nested too deeply', { filter: '('.repeat(8000) }, /^filter: JSONata: /],
  [
    'a pattern needs backtracking',
    { filter: '$match(id, /(?=a)/)' },
    /^filter: JSONata: at character \d+: .*backtracking/,
  ],
  ['the transform does not end', { transform: '{ "a": 1' }, /^transform: JSONata: at character 8: Expected "}"/],
  ['fields has neither include nor drop', { fields: {} }, /^fields: expected either include or drop/],
  [
    'fields has both include and drop',
    { fields: { include: ['data.a'], drop: ['data.b'] } },
    /^fields: expected either/,
  ],
  ['a list of paths is empty', { fields: { include: [] } }, /^fields\.include: /],
  ['there are too many paths', { fields: { drop: Array(101).fill('data.a') } }, /^fields\.drop: /],
  [
    'a path is outside data',
    { fields: { drop: ['data.a', 'tenant'] } },
    /^fields\.drop\.1: got "tenant", expected a path/,
  ],
  ['a path is too long', { fields: { drop: [`data.${'a'.repeat(600)}`] } }, /^fields\.drop\.0: /],
  ['a path of encrypt is outside data', { encrypt: { fields: ['id'], jwk: ec } }, /^encrypt\.fields\.0: got "id"/],
  ['encrypt has no key', { encrypt: { fields: ['data.a'] } }, /^encrypt\.jwk: /],
  ['a batch is empty', { batch: { max_events: 0, max_wait_seconds: 1 } }, /^batch\.max_events: /],
  ['a batch is too large', { batch: { max_events: 101, max_wait_seconds: 1 } }, /^batch\.max_events: /],
  ['a batch waits too long', { batch: { max_events: 1, max_wait_seconds: 61 } }, /^batch\.max_wait_seconds: /],
  [
    'the size of a batch is not a whole number',
    { batch: { max_events: 1.5, max_wait_seconds: 1 } },
    /^batch\.max_events: /,
  ],
  ['a batch has no maximum wait', { batch: { max_events: 1 } }, /^batch\.max_wait_seconds: /],
  ['the envelope is unknown', { envelope: 'cloudevent' }, /^envelope: .*"tributary"\|"cloudevents"/],
])('fails when %s', (_name, options, message) => {
  const faults = faultsOf(options);
  expect(faults).toEqual([expect.stringMatching(message)]);
});

describe('keys', () => {
  test.each<[string, JsonWebKey]>([
    ['RSA', rsa],
    ['P-256', ec],
    ['P-384', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
    ['P-521', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-521' }))],
    ['X25519', x25519],
  ])('of type %s are accepted, with or without their algorithm', (name, jwk) => {
    const alg = name === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW';
    expect(faultsOf(withJwk(jwk))).toEqual([]);
    expect(faultsOf(withJwk({ ...jwk, alg, kid: 'k1', use: 'enc', key_ops: [] }))).toEqual([]);
  });

  test('keep only the members that encryption needs', () => {
    const parsed = shapingSchema.parse(withJwk({ ...rsa, x5c: ['MII'], ext: true }));
    expect(parsed.encrypt?.jwk).toEqual(rsa);
  });

  test.each<[string, unknown, RegExp]>([
    ['of an unknown type', { ...rsa, kty: 'AKP' }, /jwk\.kty: /],
    ['a set of keys', { keys: [rsa] }, /jwk\.kty: /],
    ['a string', 'MII', /jwk: /],
    ['for another algorithm', { ...rsa, alg: 'RSA-OAEP' }, /jwk\.alg: .*"RSA-OAEP-256"/],
    ["for the other type's algorithm", { ...rsa, alg: 'ECDH-ES+A256KW' }, /jwk\.alg: .*expected "RSA-OAEP-256"/],
    ['for signatures by its use', { ...ec, use: 'sig' }, /jwk\.use: got a key for "sig"/],
    ['for signatures by its operations', { ...ec, key_ops: ['verify'] }, /jwk\.key_ops: /],
    ['for signatures by its type', jwkOf(generateKeyPairSync('ed25519')), /jwk\.crv: got "Ed25519", expected X25519/],
    ['on another curve', jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), /jwk\.crv: got "secp256k1"/],
    ['without a curve', { kty: 'EC', x: ec.x, y: ec.y }, /jwk\.crv: got null/],
    ['at a point off its curve', { ...ec, y: ec.x }, /jwk: not a readable EC key/],
    ['without its point', { kty: 'OKP', crv: 'X25519' }, /jwk: not a readable OKP key/],
    ['without its exponent', { kty: 'RSA', n: rsa.n }, /jwk: not a readable RSA key/],
    ['too short', jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 })), /jwk\.n: got 1024 bits/],
    ['too long', { ...rsa, n: Buffer.alloc(1200, 0xff).toString('base64url') }, /jwk\.n: got 9600 bits/],
  ])('fails when the key is %s', (_name, jwk, message) => {
    expect(faultsOf(withJwk(jwk))).toEqual([expect.stringMatching(message)]);
  });

  test.each([
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['X25519', generateKeyPairSync('x25519')],
  ])('fails when the key is a private %s key, and does not show it', (_name, { privateKey }) => {
    const jwk = privateKey.export({ format: 'jwk' });
    const faults = faultsOf(withJwk(jwk));
    expect(faults).toContainEqual(
      expect.stringMatching(/^encrypt\.jwk\.d: part of a private .* key, expected a public/),
    );
    expect(faults.join(' ')).not.toContain(String(jwk.d));
  });

  test('fails when the key is symmetric', () => {
    expect(faultsOf(withJwk({ kty: 'oct', k: 'c2VjcmV0' })).join(' ')).toMatch(
      /jwk\.k: part of a private or symmetric/,
    );
  });
});
