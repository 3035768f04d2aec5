import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  checkEndpoint,
  endpointFields,
  endpointSettingsSchema,
} from '../../../../lambdas/engine/endpoint-auth/endpoint-auth-schema.ts';
import { endpointHeaders } from '../../../../lambdas/engine/endpoint-auth/endpoint-headers.ts';
import { aParty, certificateOf, type ProviderCertificate } from '../../../fakes/provider-certificates.ts';

const nowMs = Date.now();
const parse = (settings: object) => endpointSettingsSchema(nowMs).safeParse(settings);
/** The faults that an answer would list. */
const faultsOf = (settings: object) =>
  (parse(settings).error?.issues ?? []).map(({ path, message }) => `${path.map(String).join('.')}: ${message}`);

const oauth2 = {
  type: 'oauth2' as const,
  token_url: 'https://login.example.com/token',
  client_id: 'tributary',
  client_secret: 'hunter2',
};

describe('settings of an endpoint', () => {
  test('may be empty', () => {
    expect(parse({}).data).toEqual({ headers: {}, timeout_seconds: 15 });
  });

  test.each([
    { type: 'basic', username: 'tributary', password: 'p:ä ss' },
    { type: 'bearer', token: '1|abc~+/=' },
    { ...oauth2, auth_style: 'body', scope: 'hooks:write hooks', audience: 'https://api.example.com' },
  ])('accept authentication by $type', (auth) => {
    expect(parse({ auth }).data?.auth).toEqual(auth);
  });

  test('default to HTTP Basic for OAuth clients', () => {
    expect(parse({ auth: oauth2 }).data?.auth).toMatchObject({ auth_style: 'basic' });
  });

  test('combine with the other fields of a body', () => {
    const schema = z.strictObject({ url: z.string(), ...endpointFields }).superRefine(checkEndpoint(nowMs));
    const body = {
      url: 'https://app.example.com',
      headers: { Authorization: 'x' },
      auth: { type: 'bearer', token: 't' },
    };
    expect(schema.safeParse(body).error?.issues).toMatchObject([{ path: ['headers', 'Authorization'] }]);
    expect(schema.safeParse({ ...body, auth: undefined }).success).toBe(true);
  });

  test.each([
    ['an authentication of another kind', { auth: { type: 'hunter2' } }, /^auth\.type: /],
    ['an unknown member', { auth: { type: 'bearer', token: 't', password: 'hunter2' } }, /^auth: /],
    ['an unknown field', { header: { a: 'hunter2' } }, /^: Unrecognized key/],
    ['no password', { auth: { type: 'basic', username: 'hunter2' } }, /^auth\.password: /],
    [
      'a user name with a colon',
      { auth: { type: 'basic', username: 'a:hunter2', password: 'hunter2' } },
      /^auth\.username: /,
    ],
    [
      'a password with a line break',
      { auth: { type: 'basic', username: 'a', password: 'hunter2\r\nx: y' } },
      /^auth\.password: /,
    ],
    ['an empty token', { auth: { type: 'bearer', token: '' } }, /^auth\.token: /],
    ['a token with a space', { auth: { type: 'bearer', token: 'Bearer hunter2' } }, /^auth\.token: /],
    ['a token that is too long', { auth: { type: 'bearer', token: 'hunter2'.repeat(600) } }, /^auth\.token: /],
    ['a token that is a number', { auth: { type: 'bearer', token: 72 } }, /^auth\.token: /],
    ['an invalid token URL', { auth: { ...oauth2, token_url: 'hunter2' } }, /^auth\.token_url: /],
    [
      'a token URL with a password',
      { auth: { ...oauth2, token_url: 'https://a:hunter2@example.com' } },
      /^auth\.token_url: /,
    ],
    [
      'a token URL with a fragment',
      { auth: { ...oauth2, token_url: 'https://example.com/#hunter2' } },
      /^auth\.token_url: /,
    ],
    ['a token URL of another scheme', { auth: { ...oauth2, token_url: 'file:///hunter2' } }, /^auth\.token_url: /],
    [
      'a client secret with a line break',
      { auth: { ...oauth2, client_secret: 'hunter2\n' } },
      /^auth\.client_secret: /,
    ],
    ['a scope with a quote', { auth: { ...oauth2, scope: '"hunter2"' } }, /^auth\.scope: /],
    ['another style of client authentication', { auth: { ...oauth2, auth_style: 'hunter2' } }, /^auth\.auth_style: /],
    ['a timeout that is too long', { timeout_seconds: 31 }, /^timeout_seconds: /],
    ['a timeout of zero', { timeout_seconds: 0 }, /^timeout_seconds: /],
    ['a fractional timeout', { timeout_seconds: 1.5 }, /^timeout_seconds: /],
    [
      'a header value with a line break',
      { headers: { 'x-key': 'hunter2\r\nwebhook-id: 1' } },
      /^headers\.x-key: expected printable/,
    ],
    [
      'a header value with non-ASCII characters',
      { headers: { 'x-key': 'hunter2ü' } },
      /^headers\.x-key: expected printable/,
    ],
    ['a header value that is too long', { headers: { 'x-key': `hunter2${'x'.repeat(4090)}` } }, /^headers\.x-key: /],
    ['a header value that is not text', { headers: { 'x-key': ['hunter2'] } }, /^headers\.x-key: /],
    [
      'a value where the name belongs',
      { headers: { 'Bearer hunter2': 'x' } },
      /^headers: the name of header 1 is not a valid HTTP header name/,
    ],
    [
      'a header without a name',
      { headers: { '': 'hunter2' } },
      /^headers: the name of header 1 is not a valid HTTP header name/,
    ],
    [
      'a header name with a line break',
      { headers: { 'x\r\ny': 'hunter2' } },
      /^headers: the name of header 1 is not a valid HTTP header name/,
    ],
    [
      'a header twice',
      { headers: { 'x-key': 'hunter2', 'X-Key': 'hunter2' } },
      /^headers\.X-Key: this header occurs twice/,
    ],
    [
      'too many headers',
      { headers: Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, 'hunter2'])) },
      /^headers: expected at most 20 headers, got 21/,
    ],
    [
      'both auth and an authorization header',
      { auth: oauth2, headers: { AUTHORIZATION: 'hunter2' } },
      /^headers\.AUTHORIZATION: auth sets/,
    ],
  ])('fails when given %s, without quoting it (invariant 10)', (_, settings, expected) => {
    const faults = faultsOf(settings);
    expect(faults).toEqual([expect.stringMatching(expected)]);
    expect(JSON.stringify(parse(settings).error)).not.toMatch(/hunter2/);
  });

  test.each([
    'Host',
    'content-length',
    'Content-Type',
    'content-encoding',
    'Connection',
    'keep-alive',
    'Proxy-Authorization',
    'te',
    'Trailer',
    'Transfer-Encoding',
    'UPGRADE',
    'expect',
    'webhook-id',
    'Webhook-Signature',
    'webhook-anything',
    'tributary-hops',
    'Tributary-Anything',
  ])('fails when a header is reserved for the engine: %s', (name) => {
    expect(faultsOf({ headers: { [name]: 'x' } })).toEqual([`headers.${name}: this header is reserved for the engine`]);
  });

  test('accept twenty headers of 4 KB each', () => {
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, 'x'.repeat(4096)]));
    expect(parse({ headers }).data?.headers).toEqual(headers);
  });
});

describe('a client certificate', () => {
  const [root, middle, client] = ['Root', 'Middle', 'tributary'].map(aParty) as [Party, Party, Party];
  type Party = ReturnType<typeof aParty>;
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const pemOf = (options: ProviderCertificate) =>
    certificateOf({ fromMs: nowMs - 60_000, untilMs: nowMs + 60_000, ...options });
  const [rootPem, middlePem] = [pemOf({ subject: root, ca: true }), pemOf({ subject: middle, issuer: root, ca: true })];
  const certificate = pemOf({ subject: client, issuer: middle });
  const private_key = pem(client.privateKey);
  /** A pair whose certificate has other dates. */
  const pairOf = (when: { fromMs?: number; untilMs?: number }) => ({
    certificate: pemOf({ subject: client, issuer: middle, ...when }),
    private_key,
  });
  /** The text itself, or the first base64 line of a PEM. */
  const secretOf = (text: string) => text.split('\n')[1] ?? text;
  const usable = { certificate: certificate + middlePem, private_key };

  test('is accepted with its chain, and alone', () => {
    expect(parse({ client_certificate: usable }).data?.client_certificate).toEqual(usable);
    expect(parse({ client_certificate: { certificate, private_key } }).success).toBe(true);
  });

  const encrypted = client.privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString();
  test.each([
    [
      'the key belongs to another certificate',
      { certificate, private_key: pem(middle.privateKey) },
      'private_key: expected the private key of the first certificate',
    ],
    [
      'the certificate comes after its issuer',
      { certificate: middlePem + certificate, private_key: pem(middle.privateKey) },
      'certificate: expected each certificate to be issued by the next; number 2 did not issue the previous one',
    ],
    [
      'the chain lacks a certificate',
      { certificate: certificate + rootPem, private_key },
      'certificate: expected each certificate to be issued by the next; number 2 did not issue the previous one',
    ],
    [
      'the chain is too long',
      { certificate: certificate + middlePem + rootPem.repeat(4), private_key },
      'certificate: expected at most 5 certificates, got 6',
    ],
    ['the certificate is not a PEM', { certificate: 'hunter2', private_key }, 'certificate: expected PEM certificates'],
    [
      'the chain is cut off',
      { certificate: certificate + middlePem.slice(0, 200), private_key },
      'certificate: expected PEM certificates',
    ],
    [
      'the certificate is corrupt',
      { certificate: certificate.replace(/^MII?./m, 'AAAA'), private_key },
      'certificate: expected PEM certificates',
    ],
    [
      'the certificate text includes the private key',
      { certificate: certificate + private_key, private_key },
      'certificate: expected certificates only, got a private key among them',
    ],
    [
      'the key is encrypted',
      { certificate, private_key: encrypted },
      'private_key: expected a PEM private key, not encrypted',
    ],
    [
      'the key is not a PEM',
      { certificate, private_key: 'hunter2' },
      'private_key: expected a PEM private key, not encrypted',
    ],
    [
      'the key is too weak',
      { certificate, private_key: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey) },
      'private_key: expected an RSA key of at least 2048 bits, or an EC or Ed25519 key',
    ],
    [
      'the key cannot sign',
      { certificate, private_key: pem(generateKeyPairSync('x25519').privateKey) },
      'private_key: expected an RSA key of at least 2048 bits, or an EC or Ed25519 key',
    ],
    ['the certificate has expired', pairOf({ untilMs: nowMs - 1000 }), /^certificate: certificate 1 expired at \d{4}-/],
    [
      'the certificate is not valid yet',
      pairOf({ fromMs: nowMs + 60_000 }),
      /^certificate: certificate 1 is not valid before \d{4}-/,
    ],
  ])('fails when %s', (_, client_certificate, expected) => {
    const pattern = typeof expected === 'string' ? `^${RegExp.escape(expected)}$` : expected.source;
    expect(faultsOf({ client_certificate })).toEqual([
      expect.stringMatching(new RegExp(pattern.replace('^', '^client_certificate\\.'))),
    ]);
    const told = JSON.stringify(parse({ client_certificate }).error);
    for (const given of Object.values(client_certificate)) expect(told).not.toContain(secretOf(given));
  });

  test('fails when an issuer in the chain has expired', () => {
    const old = pemOf({ subject: middle, issuer: root, ca: true, untilMs: nowMs - 1000 });
    const chain = { certificate: certificate + old, private_key };
    expect(faultsOf({ client_certificate: chain })).toEqual([
      expect.stringMatching(/^client_certificate\.certificate: certificate 2 expired at /),
    ]);
  });
});

describe('the headers of an endpoint', () => {
  test.each([
    [undefined, undefined, {}],
    [{ type: 'basic', username: 'Aladdin', password: 'open sesame' }, undefined, 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='],
    [{ type: 'basic', username: 'test', password: '123£' }, undefined, 'Basic dGVzdDoxMjPCow=='],
    [{ type: 'bearer', token: 'abc' }, 'ignored', 'Bearer abc'],
    [{ ...oauth2, auth_style: 'basic' }, 'fetched', 'Bearer fetched'],
    [{ ...oauth2, auth_style: 'basic' }, undefined, {}],
  ] as const)('include the authorization: %o', (auth, token, expected) => {
    expect(endpointHeaders({ auth, headers: { 'X-Team': 'payments' } }, token)).toEqual({
      'x-team': 'payments',
      ...(typeof expected === 'string' ? { authorization: expected } : expected),
    });
  });
});
