import { createHash, createHmac } from 'node:crypto';
import { SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { clientSettings, withoutLog } from '../../../lambdas/adapters/aws/client-settings.ts';

const Sha256 = clientSettings.sha256;
const text = 'AWS4-HMAC-SHA256';
const bytes = new TextEncoder().encode(`..${text}`).subarray(2);

test.each([
  ['a text', text],
  ['bytes within others', bytes],
  ['a buffer', new Uint8Array(bytes).buffer],
])('the digest of %s is SHA-256', async (_, data) => {
  const hash = new Sha256();
  hash.update(data);
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(createHash('sha256').update(text).digest('hex'));
});

test.each([
  ['a text', 'key'],
  ['bytes', new TextEncoder().encode('key')],
])('with a secret that is %s it is the HMAC', async (_, secret) => {
  const hash = new Sha256(secret);
  hash.update(text);
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(createHmac('sha256', 'key').update(text).digest('hex'));
  hash.reset();
  hash.update('other');
  expect(Buffer.from(await hash.digest()).toString('hex')).toBe(
    createHmac('sha256', 'key').update('other').digest('hex'),
  );
});

test('a client without a log does nothing for one', () => {
  const settings = { region: 'us-east-1' };
  const logs = (client: SQSClient) => client.middlewareStack.identify().filter((name) => /logger/i.test(name));
  expect(logs(new SQSClient(settings))).toHaveLength(1);
  expect(logs(withoutLog(new SQSClient(settings)))).toEqual([]);
});
