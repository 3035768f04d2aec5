import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { aRequest, cpuMsOf, maxCpuMs, prepare, receive, verified } from '../../reception/acme.ts';

type Algorithm = 'ecdsa-p256-sha256' | 'rsa-sha256' | 'rsa-sha1' | 'ed25519';
type Pair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

const body = '{"id":1}\r\n';
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string;
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });
const pairs: Readonly<Record<'ec' | 'rsa' | 'ed25519', readonly [Pair, Pair]>> = {
  ec: [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  rsa: [generateKeyPairSync('rsa', { modulusLength: 2048 }), generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ed25519: [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')],
};
const hashOf = { 'ecdsa-p256-sha256': 'sha256', 'rsa-sha256': 'sha256', 'rsa-sha1': 'sha1', ed25519: null } as const;

const algorithms = [
  ['ecdsa-p256-sha256', 'base64', pairs.ec],
  ['rsa-sha256', 'base64', pairs.rsa],
  ['rsa-sha1', 'base64url', pairs.rsa],
  ['ed25519', 'hex', pairs.ed25519],
] as const;

/** A webhook for the algorithm, a signature of `17` and the body, and functions that send a signature. */
function signedCase(algorithm: Algorithm, encoding: BufferEncoding, pair: Pair) {
  const webhook = prepare({
    verify: {
      public_key: {
        algorithm,
        encoding,
        key: 'public_key',
        message: '{header.X-Time}{body}',
        signature: '{header.X-Signature}',
      },
    },
  });
  const signed = sign(hashOf[algorithm], Buffer.from(`17${body}`), pair.privateKey);
  const request = (signature: Buffer | string, more = {}) =>
    aRequest(body, {
      headers: {
        'x-time': '17',
        'x-signature': typeof signature === 'string' ? signature : signature.toString(encoding),
      },
      ...more,
    });
  const receiveWith = (public_key: string | readonly string[], from = request(signed)) =>
    receive(webhook, from, { public_key });
  return { webhook, signed, request, receiveWith };
}

describe.each(algorithms)('%s', (algorithm, encoding, [pair, other]) => {
  const { signed, request, receiveWith } = signedCase(algorithm, encoding, pair);

  test('is verified with the key as PEM, with or without white space around it, and as base64 SPKI', () => {
    expect(receiveWith(pem(pair.publicKey))).toEqual(verified);
    expect(receiveWith(`\n${pem(pair.publicKey)}\n`)).toEqual(verified);
    expect(receiveWith(spki(pair.publicKey).toString('base64'))).toEqual(verified);
  });

  test('is verified by any of several keys', () => {
    expect(receiveWith([pem(other.publicKey), 'no key', pem(pair.publicKey)])).toEqual(verified);
  });

  test('fails when any bit of the signature is flipped', () => {
    const key = pem(pair.publicKey);
    const bits = [...Array(signed.length * 8).keys()].filter((bit) => signed.length < 100 || bit % 17 === 0);
    for (const bit of bits) {
      const flipped = Buffer.from(signed);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(receiveWith(key, request(flipped)).kind).toBe('rejected');
    }
  });

  test('fails when the signed message differs', () => {
    const key = pem(pair.publicKey);
    expect(receiveWith(key, request(signed, { body: Buffer.from(body.trim()) }))).toMatchObject({
      reason: 'signature-mismatch',
    });
    const later = { headers: { 'x-time': '18', 'x-signature': signed.toString(encoding) } };
    expect(receiveWith(key, aRequest(body, later))).toMatchObject({ reason: 'signature-mismatch' });
  });

  test('takes little time when there are many signatures', () => {
    const many = prepare({
      verify: {
        public_key: { algorithm, encoding, key: 'public_key', message: '{body}', signature: '{json.s}', split: ' ' },
      },
    });
    const wrong = JSON.stringify({ s: Array(50).fill(Array(50).fill(signed.toString(encoding)).join(' ')) });
    const keys = { public_key: [pem(pair.publicKey), pem(other.publicKey)] };
    const cpuMs = cpuMsOf(() => {
      expect(receive(many, aRequest(wrong), keys).kind).toBe('rejected');
    });
    expect(cpuMs).toBeLessThan(maxCpuMs);
  });
});

describe.each(algorithms)('%s with a wrong signature or key', (algorithm, encoding, [pair, other]) => {
  const { webhook, signed, request, receiveWith } = signedCase(algorithm, encoding, pair);

  test.each([
    ['empty', ''],
    ['not in this encoding', '!ä!'],
    ['one byte', 'AAAA'],
    ['zeros', Buffer.alloc(64)],
    ['DER of two zeros', Buffer.from('3006020100020100', 'hex')],
    ['longer', Buffer.concat([signed, Buffer.alloc(1)])],
    ['shorter', signed.subarray(0, -1)],
  ])('fails when the signature is %s', (_name, signature) => {
    expect(receiveWith(pem(pair.publicKey), request(signature))).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(/^signature-(malformed|mismatch)$/),
    });
  });

  test('fails when the key is wrong, of another type, malformed or missing', () => {
    const kinds = Object.values(pairs).filter(([{ publicKey }]) => publicKey !== pair.publicKey);
    expect(receiveWith(pem(other.publicKey))).toMatchObject({ reason: 'signature-mismatch' });
    for (const [{ publicKey }] of kinds) expect(receiveWith(pem(publicKey))).toMatchObject({ reason: 'key-unusable' });
    for (const text of ['x', '-----BEGIN PUBLIC KEY-----', 'AAAA', '00'.repeat(31), '00'.repeat(33)])
      expect(receiveWith(text)).toMatchObject({ kind: 'rejected', reason: 'key-unusable' });
    expect(receive(webhook, request(signed), {})).toMatchObject({ reason: 'secret-not-configured' });
    expect(receiveWith('')).toMatchObject({ reason: 'secret-not-configured' });
  });
});

test('an Ed25519 key may be its 32 raw bytes in hex or base64, as Discord shows it', () => {
  const webhook = prepare({
    verify: {
      public_key: {
        algorithm: 'ed25519',
        encoding: 'hex',
        key: 'public_key',
        message: '{body}',
        signature: '{header.X-Signature}',
      },
    },
  });
  const [{ publicKey, privateKey }] = pairs.ed25519;
  const raw = spki(publicKey).subarray(-32);
  const headers = { 'x-signature': sign(null, Buffer.from(body), privateKey).toString('hex') };
  for (const text of [raw.toString('hex'), raw.toString('hex').toUpperCase(), raw.toString('base64')])
    expect(receive(webhook, aRequest(body, { headers }), { public_key: text })).toEqual(verified);
});

test('the signed message may include an id of the account, as at PayPal', () => {
  const [{ publicKey, privateKey }] = pairs.rsa;
  const webhook = prepare({
    verify: {
      public_key: {
        algorithm: 'rsa-sha256',
        encoding: 'base64',
        key: 'public_key',
        message: '{header.X-Id}|{secret.client_id}|{body | crc32}',
        signature: '{header.X-Signature}',
      },
    },
  });
  const request = (message: string) =>
    aRequest('123456789', {
      headers: { 'x-id': 'a', 'x-signature': sign('sha256', Buffer.from(message), privateKey).toString('base64') },
    });
  const secrets = { public_key: pem(publicKey), client_id: ['WH-0', 'WH-1'] };
  expect(receive(webhook, request('a|WH-1|3421780262'), secrets)).toEqual(verified);
  expect(receive(webhook, request('a|WH-2|3421780262'), secrets)).toMatchObject({ reason: 'signature-mismatch' });
  expect(receive(webhook, request('a||3421780262'), { ...secrets, client_id: '' })).toMatchObject({
    reason: 'secret-not-configured',
  });
});
