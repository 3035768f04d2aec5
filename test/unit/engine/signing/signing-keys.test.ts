import { createPublicKey, randomBytes, verify } from 'node:crypto';
import fc from 'fast-check';
import { calculateJwkThumbprint, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { generateSigningKey, toJwk } from '../../../../lambdas/engine/signing/signing-keys.ts';
import { encodeSecret, signCallback } from '../../../../lambdas/engine/signing/standard-webhooks.ts';

// The key pair and the signature that Svix and the specification publish for `v1a`.
// https://github.com/svix/svix-webhooks/blob/main/server/README.md#asymmetric-signatures
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#webhook-headers-sending-metadata-to-consumers
const published = {
  privateKey: 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==',
  publicKey: 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
};
const seed = Buffer.from(published.privateKey.slice('whsk_'.length), 'base64').subarray(0, 32);
const message = ['msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}'] as const;
const signature = 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==';

describe('a signing key', () => {
  test('has the format of Standard Webhooks and Svix', () => {
    expect(generateSigningKey(seed)).toMatchObject(published);
  });

  test('is published as a JWK with its thumbprint as id', async () => {
    const key = generateSigningKey(seed);
    const jwk = toJwk(key);
    expect(jwk).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      x: '1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4',
      kid: key.id,
      use: 'sig',
      alg: 'EdDSA',
    });
    expect(key.id).toBe(`key_${await calculateJwkThumbprint({ ...jwk })}`);
    expect(await importJWK({ ...jwk })).toMatchObject({ type: 'public', algorithm: { name: 'Ed25519' } });
  });

  test.each([0, 31, 33, 64])('fails when its seed has %i bytes', (length) => {
    expect(() => generateSigningKey(Buffer.alloc(length))).toThrow(`an Ed25519 seed has 32 bytes, got ${length}`);
  });
});

describe('v1a', () => {
  test('gives the signature that the specification publishes', () => {
    const { privateKey } = generateSigningKey(seed);
    expect(signCallback({ secrets: [], signingKeys: [{ privateKey }] }, ...message)['webhook-signature']).toBe(
      signature,
    );
  });

  test('gives the same signature with a key stored as its seed alone', () => {
    const privateKey = `whsk_${seed.toString('base64')}`;
    expect(signCallback({ secrets: [], signingKeys: [{ privateKey }] }, ...message)['webhook-signature']).toBe(
      signature,
    );
  });

  test('follows the v1 signatures, one for each key, and node:crypto verifies each with the published key', () => {
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(fc.array(seeds, { minLength: 1, maxLength: 3 }), fc.json({ noUnicodeString: false }), (all, body) => {
        const keys = all.map((bytes) => generateSigningKey(Buffer.from(bytes)));
        const secrets = [1, 2].map(() => encodeSecret(randomBytes(32)));
        const headers = signCallback({ secrets, signingKeys: keys }, 'evt_1', 1_795_348_800, body);
        const list = headers['webhook-signature'].split(' ').map((entry) => entry.split(','));
        expect(list.map(([version]) => version)).toEqual(['v1', 'v1', ...keys.map(() => 'v1a')]);
        for (const [index, key] of keys.entries()) {
          const given = Buffer.from(list[index + 2]?.[1] ?? '', 'base64');
          const publicKey = createPublicKey({ key: { ...toJwk(key) }, format: 'jwk' });
          const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
          expect(verify(null, Buffer.from(signed), publicKey, given)).toBe(true);
          expect(verify(null, Buffer.from(`${signed} `), publicKey, given)).toBe(false);
        }
      }),
      { numRuns: 30 },
    );
  });

  test.each(['whsk_', 'whsk_AAAA', `whsec_${seed.toString('base64')}`, `whsk_${randomBytes(63).toString('base64')}`])(
    'fails when the stored key is invalid, and does not show it: %s',
    (privateKey) => {
      const signing = () => signCallback({ secrets: [], signingKeys: [{ privateKey }] }, ...message);
      expect(signing).toThrow('a signing key is not an Ed25519 key');
    },
  );
});
