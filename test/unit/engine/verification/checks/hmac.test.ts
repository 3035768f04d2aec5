import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SecretValues } from '../../../../../lambdas/engine/request/webhook-request.ts';
import { type HmacSpec, hmac } from '../../../../../lambdas/engine/verification/checks/hmac.ts';

const secret = 'a secret of 25 characters';

function verifier(options: Partial<HmacSpec> = {}) {
  const spec: HmacSpec = {
    algorithm: 'sha256',
    encoding: 'hex',
    key: 'signing_secret',
    message: 'v0:{header.X-Time}:{body}',
    signature: '{header.X-Signature}',
    ...options,
  };
  const check = hmac.prepare(spec);
  return (
    { signature, time = '17', body }: { signature?: string | undefined; time?: string | undefined; body: Buffer },
    secrets: SecretValues = { signing_secret: secret },
  ) => {
    const headers: Record<string, string> = {};
    if (signature !== undefined) headers['x-signature'] = signature;
    if (time !== '') headers['x-time'] = time;
    return check(
      {
        method: 'POST',
        url: 'https://hooks.example.com/',
        path: '/',
        headers,
        query: new URLSearchParams(),
        body,
        decoded: undefined,
        secrets: {},
        vars: {},
      },
      { secrets, keys: new Map(), nowMs: 0 },
    );
  };
}

const macOf = (body: Buffer, key = secret, time = '17', algorithm: HmacSpec['algorithm'] = 'sha256') =>
  createHmac(algorithm, key).update(`v0:${time}:`).update(body).digest();

function flipBit(bytes: Buffer, bit: number): Buffer {
  const at = bit % (bytes.length * 8);
  const flipped = Buffer.from(bytes);
  flipped[at >> 3] = (flipped[at >> 3] as number) ^ (1 << (at & 7));
  return flipped;
}

const body = Buffer.from('{"a":1}');
const verified = { kind: 'verified' };
const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array));
const encodings = fc.constantFrom('hex' as const, 'base64' as const, 'base64url' as const);
const algorithms = fc.constantFrom('sha1' as const, 'sha256' as const, 'sha512' as const);

test('accepts what was signed, and refuses it with any bit of body, header or signature flipped', () => {
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

test('refuses every signature that is not a digest, without throwing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), encodings, algorithms, (signature, encoding, algorithm) => {
      expect(verifier({ encoding, algorithm })({ body, signature }).kind).toBe('rejected');
    }),
  );
});

describe('how a signature may be written', () => {
  const mac = macOf(body);
  const hex = mac.toString('hex');
  const base64 = mac.toString('base64');
  // Bytes whose base64 has both characters that the URL alphabet writes otherwise.
  const awkwardBody = Buffer.from(
    [...Array(2000).keys()].map(String).find((text) => {
      const written = macOf(Buffer.from(text)).toString('base64');
      return written.includes('+') && written.includes('/');
    }) as string,
  );
  const awkward = macOf(awkwardBody);

  test.each([
    ['upper-case hex', 'hex', hex.toUpperCase()],
    ['mixed-case hex', 'hex', hex.slice(0, 32).toUpperCase() + hex.slice(32)],
    ['base64 with padding', 'base64', base64],
    ['base64 without padding', 'base64', base64.replace(/=+$/, '')],
    ['base64url with padding', 'base64url', `${mac.toString('base64url')}=`],
  ] as const)('accepts %s', (_name, encoding, signature) => {
    expect(verifier({ encoding })({ body, signature })).toEqual(verified);
  });

  test('keeps the two base64 alphabets apart', () => {
    expect(verifier({ encoding: 'base64' })({ body: awkwardBody, signature: awkward.toString('base64') })).toEqual(
      verified,
    );
    for (const [encoding, other] of [
      ['base64', 'base64url'],
      ['base64url', 'base64'],
    ] as const)
      expect(verifier({ encoding })({ body: awkwardBody, signature: awkward.toString(other) })).toMatchObject({
        kind: 'rejected',
        reason: 'signature-malformed',
      });
  });

  test.each([
    ['it is empty', 'hex', ''],
    ['hex is one digit short', 'hex', hex.slice(0, -1)],
    ['hex is one byte short', 'hex', hex.slice(0, -2)],
    ['hex is one digit long', 'hex', `${hex}0`],
    ['hex is one byte long', 'hex', `${hex}00`],
    ['hex is followed by other text', 'hex', `${hex}zz`],
    ['hex is spaced', 'hex', ` ${hex}`],
    [
      'hex is written in full-width digits',
      'hex',
      hex.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    ],
    ['base64 is of 31 bytes', 'base64', mac.subarray(0, 31).toString('base64')],
    [
      'base64 is of 33 bytes, in as many characters as 32',
      'base64',
      Buffer.concat([mac, Buffer.alloc(1)]).toString('base64'),
    ],
    ['base64 is of another digest', 'base64', macOf(body, secret, '17', 'sha512').toString('base64')],
    ['base64 has a line break', 'base64', `${base64.slice(0, 20)}\n${base64.slice(20)}`],
    ['base64 has text behind its padding', 'base64', `${base64}AAAA`],
    ['hex stands where base64 is expected', 'base64', hex],
    ['two signatures are joined', 'hex', `${hex},${hex}`],
  ] as const)('fails when %s', (_name, encoding, signature) => {
    expect(verifier({ encoding })({ body, signature })).toEqual({
      kind: 'rejected',
      reason: 'signature-malformed',
      detail: encoding,
    });
  });

  test('fails when the last base64 character has bits that no byte takes', () => {
    const last = base64.at(-2) as string;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const signature = `${base64.slice(0, -2)}${alphabet.charAt(alphabet.indexOf(last) + 1)}=`;
    expect(Buffer.from(signature, 'base64')).toEqual(mac);
    expect(verifier({ encoding: 'base64' })({ body, signature }).kind).toBe('rejected');
  });
});

describe('a prefix', () => {
  const verify = verifier({ prefix: 'sha256=' });
  const hex = macOf(body).toString('hex');

  test('is part of the signature', () => {
    expect(verify({ body, signature: `sha256=${hex}` })).toEqual(verified);
  });

  test('is found behind white space', () => {
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

  test('any of a list verifies, wherever it stands', () => {
    for (const list of [[secret], [secret, 'b'], ['a', secret], ['a', 'b', '', secret]])
      expect(verify({ body, signature }, { signing_secret: list })).toEqual(verified);
    expect(verify({ body, signature }, { signing_secret: ['a', 'b'] })).toEqual({
      kind: 'rejected',
      reason: 'signature-mismatch',
    });
  });

  test('are taken as UTF-8', () => {
    const key = 'clé secrète';
    expect(verify({ body, signature: macOf(body, key).toString('hex') }, { signing_secret: key })).toEqual(verified);
  });

  test.each<[string, SecretValues]>([
    ['there is none', {}],
    ['it is empty', { signing_secret: '' }],
    ['its list is empty', { signing_secret: [] }],
    ['its list holds only empty ones', { signing_secret: ['', ''] }],
    ['only another one is there', { other_secret: secret }],
  ])('fails when %s, even with a signature made without a key', (_name, secrets) => {
    const keyless = macOf(body, '').toString('hex');
    expect(verify({ body, signature: keyless }, secrets)).toEqual({
      kind: 'rejected',
      reason: 'secret-not-configured',
      detail: 'signing_secret',
    });
  });

  test('fails when the secret is named like a member of Object', () => {
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

describe('a key that is written in another way', () => {
  const bytes = Buffer.from('0123456789abcdef0123456789abcdef');
  const signature = createHmac('sha256', bytes).update('v0:17:').update(body).digest('hex');
  const keyless = macOf(body, '').toString('hex');
  const verifierOf = (decode: 'utf8' | 'hex' | 'base64', prefix?: string) =>
    verifier({ key: { secret: 'signing_secret', decode, prefix } });

  test.each([
    ['hex', undefined, bytes.toString('hex')],
    ['hex', undefined, bytes.toString('hex').toUpperCase()],
    ['base64', undefined, bytes.toString('base64')],
    ['base64', undefined, bytes.toString('base64').replace('=', '')],
    ['base64', 'whsec_', `whsec_${bytes.toString('base64')}`],
    ['base64', 'whsec_', bytes.toString('base64')],
    ['utf8', undefined, bytes.toString()],
    ['utf8', 'key-', `key-${bytes.toString()}`],
  ] as const)('as %s with the prefix %s is read: %s', (decode, prefix, secret) => {
    expect(verifierOf(decode, prefix)({ body, signature }, { signing_secret: secret })).toEqual(verified);
  });

  test.each([
    ['hex', undefined, 'not hexadecimal'],
    ['hex', undefined, `${bytes.toString('hex')}g0`],
    ['hex', undefined, 'a'],
    ['base64', undefined, '!'],
    ['base64', 'whsec_', 'whsec_'],
    ['base64', 'whsec_', 'whsec_whsec_AAAA'],
    ['utf8', 'key-', 'key-'],
  ] as const)(
    'fails when as %s with the prefix %s it is "%s", instead of being a part of itself or nothing',
    (decode, prefix, secret) => {
      const verify = verifierOf(decode, prefix);
      for (const forged of [keyless, macOf(body, bytes.toString()).toString('hex')])
        expect(verify({ body, signature: forged }, { signing_secret: secret })).toEqual({
          kind: 'rejected',
          reason: 'key-unusable',
          detail: 'signing_secret',
        });
    },
  );

  test('does not stand in the way of another that is usable', () => {
    const rotated = { signing_secret: ['no key at all', bytes.toString('hex')] };
    expect(verifierOf('hex')({ body, signature }, rotated)).toEqual(verified);
    expect(verifierOf('hex')({ body, signature: keyless }, rotated).kind).toBe('rejected');
  });
});

test('a secret in the message is tried in each of its values, and fails when it has none', () => {
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

test('any of several messages may be what was signed', () => {
  const verify = verifier({ message: ['{body}{header.X-Time}', '{header.X-Time}{body}'] });
  for (const message of [`${body.toString()}17`, `17${body.toString()}`])
    expect(verify({ body, signature: createHmac('sha256', secret).update(message).digest('hex') })).toEqual(verified);
  expect(verify({ body, signature: createHmac('sha256', secret).update(body).digest('hex') }).kind).toBe('rejected');
});
