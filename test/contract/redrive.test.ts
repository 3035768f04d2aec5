import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandOutput,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, expect, test, vi } from 'vitest';
import { moveDeadLetters } from '../../lib/cli/engine/move-dead-letters.ts';
import { awsConfig, useEmulator } from './emulated-aws.ts';

const fauxqs = useEmulator('fauxqs');
afterEach(() => vi.unstubAllEnvs());

test('moves the messages of a dead-letter queue to another queue', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', fauxqs.endpoint());
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
  const client = new SQSClient({ ...awsConfig, endpoint: fauxqs.endpoint() });
  const create = async (QueueName: string) => (await client.send(new CreateQueueCommand({ QueueName }))).QueueUrl ?? '';
  const receiveAll = async (QueueUrl: string) => {
    const all: NonNullable<ReceiveMessageCommandOutput['Messages']> = [];
    for (;;) {
      const { Messages = [] } = await client.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
      );
      if (Messages.length === 0) return all;
      all.push(...Messages);
    }
  };
  const [from, to] = [await create('letters'), await create('work')];
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  for (let number = 0; number < 23; number += 1)
    await client.send(
      new SendMessageCommand({
        QueueUrl: from,
        MessageBody: `job ${number}`,
        MessageAttributes: { reason: text('it failed'), trace: text('t') },
      }),
    );

  const { signal } = new AbortController();
  const request = { from, to, nowMs: Date.now() + 60_000, signal };
  expect(await moveDeadLetters({ ...request, isDryRun: true })).toEqual({ kind: 'counted', to, letters: 23 });
  expect(await moveDeadLetters({ ...request, isDryRun: false })).toEqual({
    kind: 'moved',
    to,
    moved: 23,
    left: 0,
    isInterrupted: false,
  });
  const moved = await receiveAll(to);
  expect(new Set(moved.map(({ Body }) => Body)).size).toBe(23);
  // The reason is removed; all other attributes are unchanged.
  expect(moved[0]?.MessageAttributes).toEqual({ trace: expect.objectContaining({ StringValue: 't' }) });
  expect(await receiveAll(from)).toEqual([]);
  client.destroy();
});

test('fails when there is no such queue', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', fauxqs.endpoint());
  vi.stubEnv('AWS_REGION', awsConfig.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', awsConfig.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', awsConfig.credentials.secretAccessKey);
  const none = `${fauxqs.endpoint()}/000000000000/none`;
  const { signal } = new AbortController();
  expect(await moveDeadLetters({ from: none, to: `${none}2`, isDryRun: false, nowMs: 0, signal })).toMatchObject({
    kind: 'failed',
    moved: 0,
    error: expect.stringContaining('QueueDoesNotExist'),
  });
});
