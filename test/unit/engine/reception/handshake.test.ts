import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SecretValues } from '../../../../lambdas/engine/request/webhook-request.ts';
import { aRequest, faultsOf, prepare, receive } from './acme.ts';

const verify = {
  hmac: {
    algorithm: 'sha256',
    encoding: 'hex',
    key: 'signing_secret',
    message: '{body}',
    signature: '{header.X-Signature}',
  },
};
const secrets = { signing_secret: 'a secret', token: 'a token' };
const shaking = (handshake: object) =>
  prepare({ verify, handshakes: [{ name: 'hello', when: { method: 'GET' }, verify: 'none', ...handshake }] });
const get = (query: string, headers: Readonly<Record<string, string>> = {}) =>
  aRequest('', { method: 'GET', query, headers });

describe('an answer in a header', () => {
  const webhook = shaking({
    respond: { status: 204, headers: { 'X-Hook-Secret': '{header.X-Hook-Secret}', 'X-Fixed': 'yes' } },
  });

  test('reflects the value of the request and sends the fixed headers', () => {
    expect(receive(webhook, get('', { 'x-hook-secret': 'abc\tdef ~' }), secrets)).toEqual({
      kind: 'handshake',
      name: 'hello',
      response: {
        status: 204,
        headers: { 'x-content-type-options': 'nosniff', 'x-hook-secret': 'abc\tdef ~', 'x-fixed': 'yes' },
        body: '',
      },
    });
  });

  test.each([
    ['a line break', 'a\r\nSet-Cookie: b=c'],
    ['a line feed', 'a\nb'],
    ['a line feed at its end', 'a\n'],
    ['a carriage return', 'a\rb'],
    ['a NUL character', 'a\0b'],
    ['a vertical tab', 'a\vb'],
    ['a line separator', 'a\u2028b'],
    ['a character whose low byte is a line feed', 'a\u010ab'],
    ['an accent', 'é'],
    ['a delete character', 'a\u007f'],
  ])('fails when the value holds %s', (_name, value) => {
    const reception = receive(webhook, get('', { 'x-hook-secret': value }), secrets);
    expect(reception).toMatchObject({ kind: 'malformed', expected: 'a value that a header can hold' });
    expect(JSON.stringify(reception)).not.toContain('Set-Cookie');
  });

  test('fails when a decoded query or header value contains a line break', () => {
    const reflecting = shaking({ respond: { headers: { 'X-Echo': '{query.echo}' } } });
    expect(receive(reflecting, get('echo=a%0D%0Ab'), secrets).kind).toBe('malformed');
    const decoding = shaking({ respond: { headers: { 'X-Echo': '{header.X-Echo | url_decode}' } } });
    expect(receive(decoding, get('', { 'x-echo': 'a%0Ab' }), secrets).kind).toBe('malformed');
  });

  test('fails when the value is missing or too long', () => {
    expect(receive(webhook, get(''), secrets)).toMatchObject({ kind: 'rejected', reason: 'value-missing' });
    expect(receive(webhook, get('', { 'x-hook-secret': 'x'.repeat(4097) }), secrets)).toMatchObject({
      kind: 'malformed',
      expected: 'a challenge of at most 4096 characters',
    });
  });

  test('fails as a definition when a name is not a valid header name', () => {
    for (const name of ['X Y', 'X:', 'X\r\nY', '', '1X'])
      expect(
        faultsOf({
          verify,
          handshakes: [{ name: 'hello', when: { method: 'GET' }, respond: { headers: { [name]: 'a' } } }],
        }),
      ).toHaveLength(1);
  });
});

describe('an answer in JSON', () => {
  const webhook = shaking({
    respond: { json: { plainToken: '{query.token}', encryptedToken: '{query.token | hmac_sha256(signing_secret)}' } },
  });
  const reflecting = shaking({ respond: { json: { plainToken: '{query.token}' } } });
  const answer = (token: string, values: SecretValues = secrets, of = webhook) =>
    receive(of, get(new URLSearchParams({ token }).toString()), values);

  test.each(['abc', 'a"b\\c', '</script>', '\r\n', '{"a":1}', '😀'])('quotes the reflected value: %s', (token) => {
    const reception = answer(token, secrets, reflecting);
    if (reception.kind !== 'handshake') throw new Error(reception.kind);
    expect(reception.response.headers['content-type']).toBe('application/json');
    expect(JSON.parse(reception.response.body)).toEqual({ plainToken: token });
  });

  test('signs the reflected value', () => {
    const reception = answer('abc');
    expect(reception.kind === 'handshake' && JSON.parse(reception.response.body)).toEqual({
      plainToken: 'abc',
      encryptedToken: createHmac('sha256', 'a secret').update('abc').digest('hex'),
    });
  });

  test('uses the first value of a rotating secret', () => {
    const reception = answer('abc', { signing_secret: ['new', 'old'] });
    expect(reception.kind === 'handshake' && JSON.parse(reception.response.body)).toMatchObject({
      encryptedToken: createHmac('sha256', 'new').update('abc').digest('hex'),
    });
  });

  test('fails when its secret has no value, instead of using an empty key', () => {
    for (const values of [{}, { signing_secret: '' }, { signing_secret: [] }])
      expect(answer('abc', values)).toMatchObject({ kind: 'rejected', reason: 'value-missing' });
  });

  test('fails when a member is missing or the answer is too long', () => {
    expect(receive(webhook, get(''), secrets)).toMatchObject({ kind: 'rejected', reason: 'value-missing' });
    expect(answer('x'.repeat(4096), secrets, reflecting).kind).toBe('malformed');
  });
});

describe('a token that the handshake carries', () => {
  const webhook = shaking({
    when: { method: 'GET', 'query.hub.mode': 'subscribe' },
    token: { value: '{query.hub.verify_token}', expected: 'token' },
    respond: { body: '{query.hub.challenge}' },
  });
  const query = (token: string) => `hub.mode=subscribe&hub.challenge=123${token}`;

  test('is sufficient when it is correct', () => {
    expect(receive(webhook, get(query('&hub.verify_token=a+token')), secrets)).toMatchObject({
      kind: 'handshake',
      response: { status: 200, body: '123' },
    });
  });

  test.each<[string, string, SecretValues, string]>([
    ['it is wrong', '&hub.verify_token=b', secrets, 'token-mismatch'],
    ['it is empty', '&hub.verify_token=', secrets, 'token-mismatch'],
    ['it is missing', '', secrets, 'value-missing'],
    ['no token is configured', '&hub.verify_token=', {}, 'secret-not-configured'],
  ])('fails when %s, and reflects nothing', (_name, token, values, reason) => {
    const reception = receive(webhook, get(query(token)), values);
    expect(reception).toMatchObject({ kind: 'rejected', reason });
    expect(JSON.stringify(reception)).not.toContain('123');
  });

  test('is required in addition to the signature when the handshake has the checks of every request', () => {
    const signed = shaking({
      verify: 'same',
      token: { value: '{query.t}', expected: 'token' },
      respond: { body: 'ok' },
    });
    const signature = { 'x-signature': createHmac('sha256', 'a secret').update('').digest('hex') };
    const text = prepare({
      decode: 'text',
      verify,
      handshakes: [
        {
          name: 'hello',
          when: { method: 'GET' },
          token: { value: '{query.t}', expected: 'token' },
          respond: { body: 'ok' },
        },
      ],
    });
    expect(receive(signed, get('t=a+token'), secrets).kind).not.toBe('handshake');
    expect(receive(text, get('t=a+token'), secrets)).toMatchObject({ reason: 'header-missing' });
    expect(receive(text, get('t=b', signature), secrets)).toMatchObject({ reason: 'token-mismatch' });
    expect(receive(text, get('t=a+token', signature), secrets)).toMatchObject({
      kind: 'handshake',
      response: { body: 'ok' },
    });
  });
});

describe('a definition of a handshake', () => {
  const faults = (handshake: object) =>
    faultsOf({ verify, handshakes: [{ name: 'hello', when: { method: 'GET' }, respond: {}, ...handshake }] });
  const confirm = { url: 'https://acme.example/verify' };
  const capture = { secret: 'signing_secret', from: '{header.X-Hook-Secret}' };
  const token = { value: '{query.t}', expected: 'token' };

  test.each([
    ['the handshake is verified', { confirm }],
    ['the handshake has its own checks', { verify: { token }, confirm }],
    ['the handshake carries a token', { verify: 'none', token, confirm }],
    ['the handshake brings a secret', { verify: 'none', capture, confirm }],
  ])('may declare a confirmation call when %s', (_name, handshake) => {
    expect(faults(handshake)).toEqual([]);
  });

  test.each([
    ['anyone could cause a confirmation call', { verify: 'none', confirm }, 'got a call that anyone can trigger'],
    [
      'its own checks need no secret',
      { verify: { freshness: { timestamp: '{header.T}', unit: 's', max_age_seconds: 1, max_ahead_seconds: 1 } } },
      'got checks that anyone can pass',
    ],
    [
      'it captures a secret that is not declared',
      { capture: { ...capture, secret: 'other' } },
      'got "other", expected one of the declared secrets',
    ],
    [
      'it sends a secret that is not declared',
      { confirm: { ...confirm, json: { a: '{secret.other}' } } },
      'got "other", expected one of the declared secrets',
    ],
  ])('fails when %s', (_name, handshake, message) => {
    // A time that no signature covers is a separate fault.
    const found = faults(handshake).filter((fault) => !fault.includes('which no signature covers'));
    expect(found).toEqual([expect.stringContaining(message)]);
  });
});

describe('an answer that a secret signs', () => {
  const webhook = shaking({ respond: { body: '{query.challenge | hmac_sha256(signing_secret)}' } });
  const signed = (text: string) => createHmac('sha256', 'a secret').update(text).digest('hex');
  const ask = (challenge: string) => receive(webhook, get(new URLSearchParams({ challenge }).toString()), secrets);

  test.each(['abc123', 'q9Z-_.~', 'dG9rZW4=', 'a/b+c=='])('to a stranger signs the token %s', (challenge) => {
    expect(ask(challenge)).toMatchObject({ kind: 'handshake', response: { body: signed(challenge) } });
  });

  test.each(['{"id":1}', '[]', 'a=b&c=d', '1700000000:{}', 'v0:1:x', '<a/>', '', 'a b', 'x'.repeat(300)])(
    'signs nothing for a stranger that may be a webhook: %s',
    (challenge) => {
      expect(ask(challenge)).toMatchObject({ kind: 'rejected', reason: 'value-missing' });
    },
  );
});
