import { constants, createCipheriv, createHmac, generateKeyPairSync, publicEncrypt, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decryptItems } from '../../../../lambdas/engine/mapping/decrypt-items.ts';
import type { DecryptSpec } from '../../../../lambdas/engine/mapping/decrypt-schema.ts';
import { cpuMsOf } from '../reception/acme.ts';

const [pair, other] = [0, 1].map(() =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }),
) as [Pair, Pair];
type Pair = { readonly publicKey: string; readonly privateKey: string };

const spec: DecryptSpec = {
  items: 'json.value',
  from: 'encryptedContent',
  into: 'content',
  key: { secret: 'decryption_key', from: 'dataKey' },
  content: 'data',
  signature: 'dataSignature',
};
const content = { id: '1', name: 'Ada', nested: [{ ü: '😀' }] };

/** Content, encrypted as the provider encrypts it. */
function encrypted(text = JSON.stringify(content), to = pair, symmetric = randomBytes(32)) {
  const cipher = createCipheriv('aes-256-cbc', symmetric, symmetric.subarray(0, 16));
  const data = Buffer.concat([cipher.update(text), cipher.final()]);
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return {
    data: data.toString('base64'),
    dataSignature: createHmac('sha256', symmetric).update(data).digest('base64'),
    dataKey: publicEncrypt({ key: to.publicKey, padding, oaepHash: 'sha1' }, symmetric).toString('base64'),
  };
}

const secrets = { decryption_key: pair.privateKey };
const read = (body: unknown, from: Parameters<typeof decryptItems>[2] = secrets) => decryptItems(spec, body, from);
const failed = { kind: 'failed', reason: 'an item could not be decrypted with the private key' };

describe('encrypted items', () => {
  test('get their content next to the ciphertext, in a copy of the body', () => {
    const body = { value: [{ a: 1, encryptedContent: encrypted() }, { b: 2 }, { encryptedContent: encrypted('[7]') }] };
    const before = structuredClone(body);
    expect(read(body)).toEqual({
      kind: 'decrypted',
      body: { value: [{ ...body.value[0], content }, { b: 2 }, { ...body.value[2], content: [7] }] },
    });
    expect(body).toEqual(before);
  });

  test('are decrypted with any current key', () => {
    const body = { value: [{ encryptedContent: encrypted() }, { encryptedContent: encrypted('2', other) }] };
    const both = { decryption_key: [other.privateKey, pair.privateKey] };
    expect(read(body, both)).toMatchObject({ kind: 'decrypted', body: { value: [{ content }, { content: 2 }] } });
    expect(read(body)).toEqual(failed);
  });

  test('need no key when the body has no encrypted items', () => {
    for (const body of [
      { value: [{ a: 1 }, { encryptedContent: null }, null, 7] },
      { value: [] },
      {},
      { value: 'x' },
      null,
      'x',
      7,
      undefined,
    ])
      expect(read(body, {})).toEqual({ kind: 'decrypted', body });
  });

  test('fails when no key is configured, and names the secret', () => {
    const body = { value: [{ encryptedContent: encrypted() }] };
    for (const from of [{}, { decryption_key: '' }, { decryption_key: [] }])
      expect(read(body, from)).toEqual({ kind: 'failed', reason: 'the secret "decryption_key" is not configured' });
  });

  test('fails when the key is the wrong one or is invalid', () => {
    const body = { value: [{ encryptedContent: encrypted() }] };
    for (const key of [other.privateKey, pair.publicKey, 'nonsense', '-----BEGIN PRIVATE KEY-----'])
      expect(read(body, { decryption_key: key })).toEqual(failed);
  });

  test.each([
    ['the ciphertext belongs to another item', { data: encrypted().data }],
    ['the ciphertext is cut off', { data: encrypted().data.slice(0, 16) }],
    ['the ciphertext is empty', { data: '' }],
    ['the ciphertext is missing', { data: undefined }],
    ['the MAC belongs to another item', { dataSignature: encrypted().dataSignature }],
    ['the MAC is empty', { dataSignature: '' }],
    ['the MAC is too short', { dataSignature: Buffer.alloc(16).toString('base64') }],
    ['the MAC is missing', { dataSignature: null }],
    ['the key belongs to another item', { dataKey: encrypted().dataKey }],
    ['the key is missing', { dataKey: undefined }],
    ['the key is not text', { dataKey: { a: 1 } }],
    ['the encrypted content is text', 'x'],
  ])('fails when %s, and returns none of the items', (_name, change) => {
    const good = encrypted();
    const bad = typeof change === 'object' && change !== null ? { ...good, ...change } : change;
    expect(read({ value: [{ encryptedContent: good }, { encryptedContent: bad }] })).toEqual(failed);
  });

  test('fails when any bit of ciphertext or MAC is flipped', () => {
    const good = encrypted();
    for (const member of ['data', 'dataSignature'] as const) {
      const bytes = Buffer.from(good[member], 'base64');
      for (let bit = 0; bit < bytes.length * 8; bit += 7) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(read({ value: [{ encryptedContent: { ...good, [member]: flipped.toString('base64') } }] })).toEqual(
          failed,
        );
      }
    }
  });

  test('fails when the symmetric key has the wrong length, even if the MAC matches', () => {
    for (const length of [0, 16, 24, 31, 33, 64]) {
      const symmetric = randomBytes(length);
      const data = Buffer.alloc(32, 1);
      const item = {
        data: data.toString('base64'),
        dataSignature: createHmac('sha256', symmetric).update(data).digest('base64'),
        dataKey: publicEncrypt(
          { key: pair.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
          symmetric,
        ).toString('base64'),
      };
      expect(read({ value: [{ encryptedContent: item }] })).toEqual(failed);
    }
  });

  test('fails when the content is not JSON, without quoting it', () => {
    const result = read({ value: [{ encryptedContent: encrypted('hush, {"a":') }] });
    expect(result).toEqual(failed);
  });

  test('fails when a list holds more than 100 of them, not counting other items', () => {
    const items = (count: number) => ({
      value: [
        ...Array.from({ length: 500 }, () => ({ a: 1 })),
        ...Array.from({ length: count }, () => ({ encryptedContent: { data: 'x' } })),
      ],
    });
    expect(read(items(101))).toEqual({ kind: 'failed', reason: 'more than 100 encrypted items' });
    expect(read(items(100))).toEqual(failed);
  });

  test('take seconds at most when every key must be tried on each of them', () => {
    const one = encrypted(JSON.stringify(content), other);
    const body = { value: Array.from({ length: 100 }, () => ({ encryptedContent: one })) };
    const keys = { decryption_key: [...Array<string>(9).fill(pair.privateKey), other.privateKey] };
    const cpuMs = cpuMsOf(() => {
      expect(read(body, keys).kind).toBe('decrypted');
    });
    expect(cpuMs).toBeLessThan(10_000);
  });

  test('never cause a throw, whatever the body holds', () => {
    const part = fc.oneof(fc.base64String(), fc.jsonValue(), fc.constantFrom(...Object.values(encrypted())));
    const item = fc.oneof(
      fc.jsonValue(),
      fc.record({ encryptedContent: fc.record({ data: part, dataSignature: part, dataKey: part }) }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), (value) => {
        expect(['decrypted', 'failed']).toContain(read({ value }).kind);
      }),
      { numRuns: 100 },
    );
  });

  test('are decrypted next to deeply nested data', () => {
    const deep = `{"value":[{"a":${'['.repeat(5_000)}${']'.repeat(5_000)},"encryptedContent":${JSON.stringify(encrypted())}}]}`;
    const result = read(JSON.parse(`{"beside":${deep},${deep.slice(1)}`));
    expect(result.kind === 'decrypted' && (result.body as { value: { content: unknown }[] }).value[0]?.content).toEqual(
      content,
    );
  });

  test('may be inside another list', () => {
    const body = { batches: [[], [{ encryptedContent: encrypted() }], ['x']] };
    expect(decryptItems({ ...spec, items: 'json.batches.1' }, body, secrets)).toMatchObject({
      kind: 'decrypted',
      body: { batches: [[], [{ content }], ['x']] },
    });
  });
});
