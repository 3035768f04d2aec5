import { createHash } from 'node:crypto';
import { beforeEach, expect, test, vi } from 'vitest';
import { nowMs, useIntegrationsFolder } from '../integrations-folder.ts';
import { type Reply, useLoopback } from '../loopback-server.ts';

/** Uses a stub of SQS for answers that the emulator cannot give; test/contract/redrive.test.ts uses the emulator. */
const folder = useIntegrationsFolder();
const serve = useLoopback();

const letters = 'https://sqs.eu-west-1.amazonaws.com/111122223333/DeliveryDeadLetters';
const queue = 'https://sqs.eu-west-1.amazonaws.com/111122223333/Delivery';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  vi.stubEnv('AWS_REGION', undefined);
  vi.stubEnv('AWS_PROFILE', undefined);
  return () => vi.unstubAllEnvs();
});

/** The SDK compares it. */
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** A stub of SQS whose dead-letter queue answers with these batches in order, then with nothing. */
async function serveSqs(batches: readonly (readonly object[])[], change: (operation: string) => Reply | undefined) {
  let received = 0;
  const sqs = await serve(({ headers, body }) => {
    const operation = String(headers['x-amz-target']).split('.')[1] ?? '';
    const answered = change(operation);
    if (answered !== undefined) return answered;
    if (operation === 'SendMessage') {
      const { MessageBody } = JSON.parse(body) as { readonly MessageBody: string };
      return { body: { MessageId: 'm', MD5OfMessageBody: md5(MessageBody) } };
    }
    if (operation !== 'ReceiveMessage') return { body: {} };
    received += 1;
    return { body: { Messages: batches[received - 1] ?? [] } };
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', sqs.url);
  return {
    sqs,
    calls: () =>
      sqs.received.map(({ headers, body }) => [
        String(headers['x-amz-target']).split('.')[1],
        JSON.parse(body) as Record<string, unknown>,
      ]),
  };
}

const sources =
  (...queueUrls: readonly string[]) =>
  (operation: string) =>
    operation === 'ListDeadLetterSourceQueues' ? { body: { queueUrls } } : undefined;

const letter = (id: string, change: object = {}) => ({
  MessageId: id,
  ReceiptHandle: `receipt-${id}`,
  Body: `body-${id}`,
  MD5OfBody: md5(`body-${id}`),
  Attributes: { SentTimestamp: String(nowMs - 1000), MessageGroupId: 'sub_1' },
  ...change,
});

const redrive = (...argv: readonly string[]) => folder.run(['redrive', '--queue', letters, ...argv]);

test('sends each letter to the queue that it came from, then deletes it', async () => {
  const { sqs, calls } = await serveSqs([[letter('1')]], sources(queue));
  expect(await redrive()).toEqual({ exitCode: 0, output: `moved 1 message to ${queue}\n` });
  expect(calls().map(([operation]) => operation)).toEqual([
    'ListDeadLetterSourceQueues',
    'ReceiveMessage',
    'SendMessage',
    'DeleteMessage',
    'ReceiveMessage',
  ]);
  expect(calls()[2]).toEqual([
    'SendMessage',
    { QueueUrl: queue, MessageBody: 'body-1', MessageAttributes: {}, MessageGroupId: 'sub_1' },
  ]);
  // The queue's URL names the region if the environment does not.
  expect(sqs.received[0]?.headers.authorization).toContain('/eu-west-1/sqs/');
});

test('leaves messages that became dead letters after the start, and ends', async () => {
  const again = letter('2', { Attributes: { SentTimestamp: String(nowMs + 5) } });
  const { calls } = await serveSqs([[letter('1')], [again], [again], [again], [again]], sources(queue));
  const { exitCode, output } = await redrive('--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(output)).toEqual({ from: letters, to: queue, moved: 1, left: 1, interrupted: false });
  expect(calls().filter(([operation]) => operation === 'SendMessage')).toHaveLength(1);
});

test('counts and moves nothing', async () => {
  const { calls } = await serveSqs([], (operation) =>
    operation === 'GetQueueAttributes' ? { body: { Attributes: { ApproximateNumberOfMessages: '12' } } } : undefined,
  );
  expect(await redrive('--to', queue, '--dry-run')).toEqual({
    exitCode: 0,
    output: `would move about 12 messages to ${queue}\n`,
  });
  expect(calls().map(([operation]) => operation)).toEqual(['GetQueueAttributes']);
});

test('fails when a letter cannot be sent, keeps it, and reports the progress until then', async () => {
  let sends = 0;
  const { calls } = await serveSqs([[letter('1')], [letter('2')]], (operation) => {
    if (operation !== 'SendMessage') return undefined;
    sends += 1;
    const refusal = { __type: 'com.amazonaws.sqs#AccessDeniedException', message: 'Not allowed to send.' };
    return sends === 1 ? undefined : { status: 403, body: refusal };
  });
  const { exitCode, output } = await redrive('--to', queue);
  expect(exitCode).toBe(1);
  expect(output).toMatch(/^moved 1 message, then:\n.*Not allowed to send\.\n$/);
  const deleted = calls().filter(([operation]) => operation === 'DeleteMessage');
  expect(deleted).toEqual([['DeleteMessage', { QueueUrl: letters, ReceiptHandle: 'receipt-1' }]]);
});

test.each([
  ['of no queue', []],
  ['of two queues', [queue, `${queue}2`]],
])('fails when the queue is the dead-letter queue %s, and moves nothing', async (_, queueUrls) => {
  const { calls } = await serveSqs([[letter('1')]], sources(...queueUrls));
  const { exitCode, output } = await redrive();
  expect(exitCode).toBe(1);
  expect(output).toContain(`dead-letter queue of ${queueUrls.length} queues: name one with --to.`);
  expect(calls()).toHaveLength(1);
});

test.each([
  ['neither a subscription nor a queue is named', [], 'Expected either a subscription, or --queue'],
  ['both are named', ['sub_1', '--queue', letters], 'Expected either a subscription, or --queue'],
  ['the queue is not a URL', ['--queue', 'delivery'], '--queue: got "delivery", expected the URL of a queue.'],
  ['the target is not a URL', ['--queue', letters, '--to', 'x'], '--to: got "x", expected the URL of a queue.'],
  ['the target is the queue', ['--queue', letters, '--to', letters], '--to: got the dead-letter queue itself'],
  ['a queue has a tenant', ['--queue', letters, '--tenant', 'acme'], '--tenant has no meaning for a queue.'],
  ['a subscription has a target', ['sub_1', '--to', queue], '--to has no meaning for a subscription.'],
])('fails when %s', async (_, argv, message) => {
  const { exitCode, output } = await folder.run(['redrive', ...argv]);
  expect(exitCode).toBe(2);
  expect(output).toContain(message);
});
