import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { aRequest, cpuMsOf, maxCpuMs, nowMs, nowSeconds, prepare, receive, verified } from '../../reception/acme.ts';

const secret = 'whsec_not base64';
const secrets = { signing_secret: secret };
const body = '{"id":"evt_1"}';

const namedParts = prepare({
  vars: { time: { from: '{header.Acme-Signature}', split: ',', prefix: 't=' } },
  verify: {
    all: [
      {
        hmac: {
          algorithm: 'sha256',
          encoding: 'hex',
          key: 'signing_secret',
          message: '{var.time}.{body}',
          signature: '{header.Acme-Signature}',
          split: ',',
          prefix: 'v1=',
        },
      },
      { freshness: { timestamp: '{var.time}', unit: 's', max_age_seconds: 300, max_ahead_seconds: 300 } },
    ],
  },
});

describe('a list of named parts in one header, as Stripe sends it', () => {
  const mac = (key = secret, time = nowSeconds) => createHmac('sha256', key).update(`${time}.${body}`).digest('hex');
  const receiveSigned = (signature: string, values: Parameters<typeof receive>[2] = secrets) =>
    receive(namedParts, aRequest(body, { headers: { 'acme-signature': signature } }), values, nowMs);

  test.each([
    ['one signature', `t=${nowSeconds},v1=${mac()}`],
    ['spaces', `t=${nowSeconds}, v1=${mac()}`],
    ['a different order', `v1=${mac()},t=${nowSeconds}`],
    ['a signature of an unknown version before it', `t=${nowSeconds},v0=${mac('other')},v2=x,v1=${mac()}`],
    ['a wrong signature before it', `t=${nowSeconds},v1=${mac('other')},v1=${mac()}`],
    ['malformed signatures before it', `t=${nowSeconds},v1=zz,v1=,v1=${mac()}`],
  ])('is verified with %s', (_name, signature) => {
    expect(receiveSigned(signature)).toEqual(verified);
  });

  test('is verified by any of two secrets', () => {
    const rotated = { signing_secret: ['new', secret] };
    expect(receiveSigned(`t=${nowSeconds},v1=${mac()}`, rotated)).toEqual(verified);
    expect(receiveSigned(`t=${nowSeconds},v1=${mac('new')}`, rotated)).toEqual(verified);
  });

  test.each([
    ['every version is unknown', `t=${nowSeconds},v0=${mac()},v2=${mac()}`, 'no-known-signature-version'],
    ['the prefix has another case', `t=${nowSeconds},V1=${mac()}`, 'no-known-signature-version'],
    ['the header is empty', '', 'no-known-signature-version'],
    ['there is no signature', `t=${nowSeconds}`, 'no-known-signature-version'],
    ['every signature of a known version is malformed', `t=${nowSeconds},v1=zz,v1=`, 'signature-malformed'],
    [
      'every signature of a known version is wrong',
      `t=${nowSeconds},v1=${mac('other')},v1=${mac('another')}`,
      'signature-mismatch',
    ],
    ['there is no timestamp', `v1=${mac()}`, 'value-missing'],
    ['the timestamp differs', `t=${nowSeconds + 1},v1=${mac()}`, 'signature-mismatch'],
    ['there are two timestamps and the second is signed', `t=1,t=${nowSeconds},v1=${mac()}`, 'signature-mismatch'],
    ['the signed timestamp is stale', `t=${nowSeconds - 301},v1=${mac(secret, nowSeconds - 301)}`, 'timestamp-too-old'],
    [
      'the signed timestamp is stale and a fresh one follows',
      `t=${nowSeconds - 301},t=${nowSeconds},v1=${mac(secret, nowSeconds - 301)}`,
      'timestamp-too-old',
    ],
    [
      'the right signature follows too many others',
      `${'v1=zz,'.repeat(150)}t=${nowSeconds},v1=${mac()}`,
      'signature-malformed',
    ],
  ])('fails when %s', (_name, signature, reason) => {
    expect(receiveSigned(signature)).toMatchObject({ kind: 'rejected', reason });
  });
});

describe('a list of versions with encoded keys, as in Standard Webhooks', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef');
  const whsec = `whsec_${key.toString('base64')}`;
  const webhook = prepare({
    verify: {
      hmac: {
        algorithm: 'sha256',
        encoding: 'base64',
        key: { secret: 'signing_secret', decode: 'base64', prefix: 'whsec_' },
        message: '{header.Webhook-Id}.{header.Webhook-Timestamp}.{body}',
        signature: '{header.Webhook-Signature}',
        split: ' ',
        prefix: 'v1,',
      },
    },
  });
  const mac = (by: Buffer | string = key) =>
    createHmac('sha256', by).update(`msg_1.${nowSeconds}.${body}`).digest('base64');
  const receiveSigned = (signature: string, signing_secret: string | readonly string[] = whsec) =>
    receive(
      webhook,
      aRequest(body, {
        headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(nowSeconds), 'webhook-signature': signature },
      }),
      { signing_secret },
    );

  test.each([
    ['one signature', `v1,${mac()}`],
    ['an asymmetric signature next to it', `v1a,${mac('other')} v1,${mac()} v2,x`],
    ['an old signature next to it', `v1,${mac('other')} v1,${mac()}`],
    ['empty parts', `  v1,${mac()} `],
  ])('is verified with %s', (_name, signature) => {
    expect(receiveSigned(signature)).toEqual(verified);
  });

  test('accepts a key with and without its prefix, and any of several keys', () => {
    expect(receiveSigned(`v1,${mac()}`, key.toString('base64'))).toEqual(verified);
    const other = `whsec_${Buffer.from('x'.repeat(24)).toString('base64')}`;
    expect(receiveSigned(`v1,${mac()}`, [other, whsec])).toEqual(verified);
  });

  test.each([
    ['every version is unknown', `v1a,${mac()} v2,${mac()}`, whsec, 'no-known-signature-version'],
    ['the key is used without decoding', `v1,${mac(whsec)}`, whsec, 'signature-mismatch'],
    ['the key consists of its prefix', `v1,${mac('')}`, 'whsec_', 'key-unusable'],
    ['the key is not base64', `v1,${mac('')}`, 'whsec_!!', 'key-unusable'],
  ])('fails when %s', (_name, signature, value, reason) => {
    expect(receiveSigned(signature, value)).toMatchObject({ kind: 'rejected', reason });
  });
});

describe('one signature per header, as DocuSign sends it', () => {
  const webhook = prepare({
    verify: {
      hmac: {
        algorithm: 'sha256',
        encoding: 'base64',
        key: 'signing_secret',
        message: '{body}',
        signature: '{headers.X-Acme-Signature-*}',
      },
    },
  });
  const mac = (key: string) => createHmac('sha256', key).update(body).digest('base64');
  const receiveSigned = (headers: Readonly<Record<string, string>>) =>
    receive(webhook, aRequest(body, { headers }), secrets);

  test('any of them verifies the request', () => {
    const headers = { 'x-acme-signature-1': mac('other'), 'x-acme-signature-2': mac(secret) };
    expect(receiveSigned(headers)).toEqual(verified);
  });

  test('fails when all are wrong or missing', () => {
    expect(receiveSigned({ 'x-acme-signature-1': mac('other') })).toMatchObject({ reason: 'signature-mismatch' });
    expect(receiveSigned({ 'x-acme-signatures': mac(secret) })).toMatchObject({ reason: 'header-missing' });
  });
});

describe('a signature in the body', () => {
  const webhook = prepare({
    verify: {
      hmac: {
        algorithm: 'sha256',
        encoding: 'base64',
        key: 'signing_secret',
        message: '{json.id}',
        signature: '{json.signature}',
        split: ' ',
      },
    },
  });
  test.each([
    ['nothing but padding', '='.repeat(1_000_000)],
    ['padding that does not end it', `${'='.repeat(1_000_000)}x`],
    ['a million signatures', 'AAAA '.repeat(400_000)],
    ['white space', ' '.repeat(1_000_000)],
  ])('fails quickly as malformed when it is %s', (_name, signature) => {
    const request = aRequest(JSON.stringify({ id: 'x', signature }));
    const cpuMs = cpuMsOf(() => {
      expect(receive(webhook, request, secrets)).toMatchObject({ kind: 'rejected', reason: 'signature-malformed' });
    });
    expect(cpuMs).toBeLessThan(maxCpuMs);
  });
});
