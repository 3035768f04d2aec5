import { expect, test } from 'vitest';
import { prepareWebhook } from '../../lambdas/engine/verification/prepare-webhook.ts';
import { receiveWebhook } from '../../lambdas/engine/verification/receive-webhook.ts';
import { compileIntegrations } from '../../lib/definitions/compile-integrations.ts';

/** What the providers themselves, or the tests of their own libraries, give as a request and its signature. */
interface Vector {
  readonly source: string;
  readonly integration: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly secret?: string;
  readonly nowSeconds?: number;
  readonly expected: object;
}

const slackCommand =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
const slackHeaders = {
  'content-type': 'application/x-www-form-urlencoded',
  'x-slack-request-timestamp': '1531420618',
  'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
};

const vectors: readonly Vector[] = [
  {
    source:
      'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation',
    integration: 'github',
    headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
    body: 'Hello, World!',
    secret: "It's a Secret to Everybody",
    // GitHub signs this text to show how; it never sends it.
    expected: { kind: 'malformed', verdict: { kind: 'verified' } },
  },
  {
    source: 'https://github.com/octokit/webhooks-methods.js/blob/main/test/sign.test.ts',
    integration: 'github',
    headers: {
      'content-type': 'application/json',
      'x-hub-signature-256': 'sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3',
    },
    body: '{"foo":"bar"}',
    secret: 'mysecret',
    expected: { kind: 'verified' },
  },
  {
    source: 'https://api.slack.com/authentication/verifying-requests-from-slack',
    integration: 'slack',
    headers: slackHeaders,
    body: slackCommand,
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    nowSeconds: 1_531_420_618,
    expected: { kind: 'verified' },
  },
  {
    source:
      'https://github.com/slackapi/python-slack-sdk/blob/main/tests/signature/test_signature_verifier.py (expiration)',
    integration: 'slack',
    headers: slackHeaders,
    body: slackCommand,
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    nowSeconds: 1_531_420_919,
    expected: { kind: 'rejected', reason: 'timestamp-too-old' },
  },
  {
    source: 'https://api.slack.com/events/url_verification',
    integration: 'slack',
    headers: { 'content-type': 'application/json' },
    body: '{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}',
    expected: {
      kind: 'handshake',
      response: {
        status: 200,
        headers: { 'content-type': 'text/plain', 'x-content-type-options': 'nosniff' },
        body: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P',
      },
    },
  },
  ...['{"text":"Ping test"}', '"Ping test"'].map((body) => ({
    source: 'https://apidocs.hibob.com/docs/working-with-webhooks (ping; no signature is published)',
    integration: 'hibob',
    headers: { 'content-type': 'application/json' },
    body,
    expected: { kind: 'handshake', name: 'ping', response: { status: 200, body: '' } },
  })),
];

const definitions = compileIntegrations(new URL('../../integrations/', import.meta.url));

test.each(vectors)('$integration is received as published: $source', (vector) => {
  const definition = definitions.get(vector.integration);
  if (definition === undefined) throw new Error(`no ${vector.integration}`);
  const { headers, body, secret, nowSeconds = 0 } = vector;
  const request = { method: 'POST', path: '/', query: '', headers, body: Buffer.from(body) };
  const secrets = secret === undefined ? {} : { signing_secret: secret };
  expect(receiveWebhook(prepareWebhook(definition), request, secrets, nowSeconds * 1000)).toMatchObject(
    vector.expected,
  );
});
