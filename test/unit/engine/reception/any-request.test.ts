import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decryptItems } from '../../../../lambdas/engine/mapping/decrypt-items.ts';
import type { OutboundCall } from '../../../../lambdas/engine/outbound/outbound-call.ts';
import { confirmationOf, type Reception } from '../../../../lambdas/engine/reception/decide-reception.ts';
import { type PreparedWebhook, prepareWebhook } from '../../../../lambdas/engine/reception/prepare-webhook.ts';
import { decodeBody } from '../../../../lambdas/engine/request/decode-body.ts';
import { readXml } from '../../../../lambdas/engine/request/read-xml.ts';
import type { SecretValues, WebhookRequest } from '../../../../lambdas/engine/request/webhook-request.ts';
import type { KeyRequest } from '../../../../lambdas/engine/verification/keys/key-request.ts';
import { signRequest } from '../../../../lib/definitions/sign-request.ts';
import { hostileRequests, isLetIn, leastCpuMs } from '../../../fakes/hostile-requests.ts';
import { propertyRuns } from '../../../property-runs.ts';
import { acme, aRequest, maxCpuMs, nowMs, receive, verified } from './acme.ts';

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string;
const keys = {
  secrets: {
    signing_secret: 'a secret of 25 characters',
    public_key: publicKey,
    token: 'a token of 25 characters.',
    username: 'ada',
    password: 'a password',
    client_id: 'client-1',
    url_token: 'a token of a URL',
  },
  privateKeys: { public_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string },
};

const hmac = (more: object = {}) => ({
  hmac: {
    algorithm: 'sha256',
    encoding: 'base64',
    key: 'signing_secret',
    message: '{header.X-Time}.{body}',
    signature: '{header.X-Signature}',
    ...more,
  },
});
const freshness = {
  freshness: { timestamp: '{header.X-Time}', unit: 's', max_age_seconds: 300, max_ahead_seconds: 300 },
};
const token = { token: { value: '{json.account.token}', expected: 'token' } };

/** Definitions with every kind of check, and the body of the request to sign. */
const definitions: Readonly<Record<string, { readonly webhook: object; readonly body?: string }>> = {
  'a MAC and a timestamp': { webhook: { verify: { all: [hmac(), freshness] } } },
  'a list of versions': {
    webhook: { verify: { all: [hmac({ split: ',', prefix: 'v1=', encoding: 'base64url' }), freshness] } },
  },
  'a digest with a secret': {
    webhook: {
      verify: {
        digest: {
          algorithm: 'sha512',
          encoding: 'base64',
          message: '{secret.signing_secret}{method}{url | percent_decode(3A 2F)}{body | sha256}{header.X-Time}',
          signature: '{header.X-Signature}',
        },
      },
    },
  },
  'a public key': {
    webhook: {
      verify: {
        public_key: {
          algorithm: 'ecdsa-p256-sha256',
          encoding: 'base64',
          key: 'public_key',
          message: '{header.X-Time}|{secret.client_id}|{body}',
          signature: '{header.X-Signature}',
        },
      },
    },
  },
  'a JSON Web Token over the body': {
    webhook: {
      verify: {
        jwt: {
          token: '{header.X-Signature}',
          algorithms: ['ES256'],
          key: 'public_key',
          claims: { iss: '{secret.client_id}', time: '{header.X-Time}' },
          max_age_seconds: 300,
          body_sha256_claim: 'hash',
        },
      },
    },
  },
  'a MAC over XML': { webhook: { decode: 'xml', verify: hmac() }, body: '<a><b id="1">x</b></a>' },
  'a MAC over escapes of a form': {
    webhook: { decode: 'form', verify: hmac({ message: '{body | escape_unicode}{header.X-Time}{form.a?}' }) },
    body: 'a=1&b=2',
  },
  'cases that depend on the body': {
    webhook: {
      vars: { kind: { from: '{json.kind}', split: ':' } },
      verify: {
        cases: [
          {
            when: { 'json.kind': ['a:b', 'c'], 'json.x': { present: false } },
            verify: hmac({ message: '{var.kind}{header.X-Time}{body}' }),
          },
          {
            when: { 'json.x': { present: true } },
            verify: { all: [token, { basic: { username: 'username', password: 'password' } }] },
          },
        ],
      },
    },
    body: '{"kind":"a:b"}',
  },
  'a token with a pinned key, for every item of a list': {
    webhook: {
      verify: {
        jwt: {
          token: '{header.X-Signature}',
          algorithms: ['ES256'],
          key: { oidc: 'https://acme.example' },
          claims: { iss: 'https://acme.example/{jwt.claims.tid}/', time: '{header.X-Time}' },
          covers: { items: 'json.items', value: '{item.tid}', claim: 'tid' },
          body_sha256_claim: 'hash',
          query_hash_claim: 'qsh',
          require: ['exp'],
        },
      },
    },
    body: '{"items":[{"tid":"t1"},{"tid":"t1"}]}',
  },
  'a certificate at a URL of the request, and handshakes that call and capture': {
    webhook: {
      verify: {
        public_key: {
          algorithm: 'ecdsa-p256-sha256',
          encoding: 'base64',
          key: {
            certificate: {
              url: '{json.cert}',
              hosts: ['sns.{region}.acme.example'],
              path: { prefix: '/', syntax: 'base64url', suffix: '.pem' },
              names: ['sns.acme.example'],
            },
          },
          message: ['{header.X-Time}{body}', '{header.X-Other}{json.missing}{body}'],
          signature: '{header.X-Signature}',
        },
      },
      handshakes: [
        {
          name: 'confirmed',
          when: { 'json.type': 'confirm' },
          confirm: {
            url: '{json.url}',
            hosts: ['sns.{region}.acme.example'],
            headers: { 'X-Trace': '{json.trace}' },
            json: { id: '{json.id}', token: '{secret.token}' },
          },
          respond: {},
        },
        {
          name: 'captured',
          when: { 'header.X-Hook-Secret': { present: true } },
          verify: 'none',
          capture: { secret: 'signing_secret', from: '{header.X-Hook-Secret}' },
          respond: { headers: { 'X-Hook-Secret': '{header.X-Hook-Secret}' }, json: { id: '{json.id?}' } },
        },
      ],
    },
    body: '{"cert":"https://sns.eu-1.acme.example/c.pem"}',
  },
  'a token in the URL, a nonce, and encrypted items': {
    webhook: {
      verify: { all: [{ url_token: {} }, hmac()] },
      nonce: { value: '{json.nonce}' },
      decrypt: {
        items: 'json.items',
        from: 'sealed.box',
        into: 'content',
        key: { secret: 'password', from: 'key' },
        content: 'data',
        signature: 'mac',
      },
    },
    body: '{"nonce":"n1"}',
  },
};

describe.each(Object.entries(definitions))(
  '%s',
  (_name, { webhook: spec, body = '{"id":12345678901234567890,"é":["😀"]}' }) => {
    const definition = acme(spec);
    const webhook = prepareWebhook(definition, readXml);
    const request = aRequest(body, { headers: { 'x-time': String(nowMs / 1000) } });
    const signed = signRequest(definition, request, keys, nowMs);

    function expectRejected(changed: WebhookRequest) {
      let reception: Reception | undefined;
      const cpuMs = leastCpuMs(() => {
        reception = receive(webhook, changed, keys.secrets);
      }, maxCpuMs);
      expect(cpuMs).toBeLessThan(maxCpuMs);
      expect(isLetIn(definition, reception as Reception)).toBe(false);
    }

    test('accepts the signed request', () => {
      expect(receive(webhook, signed, keys.secrets)).toMatchObject(verified);
    });

    test('fails when any bit of body, signed header or signature is flipped', () => {
      const headers = Object.keys(signed.headers).sort();
      fc.assert(
        fc.property(fc.constantFrom('body', ...headers), fc.nat(), (place, bit) => {
          expectRejected(withFlippedBit(signed, place, bit));
        }),
        propertyRuns(100, 1_000),
      );
    });

    test('fails for any other request, quickly and without throwing', () => {
      fc.assert(
        fc.property(hostileRequests(definition), fc.nat({ max: 3 }), (hostile, parts) => {
          expectRejected({
            ...hostile,
            body: parts & 1 ? hostile.body : Buffer.concat([signed.body, Buffer.from(' ')]),
            headers: parts & 2 ? hostile.headers : { ...signed.headers, ...hostile.headers },
          });
        }),
        { numRuns: 200 },
      );
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    test('never makes a call that the definition does not allow, and never throws', () => {
      const { public_key: _, ...secrets } = keys.secrets;
      fc.assert(
        fc.property(hostileRequests(definition), fc.boolean(), (hostile, isSigned) => {
          const sent = isSigned ? { ...hostile, headers: { ...signed.headers, ...hostile.headers } } : hostile;
          const reception = receive(webhook, sent, secrets);
          if (reception.kind === 'key-needed') expectConfined(reception.request);
          const decoded = decodeBody(webhook.decode, sent, readXml);
          const value = decoded.kind === 'decoded' ? decoded.value : undefined;
          for (const call of confirmationCalls(webhook, sent, value, secrets)) expectConfined({ kind: 'call', call });
          if (webhook.decrypt !== undefined) decryptItems(webhook.decrypt, value, secrets);
        }),
        { numRuns: 200 },
      );
    });
  },
);

/** Flip one bit of the body or of a header; `bit` counts modulo the length. */
function withFlippedBit(request: WebhookRequest, place: string, bit: number): WebhookRequest {
  const before = place === 'body' ? request.body : Buffer.from(request.headers[place] ?? '', 'latin1');
  const after = Buffer.from(before);
  const at = bit % (before.length * 8);
  after[at >> 3] = (after[at >> 3] as number) ^ (1 << (at & 7));
  return place === 'body'
    ? { ...request, body: after }
    : { ...request, headers: { ...request.headers, [place]: after.toString('latin1') } };
}

/** The calls that would complete any of the definition's handshakes. */
function confirmationCalls(
  webhook: PreparedWebhook,
  request: WebhookRequest,
  decoded: unknown,
  secrets: SecretValues,
): readonly OutboundCall[] {
  return webhook.handshakes.flatMap(({ spec }) => {
    const confirmation = confirmationOf(webhook, spec.name, request, decoded, secrets);
    return confirmation?.kind === 'call' ? [confirmation.call] : [];
  });
}

/** Every call goes to a host of the definition, and no header value contains a line break. */
function expectConfined(request: Pick<KeyRequest, 'kind'> & { readonly url?: string; readonly call?: OutboundCall }) {
  const { origin } = new URL(request.call?.url ?? request.url ?? '');
  expect(origin).toMatch(/^https:\/\/(sns\.[a-z0-9-]+\.)?acme\.example$/);
  for (const value of Object.values(request.call?.headers ?? {})) expect(value).toMatch(/^[\t\x20-\x7e]*$/);
}
