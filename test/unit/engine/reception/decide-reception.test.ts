import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../../lambdas/engine/definition/parse-definition.ts';
import { deliveryIdOf, receiveWebhook } from '../../../../lambdas/engine/reception/decide-reception.ts';
import { settleReception } from '../../../../lambdas/engine/reception/ingress-answer.ts';
import { prepareWebhook } from '../../../../lambdas/engine/reception/prepare-webhook.ts';
import { readXml } from '../../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../../lambdas/engine/request/webhook-request.ts';
import { parsedWebhook } from '../../../fakes/parsed-webhook.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.000Z');
const secrets = { signing_secret: 'first secret', other_secret: 'second secret' };
const hmac = (key: string, header: string) =>
  `{ hmac: { algorithm: sha256, encoding: hex, key: ${key}, message: "{body}", signature: "{header.${header}}" } }`;
/** A MAC over a timestamp and the body. */
const timed = (key: string, header: string) => hmac(key, header).replace('{body}', '{header.X-Time}{body}');
const freshness =
  '{ freshness: { timestamp: "{header.X-Time}", unit: s, max_age_seconds: 300, max_ahead_seconds: 60 } }';

/** A prepared definition; only its webhook section matters. */
function prepare(webhook: string) {
  const text = `name: acme\ntitle: Acme\ndocs: https://acme.example\nsecrets: { signing_secret: One., other_secret: Two., verify_token: Three. }\nmapping: body\nwebhook: ${webhook}\n`;
  const parsed = parseDefinition(text, { file: 'integration.yaml', folder: 'acme', read: () => undefined });
  return prepareWebhook(parsedWebhook(parsed), readXml);
}

const sign = (body: string, key = secrets.signing_secret) => createHmac('sha256', key).update(body).digest('hex');

function request(
  body: string,
  headers: Readonly<Record<string, string>> = {},
  more: Partial<WebhookRequest> = {},
): WebhookRequest {
  const url = 'https://hooks.example.com/in/acme/acc_1';
  return { method: 'POST', url, path: '/in/acme/acc_1', query: '', headers, body: Buffer.from(body), ...more };
}
const signed = (body: string, more?: Partial<WebhookRequest>) => request(body, { 'x-signature': sign(body) }, more);
const receive = (webhook: ReturnType<typeof prepare>, from: WebhookRequest, values: SecretValues = secrets) =>
  receiveWebhook(webhook, from, values, nowMs);

describe('a plain definition', () => {
  const webhook = prepare(`{ decode: json, verify: ${hmac('signing_secret', 'X-Signature')} }`);

  test('accepts a signed request with any method', () => {
    expect(receive(webhook, signed('{}'))).toEqual({ kind: 'verified' });
    expect(receive(webhook, signed('{}', { method: 'GET' }))).toEqual({ kind: 'verified' });
  });

  test('fails when the signature is missing or wrong', () => {
    expect(receive(webhook, request('{}'))).toMatchObject({ kind: 'rejected', reason: 'header-missing' });
    expect(receive(webhook, request('{}', { 'x-signature': sign('[]') }))).toEqual({
      kind: 'rejected',
      reason: 'signature-mismatch',
    });
  });

  test('fails when the body cannot be read, and reports whether it was signed', () => {
    expect(receive(webhook, signed('{'))).toEqual({
      kind: 'malformed',
      expected: 'a JSON body',
      verdict: { kind: 'verified' },
    });
    expect(receive(webhook, request('{', { 'x-signature': sign('[]') }))).toMatchObject({
      kind: 'malformed',
      verdict: { kind: 'rejected' },
    });
  });
});

describe('a handshake with the checks of every request', () => {
  const webhook = prepare(`{
    decode: json,
    verify: ${hmac('signing_secret', 'X-Signature')},
    handshakes: [{ name: ping, when: { json.type: ping }, respond: { status: 204, body: "{json.echo}" } }] }`);

  test('is answered', () => {
    expect(receive(webhook, signed('{"type":"ping","echo":"hi"}'))).toEqual({
      kind: 'handshake',
      name: 'ping',
      response: {
        status: 204,
        headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' },
        body: 'hi',
      },
    });
  });

  test('fails when it is not signed, and reflects nothing', () => {
    const reception = receive(webhook, request('{"type":"ping","echo":"marker"}', { 'x-signature': sign('{}') }));
    expect(reception).toEqual({ kind: 'rejected', reason: 'signature-mismatch', isHandshake: true });
    expect(JSON.stringify(reception)).not.toContain('marker');
  });

  test('fails when the value to reflect is missing or is not a scalar', () => {
    for (const body of ['{"type":"ping"}', '{"type":"ping","echo":null}', '{"type":"ping","echo":{"a":1}}'])
      expect(receive(webhook, signed(body))).toEqual({
        kind: 'rejected',
        reason: 'value-missing',
        detail: '{json.echo}',
        isHandshake: true,
      });
  });
});

describe('a handshake with its own checks', () => {
  const webhook = prepare(`{
    decode: json,
    verify: ${hmac('signing_secret', 'X-Signature')},
    handshakes: [{ name: challenge, when: { method: GET, query.challenge: { present: true } },
      verify: { token: { value: "{query.token}", expected: verify_token } }, respond: { body: "{query.challenge}" } }] }`);
  const challenge = (token: string): WebhookRequest => ({
    ...request(''),
    method: 'GET',
    query: `challenge=c0ffee&token=${token}`,
  });
  const secretsOfIt = { ...secrets, verify_token: 'right' };

  test('is answered, even without a body', () => {
    expect(receive(webhook, challenge('right'), secretsOfIt)).toMatchObject({
      kind: 'handshake',
      response: { status: 200, body: 'c0ffee' },
    });
  });

  test('fails as a rejection when its checks fail, with any method', () => {
    const reception = receive(webhook, challenge('wrong'), secretsOfIt);
    expect(reception).toMatchObject({ kind: 'rejected', reason: 'token-mismatch' });
    if (reception.kind === 'key-needed') throw new Error('no key is needed');
    expect(settleReception(reception, 'GET')).toMatchObject({ kind: 'rejected', reason: 'token-mismatch' });
  });
});

const openHandshakes = `{
    decode: json,
    verify: { all: [${timed('signing_secret', 'X-Signature')}, ${freshness}] },
    handshakes: [
      { name: challenge, when: { query.hub.mode: subscribe }, verify: none, respond: { body: "{query.hub.challenge}" } },
      { name: verification, when: { json.type: url_verification }, verify: none,
        respond: { content_type: application/json, body: '{{"challenge":"{json.challenge}"}}' } },
      { name: hello, when: [{ json.type: [hello, hi], header.X-First: "true" }, { json: Ping test }, { json.n: 5 }],
        verify: none, respond: {} } ] }`;

describe('a handshake before the account has a secret', () => {
  const webhook = prepare(openHandshakes);

  test('is answered without a secret, a signature or a fresh timestamp', () => {
    expect(receive(webhook, request('{"type":"url_verification","challenge":"abc"}'), {})).toEqual({
      kind: 'handshake',
      name: 'verification',
      response: {
        status: 200,
        headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' },
        body: '{"challenge":"abc"}',
      },
    });
  });

  test('is answered for a GET with an empty body', () => {
    const query = 'hub.mode=subscribe&hub.challenge=a%20b%3Cscript%3E';
    expect(receive(webhook, request('', {}, { method: 'GET', query }), {})).toEqual({
      kind: 'handshake',
      name: 'challenge',
      response: {
        status: 200,
        headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' },
        body: 'a b<script>',
      },
    });
  });

  test('reflects up to 4096 characters, and fails when there are more', () => {
    const of = (length: number) => request('', {}, { query: `hub.mode=subscribe&hub.challenge=${'x'.repeat(length)}` });
    expect(receive(webhook, of(4096), {}).kind).toBe('handshake');
    expect(receive(webhook, of(4097), {})).toMatchObject({
      kind: 'malformed',
      expected: 'a challenge of at most 4096 characters',
    });
  });

  test('fails when the challenge is deeply nested', () => {
    const body = `{"type":"url_verification","challenge":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect(receive(webhook, request(body), {})).toMatchObject({ kind: 'rejected', reason: 'value-missing' });
  });
});

describe('an open handshake with several conditions', () => {
  const webhook = prepare(openHandshakes);

  test.each([
    ['{"type":"hello"}', { 'x-first': 'true' }],
    ['{"type":"hi"}', { 'x-first': 'true' }],
    ['"Ping test"', {}],
    ['{"n":5}', {}],
    ['{"n":"5"}', {}],
  ])('is recognized by any of its conditions: %s', (body, headers) => {
    expect(receive(webhook, request(body, headers), {})).toEqual({
      kind: 'handshake',
      name: 'hello',
      response: { status: 200, headers: { 'x-content-type-options': 'nosniff' }, body: '' },
    });
  });

  test.each([
    ['only one of two required values matches', '{"type":"hello"}', {}],
    ['a value is a list', '{"type":["hello"]}', { 'x-first': 'true' }],
    ['a value is null', '{"type":null}', { 'x-first': 'true' }],
    ['a value has additional characters', '"Ping test "', {}],
    ['it is an event', '{"type":"event"}', {}],
  ])('fails as unsigned when %s', (_name, body, headers) => {
    expect(receive(webhook, request(body, headers), {})).toMatchObject({
      kind: 'rejected',
      reason: 'secret-not-configured',
    });
  });
});

describe('a tree of checks', () => {
  const one = { 'x-one': sign('{}') };
  const two = { 'x-two': sign('{}', secrets.other_secret) };
  const [first, second] = [hmac('signing_secret', 'X-One'), hmac('other_secret', 'X-Two')];

  test.each([
    ['all', 'both', { ...one, ...two }, { kind: 'verified' }],
    ['all', 'the first', one, { kind: 'rejected', reason: 'header-missing', detail: '{header.X-Two}' }],
    ['all', 'the second', two, { kind: 'rejected', reason: 'header-missing', detail: '{header.X-One}' }],
    ['any', 'both', { ...one, ...two }, { kind: 'verified' }],
    ['any', 'the first', one, { kind: 'verified' }],
    ['any', 'the second', two, { kind: 'verified' }],
    ['any', 'neither', {}, { kind: 'rejected', reason: 'header-missing', detail: '{header.X-One}' }],
  ])('requires %s of two checks when the request passes %s', (mode, _name, headers, expected) => {
    const webhook = prepare(`{ decode: json, verify: { ${mode}: [${first}, ${second}] } }`);
    expect(receive(webhook, request('{}', headers))).toEqual(expected);
  });

  test('can be nested', () => {
    const times = `{ freshness: { timestamp: "{json.at}", unit: s, max_age_seconds: 300, max_ahead_seconds: 60 } }`;
    const webhook = prepare(`{ decode: json, verify: { all: [{ any: [${first}, ${second}] }, ${times}] } }`);
    const at = (seconds: number) => JSON.stringify({ at: nowMs / 1000 - seconds });
    const by = (body: string) => request(body, { 'x-two': sign(body, secrets.other_secret) });
    expect(receive(webhook, by(at(0)))).toEqual({ kind: 'verified' });
    expect(receive(webhook, by(at(301)))).toMatchObject({ reason: 'timestamp-too-old' });
    expect(receive(webhook, request(at(0)))).toMatchObject({ reason: 'header-missing' });
  });
});

describe('deliveryIdOf', () => {
  const webhook = prepare(
    `{ decode: json, verify: ${hmac('signing_secret', 'X-Signature')}, delivery_id: "{json.id}" }`,
  );
  test.each([
    [{ id: 'd1' }, 'd1'],
    [{ id: 17 }, '17'],
    [{ id: '' }, undefined],
    [{ id: null }, undefined],
    [{ id: { a: 1 } }, undefined],
    [{}, undefined],
  ])('of %o is %s', (decoded, id) => {
    expect(deliveryIdOf(webhook, request(JSON.stringify(decoded)), decoded)).toBe(id);
  });

  test('is the first of several templates with a value', () => {
    const named = prepare(
      `{ decode: json, verify: ${hmac('signing_secret', 'X-Signature')}, delivery_id: ["{json.id}", "{json.key}"] }`,
    );
    const idOf = (decoded: object) => deliveryIdOf(named, request(JSON.stringify(decoded)), decoded);
    expect(idOf({ id: 'd1', key: 'k1' })).toBe('d1');
    expect(idOf({ id: '', key: 'k1' })).toBe('k1');
    expect(idOf({})).toBeUndefined();
  });

  test('is undefined when the definition declares none', () => {
    const unnamed = prepare(`{ decode: json, verify: ${hmac('signing_secret', 'X-Signature')} }`);
    expect(deliveryIdOf(unnamed, request('{"id":"d1"}'), { id: 'd1' })).toBeUndefined();
  });
});
