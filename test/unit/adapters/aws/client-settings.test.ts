import { createHash, createHmac } from 'node:crypto';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { clientSettings, lean } from '../../../../lambdas/adapters/aws/client-settings.ts';

const Sha256 = clientSettings.sha256;
const text = 'AWS4-HMAC-SHA256';
const bytes = new TextEncoder().encode(`..${text}`).subarray(2);

test.each([
  ['a string', text],
  ['a view into a larger buffer', bytes],
  ['a buffer', new Uint8Array(bytes).buffer],
])('the digest of %s is SHA-256', async (_, data) => {
  const hash = new Sha256();
  hash.update(data);
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
});

test.each([
  ['a string', 'key'],
  ['bytes', new TextEncoder().encode('key')],
])('with %s as secret, the digest is the HMAC', async (_, secret) => {
  const hash = new Sha256(secret);
  hash.update(text);
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(createHmac('sha256', 'key').update(text).digest('hex'));
  hash.reset();
  hash.update('other');
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(
    createHmac('sha256', 'key').update('other').digest('hex'),
  );
});

test('a lean client has no logging middleware, and sends its own user agent', async () => {
  const settings = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
  const steps = (client: SQSClient) => client.middlewareStack.identify().join(' ');
  expect(steps(new SQSClient(settings))).toMatch(/loggerMiddleware.*getUserAgentMiddleware|getUserAgent.*logger/);
  const client = lean(new SQSClient({ ...settings, ...clientSettings, md5: false }));
  expect(steps(client)).not.toMatch(/loggerMiddleware|getUserAgentMiddleware/);

  let headers: Readonly<Record<string, string>> = {};
  client.middlewareStack.add(
    (next) => (args) => {
      ({ headers } = args.request as { readonly headers: Readonly<Record<string, string>> });
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'look' },
  );
  const requestHandler = { handle: async () => Promise.reject(new Error('no network here')) };
  client.config.requestHandler = requestHandler;
  await expect(
    client.send(new SendMessageCommand({ QueueUrl: 'https://sqs.us-east-1.amazonaws.com/1/q', MessageBody: 'x' })),
  ).rejects.toThrow('no network here');
  expect(headers['user-agent']).toBe('tributary');
  expect(headers['authorization']).toMatch(/^AWS4-HMAC-SHA256 /);
});
