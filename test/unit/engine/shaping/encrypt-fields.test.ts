import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { compactDecrypt } from 'jose';
import { describe, expect, test } from 'vitest';
import { judgeEvent } from '../../../../lambdas/engine/expression/run-expression.ts';
import { event, frozen, isNamed, leavesOf, markedDataAndPaths, pathOf } from './any-event.ts';
import { forms, sentBy, shape } from './shape-with-options.ts';

const keys = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  X25519: generateKeyPairSync('x25519'),
};
const jwkOf = (name: keyof typeof keys) => keys[name].publicKey.export({ format: 'jwk' });

const isJwe = (value: unknown): value is string => typeof value === 'string' && /^eyJ[\w-]*(\.[\w-]+){4}$/.test(value);

async function decrypt(jwe: string, key: KeyObject): Promise<{ value: unknown; header: object }> {
  const { plaintext, protectedHeader } = await compactDecrypt(jwe, key);
  return { value: JSON.parse(new TextDecoder().decode(plaintext)), header: protectedHeader };
}

/** Decrypt each JWE, as the receiver does. */
async function restore(value: unknown, key: KeyObject): Promise<unknown> {
  if (isJwe(value)) return (await decrypt(value, key)).value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => restore(item, key)));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(async ([name, member]) => [name, await restore(member, key)] as const);
  return Object.fromEntries(await Promise.all(members));
}

describe('encryption', () => {
  test.each([
    ['RSA', 'RSA-OAEP-256'],
    ['P-256', 'ECDH-ES+A256KW'],
    ['X25519', 'ECDH-ES+A256KW'],
  ] as const)('replaces values with JWEs for a key of %s', async (name, alg) => {
    const options = { fields: ['data.email', 'data.emails', 'data.lines.price'], jwk: { ...jwkOf(name), kid: 'k1' } };
    const { json, body } = await sentBy({ encrypt: options });
    expect(await decrypt(json.data.email, keys[name].privateKey)).toEqual({
      value: 'ada@example.com',
      header: expect.objectContaining({ alg, enc: 'A256GCM', kid: 'k1' }),
    });
    expect(json.data.lines).toEqual([
      { sku: 'a', price: expect.toSatisfy(isJwe) },
      { sku: 'b' },
      'odd',
      [{ price: expect.toSatisfy(isJwe) }],
    ]);
    expect(await restore(json, keys[name].privateKey)).toEqual(event);
    expect(body).not.toContain('example');
  });

  test('omits the key id when the JWK has none', async () => {
    const { json } = await sentBy({ encrypt: { fields: ['data.email'], jwk: jwkOf('X25519') } });
    expect((await decrypt(json.data.email, keys.X25519.privateKey)).header).not.toHaveProperty('kid');
  });

  test('also encrypts null, zero, false and empty text, which reveal as much as other values', async () => {
    const data = { a: null, b: 0, c: false, d: '' };
    const fields = ['data.a', 'data.b', 'data.c', 'data.d', 'data.e'];
    const { json } = await sentBy({ encrypt: { fields, jwk: jwkOf('X25519') } }, { ...event, data });
    expect(Object.values(json.data).every(isJwe)).toBe(true);
    expect(await restore(json.data, keys.X25519.privateKey)).toEqual(data);
  });

  test('makes equal values look different', async () => {
    const encrypt = { fields: ['data.a', 'data.b'], jwk: jwkOf('P-256') };
    const { json } = await sentBy({ encrypt }, { ...event, data: { a: 'same', b: 'same' } });
    expect(json.data.a).not.toBe(json.data.b);
  });

  test('hides the named values, and the private key restores all of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        markedDataAndPaths,
        fc.constantFrom('P-256', 'X25519', 'RSA'),
        fc.constantFrom('tributary', 'cloudevents'),
        async ([data, paths], name, envelope) => {
          const encrypt = { fields: paths.map(pathOf), jwk: jwkOf(name) };
          const { json, body } = await sentBy({ encrypt, envelope }, { ...event, data });
          for (const { names, leaf } of leavesOf(data)) expect(body.includes(leaf)).toBe(!isNamed(names, paths));
          expect(JSON.stringify(await restore(json.data, keys[name].privateKey))).toBe(JSON.stringify(data));
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('encryption with other options', () => {
  test('does not restore dropped fields, and hides encrypted values from the transform', async () => {
    const { json } = await sentBy({
      fields: { drop: ['data.salary'] },
      encrypt: { fields: ['data.salary', 'data.name'], jwk: jwkOf('P-256') },
      transform: '{ "salary": $exists(data.salary), "name": data.name }',
    });
    expect(json).toEqual({ salary: false, name: expect.toSatisfy(isJwe) });
  });

  test('fails when there are too many values to encrypt', async () => {
    const data = { items: Array.from({ length: 1001 }, (_, price) => ({ price })) };
    const jwk = jwkOf('P-256');
    expect(await shape({ encrypt: { fields: ['data.items.price'], jwk } }, { ...event, data })).toEqual({
      kind: 'failed',
      failures: [
        {
          event: event.id,
          reason: 'encryption failed: 1001 values, expected at most 1000: name the list itself',
        },
      ],
    });
    expect((await shape({ encrypt: { fields: ['data.items'], jwk } }, { ...event, data })).kind).toBe('body');
  });

  test('fails when the key can be read but not used', async () => {
    const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32).toString('base64url') };
    expect(await shape({ encrypt: { fields: ['data.name'], jwk } })).toEqual({
      kind: 'failed',
      failures: [{ event: event.id, reason: 'encryption failed: the key cannot be used' }],
    });
  });
});

test('shaping never changes the event', async () => {
  await fc.assert(
    fc.asyncProperty(markedDataAndPaths, forms, async ([data, paths], form) => {
      const original = frozen({ ...event, data });
      const before = JSON.stringify(original);
      const named = paths.map(pathOf);
      const options = { ...form, fields: { drop: named }, encrypt: { fields: ['data.a'], jwk: jwkOf('X25519') } };
      await shape({ ...options, transform: '{ "a": data.*[], "b": data ~> |$|{ "a": 1 }| }' }, original);
      await judgeEvent('data.a[]', original);
      expect(JSON.stringify(original)).toBe(before);
    }),
    { numRuns: 50 },
  );
});
