import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { encodeSecret, signCallback } from '../../../../lambdas/engine/signing/standard-webhooks.ts';

/** The package rejects timestamps more than five minutes away from the real clock. */
const nowSeconds = () => Math.floor(Date.now() / 1000);

// https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts
test('gives the signature that the specification publishes', () => {
  const headers = signCallback(
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330,
    '{"test": 2432232314}',
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('the standardwebhooks package verifies callbacks with any key and any body', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 64 }), fc.json({ noUnicodeString: false }), (key, body) => {
      const secret = encodeSecret(Buffer.from(key));
      const headers = signCallback([secret], 'evt_1', nowSeconds(), body);
      expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    }),
  );
});

test('each current secret verifies a callback during a rotation, and no other secret does', () => {
  const secrets = [1, 2, 3].map(() => encodeSecret(randomBytes(32)));
  const headers = signCallback(secrets, 'evt_1', nowSeconds(), '{}');
  expect(headers['webhook-signature'].split(' ')).toHaveLength(3);
  for (const secret of secrets) expect(new Webhook(secret).verify('{}', headers)).toEqual({});
  expect(() => new Webhook(encodeSecret(randomBytes(32))).verify('{}', headers)).toThrow('No matching signature');
});

test('fails when there is no key to sign with: no callback is sent unsigned', () => {
  for (const keys of [[], { secrets: [] }, { secrets: [], signingKeys: [] }])
    expect(() => signCallback(keys, 'evt_1', nowSeconds(), '{}')).toThrow('there is no key to sign a callback with');
});

test('fails when id, timestamp or body differs', () => {
  const secret = encodeSecret(randomBytes(32));
  const timestamp = nowSeconds();
  const headers = signCallback([secret], 'evt_1', timestamp, '{"a":1}');
  const verify = (body: string, changed: object) => new Webhook(secret).verify(body, { ...headers, ...changed });
  expect(() => verify('{"a":2}', {})).toThrow('No matching signature');
  expect(() => verify('{"a":1}', { 'webhook-id': 'evt_2' })).toThrow('No matching signature');
  expect(() => verify('{"a":1}', { 'webhook-timestamp': String(timestamp - 1) })).toThrow('No matching signature');
});

test('writes a secret as whsec_ and base64', () => {
  expect(encodeSecret(Buffer.from([0xfb, 0xff, 0x00]))).toBe('whsec_+/8A');
});
