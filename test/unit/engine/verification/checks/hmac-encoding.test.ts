import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { body, macOf, secret, verified, verifier } from './hmac-verifier.ts';

const mac = macOf(body);
const hex = mac.toString('hex');
const base64 = mac.toString('base64');
// A body whose MAC has both base64 characters that base64url replaces.
const awkwardBody = Buffer.from(
  [...Array(2000).keys()].map(String).find((text) => {
    const written = macOf(Buffer.from(text)).toString('base64');
    return written.includes('+') && written.includes('/');
  }) as string,
);
const awkward = macOf(awkwardBody);

describe('the encoding of a signature', () => {
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
});

describe('a malformed signature', () => {
  test.each([
    ['it is empty', 'hex', ''],
    ['hex is one digit too short', 'hex', hex.slice(0, -1)],
    ['hex is one byte too short', 'hex', hex.slice(0, -2)],
    ['hex is one digit too long', 'hex', `${hex}0`],
    ['hex is one byte too long', 'hex', `${hex}00`],
    ['hex is followed by other text', 'hex', `${hex}zz`],
    ['hex has a leading space', 'hex', ` ${hex}`],
    [
      'hex has full-width digits',
      'hex',
      hex.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    ],
    ['base64 has 31 bytes', 'base64', mac.subarray(0, 31).toString('base64')],
    [
      'base64 has 33 bytes in as many characters as 32',
      'base64',
      Buffer.concat([mac, Buffer.alloc(1)]).toString('base64'),
    ],
    ['base64 holds another digest', 'base64', macOf(body, secret, '17', 'sha512').toString('base64')],
    ['base64 has a line break', 'base64', `${base64.slice(0, 20)}\n${base64.slice(20)}`],
    ['base64 has text after its padding', 'base64', `${base64}AAAA`],
    ['it has hex but base64 is expected', 'base64', hex],
    ['two signatures are joined', 'hex', `${hex},${hex}`],
  ] as const)('fails when %s', (_name, encoding, signature) => {
    expect(verifier({ encoding })({ body, signature })).toEqual({
      kind: 'rejected',
      reason: 'signature-malformed',
      detail: encoding,
    });
  });

  test('fails when the last base64 character has unused bits', () => {
    const last = base64.at(-2) as string;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const signature = `${base64.slice(0, -2)}${alphabet.charAt(alphabet.indexOf(last) + 1)}=`;
    expect(Buffer.from(signature, 'base64')).toEqual(mac);
    expect(verifier({ encoding: 'base64' })({ body, signature }).kind).toBe('rejected');
  });
});

describe('an encoded key', () => {
  const bytes = Buffer.from('0123456789abcdef0123456789abcdef');
  const signed = createHmac('sha256', bytes).update('v0:17:').update(body).digest('hex');
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
  ] as const)('is read as %s with the prefix %s: %s', (decode, prefix, text) => {
    expect(verifierOf(decode, prefix)({ body, signature: signed }, { signing_secret: text })).toEqual(verified);
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
    'fails when %s with the prefix %s is expected and it is "%s", instead of using a part of it or an empty key',
    (decode, prefix, text) => {
      const verify = verifierOf(decode, prefix);
      for (const forged of [keyless, macOf(body, bytes.toString()).toString('hex')])
        expect(verify({ body, signature: forged }, { signing_secret: text })).toEqual({
          kind: 'rejected',
          reason: 'key-unusable',
          detail: 'signing_secret',
        });
    },
  );

  test('may be malformed if another value is usable', () => {
    const rotated = { signing_secret: ['no key at all', bytes.toString('hex')] };
    expect(verifierOf('hex')({ body, signature: signed }, rotated)).toEqual(verified);
    expect(verifierOf('hex')({ body, signature: keyless }, rotated).kind).toBe('rejected');
  });
});
