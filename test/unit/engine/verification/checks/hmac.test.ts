import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { body, macOf, secret, verified, verifier } from './hmac-verifier.ts';

function flipBit(bytes: Buffer, bit: number): Buffer {
  const at = bit % (bytes.length * 8);
  const flipped = Buffer.from(bytes);
  flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
  return flipped;
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array));
const encodings = fc.constantFrom('hex' as const, 'base64' as const, 'base64url' as const);
const algorithms = fc.constantFrom('sha1' as const, 'sha256' as const, 'sha512' as const);

test('accepts a signed request, and rejects it when any bit of body, header or signature is flipped', () => {
  fc.assert(
    fc.property(
      bytes,
      fc.stringMatching(/^[0-9]{1,12}$/),
      encodings,
      algorithms,
      fc.nat(),
      (body, time, encoding, algorithm, bit) => {
        const verify = verifier({ encoding, algorithm });
        const mac = macOf(body, secret, time, algorithm);
        const signature = mac.toString(encoding);
        const otherTime = flipBit(Buffer.from(time), bit).toString('latin1');
        expect(verify({ body, time, signature })).toEqual(verified);
        expect(verify({ body: flipBit(body, bit), time, signature }).kind).toBe('rejected');
        expect(verify({ body, time: otherTime, signature }).kind).toBe('rejected');
        expect(verify({ body, time, signature: flipBit(mac, bit).toString(encoding) }).kind).toBe('rejected');
      },
    ),
  );
});

test('rejects every signature that is not a digest, without throwing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), encodings, algorithms, (signature, encoding, algorithm) => {
      expect(verifier({ encoding, algorithm })({ body, signature }).kind).toBe('rejected');
    }),
  );
});

describe('a prefix', () => {
  const verify = verifier({ prefix: 'sha256=' });
  const hex = macOf(body).toString('hex');

  test('is part of the signature', () => {
    expect(verify({ body, signature: `sha256=${hex}` })).toEqual(verified);
  });

  test('may follow white space', () => {
    expect(verify({ body, signature: ` sha256=${hex}` })).toEqual(verified);
  });

  test.each(['', hex, `sha1=${hex}`, `SHA256=${hex}`, `x sha256=${hex}`])(
    'fails when the signature is "%s"',
    (signature) => {
      expect(verify({ body, signature })).toEqual({
        kind: 'rejected',
        reason: 'no-known-signature-version',
        detail: 'sha256=',
      });
    },
  );

  test('fails when nothing follows it', () => {
    expect(verify({ body, signature: 'sha256=' })).toMatchObject({ kind: 'rejected', reason: 'signature-malformed' });
  });
});

describe('secrets', () => {
  const verify = verifier();
  const signature = macOf(body).toString('hex');

  test('any secret of a list verifies a signature', () => {
    for (const list of [[secret], [secret, 'b'], ['a', secret], ['a', 'b', '', secret]])
      expect(verify({ body, signature }, { signing_secret: list })).toEqual(verified);
    expect(verify({ body, signature }, { signing_secret: ['a', 'b'] })).toEqual({
      kind: 'rejected',
      reason: 'signature-mismatch',
    });
  });

  test('are read as UTF-8', () => {
    const key = 'clé secrète';
    expect(verify({ body, signature: macOf(body, key).toString('hex') }, { signing_secret: key })).toEqual(verified);
  });

  test.each<[string, SecretValues]>([
    ['there is no secret', {}],
    ['it is empty', { signing_secret: '' }],
    ['its list is empty', { signing_secret: [] }],
    ['its list holds only empty values', { signing_secret: ['', ''] }],
    ['only another secret is configured', { other_secret: secret }],
  ])('fails when %s, even if the signature uses an empty key', (_name, secrets) => {
    const keyless = macOf(body, '').toString('hex');
    expect(verify({ body, signature: keyless }, secrets)).toEqual({
      kind: 'rejected',
      reason: 'secret-not-configured',
      detail: 'signing_secret',
    });
  });

  test('fails when the secret has the name of a member of Object', () => {
    const signature = macOf(body, String(Object.prototype.constructor)).toString('hex');
    expect(verifier({ key: 'constructor' })({ body, signature })).toMatchObject({ reason: 'secret-not-configured' });
  });
});

test('fails when the signature or a signed header is missing, and names it', () => {
  const verify = verifier();
  expect(verify({ body })).toEqual({ kind: 'rejected', reason: 'header-missing', detail: '{header.X-Signature}' });
  expect(verify({ body, time: '', signature: macOf(body).toString('hex') })).toEqual({
    kind: 'rejected',
    reason: 'header-missing',
    detail: 'header.X-Time',
  });
});

test('fails when a signed value of the body is missing, and names it', () => {
  const signature = macOf(body).toString('hex');
  expect(verifier({ message: '{json.id}' })({ body, signature })).toEqual({
    kind: 'rejected',
    reason: 'value-missing',
    detail: 'json.id',
  });
});

test('the check tries each value of a secret in the message, and fails when it has none', () => {
  const verify = verifier({ message: '{secret.endpoint_id}.{body}' });
  const signature = createHmac('sha256', secret).update('id-2.').update(body).digest('hex');
  expect(verify({ body, signature }, { signing_secret: secret, endpoint_id: ['id-1', 'id-2'] })).toEqual(verified);
  expect(verify({ body, signature }, { signing_secret: secret, endpoint_id: 'id-1' }).kind).toBe('rejected');
  const without = createHmac('sha256', secret).update('.').update(body).digest('hex');
  for (const endpoint_id of ['', []])
    expect(verify({ body, signature: without }, { signing_secret: secret, endpoint_id })).toEqual({
      kind: 'rejected',
      reason: 'secret-not-configured',
      detail: 'endpoint_id',
    });
});

test('any of several messages may be the signed one', () => {
  const verify = verifier({ message: ['{body}{header.X-Time}', '{header.X-Time}{body}'] });
  for (const message of [`${body.toString()}17`, `17${body.toString()}`])
    expect(verify({ body, signature: createHmac('sha256', secret).update(message).digest('hex') })).toEqual(verified);
  expect(verify({ body, signature: createHmac('sha256', secret).update(body).digest('hex') }).kind).toBe('rejected');
});
