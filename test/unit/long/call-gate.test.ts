import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, test } from 'vitest';
import { type CallFault, startCallGate } from '../../../lib/local/faults/call-gate.ts';
import type { GatedCall } from '../../../lib/local/faults/gated-call.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** An emulator behind a gate, which accepts and counts everything, and the calls that the gate saw. */
async function open(judge: (call: GatedCall, number: number) => CallFault | undefined = () => undefined) {
  const taken: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      taken.push(Buffer.concat(chunks).toString('utf8'));
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => new Promise((resolve) => server.close(resolve)));
  const calls: GatedCall[] = [];
  const kills: string[] = [];
  const gate = await startCallGate({
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    judge(call) {
      calls.push(call);
      return judge(call, calls.length);
    },
    callerOf: (accessKeyId) => (accessKeyId === 'nobody' ? undefined : accessKeyId),
    kill: (caller) => kills.push(caller),
  });
  undo.push(() => gate.stop());
  const config = (accessKeyId = 'normalize') => ({
    region: 'us-east-1',
    endpoint: gate.endpoint,
    credentials: { accessKeyId, secretAccessKey: 'x' },
    maxAttempts: 3,
  });
  const put = async (accessKeyId?: string) => {
    const client = new DynamoDBClient(config(accessKeyId));
    undo.push(() => client.destroy());
    await client.send(new PutItemCommand({ TableName: 'events', Item: { id: { S: '1' } } }));
  };
  return { taken, calls, kills, config, put };
}

describe('the gate', () => {
  test('sees the tables of a call, also of a batch or of statements', async () => {
    const { calls, config } = await open();
    const dynamo = new DynamoDBClient(config());
    undo.push(() => dynamo.destroy());
    const Keys = [{ id: { S: '1' } }];
    await dynamo.send(new BatchGetItemCommand({ RequestItems: { accounts: { Keys }, events: { Keys } } }));
    const Statement = `INSERT INTO "idempotency" VALUE {'id': ?}`;
    const Statements = ['1', '2'].map((id) => ({ Statement, Parameters: [{ S: id }] }));
    await dynamo.send(new BatchExecuteStatementCommand({ Statements }));
    expect(calls.map(({ operation, resource }) => [operation, resource])).toEqual([
      ['BatchGetItem', 'accounts+events'],
      ['BatchExecuteStatement', 'idempotency'],
    ]);
  });

  test('sees the caller, the service, the operation and the resource of a call', async () => {
    const { calls, config, put } = await open();
    await put();
    const sqs = new SQSClient({ ...config(), md5: false });
    const s3 = new S3Client({ ...config(), forcePathStyle: true });
    const kms = new KMSClient(config());
    undo.push(() => [sqs, s3, kms].forEach((client) => client.destroy()));
    await sqs.send(new SendMessageCommand({ QueueUrl: 'http://sqs/000000000000/raw', MessageBody: 'x' }));
    await s3.send(new PutObjectCommand({ Bucket: 'payloads', Key: 'a/b', Body: 'x' }));
    await s3.send(new GetObjectCommand({ Bucket: 'payloads', Key: 'a/b' }));
    const KeyId = 'arn:aws:kms:us-east-1:000000000000:key/credentials';
    await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }));
    await kms.send(new DecryptCommand({ CiphertextBlob: Buffer.from('a') }));
    expect(calls.map(({ caller, service, operation, resource }) => [caller, service, operation, resource])).toEqual([
      ['normalize', 'dynamodb', 'PutItem', 'events'],
      ['normalize', 'sqs', 'SendMessage', 'raw'],
      ['normalize', 's3', 'PutObject', 'payloads'],
      ['normalize', 's3', 'GetObject', 'payloads'],
      ['normalize', 'kms', 'GenerateDataKey', 'credentials'],
      ['normalize', 'kms', 'Decrypt', ''],
    ]);
    expect(new Set(calls.map(({ invocationId }) => invocationId)).size).toBe(6);
  });

  test('passes calls of an unknown caller', async () => {
    const { calls, taken, put } = await open(() => ({ kind: 'refused' }));
    await put('nobody');
    expect(calls).toEqual([]);
    expect(taken).toHaveLength(1);
  });
});

describe('a call', () => {
  test('that is refused has no effect, and its client retries under the same id', async () => {
    const { taken, calls, put } = await open((_, number) => (number === 1 ? { kind: 'refused' } : undefined));
    await put();
    expect(taken).toHaveLength(1);
    expect(calls).toHaveLength(2);
    expect(calls[0]?.invocationId).toBe(calls[1]?.invocationId);
  });

  test('whose answer is lost has its effect, and has it again when its client retries', async () => {
    const { taken, put } = await open((_, number) => (number === 1 ? { kind: 'answer-lost' } : undefined));
    await put();
    expect(taken).toHaveLength(2);
    expect(taken[0]).toBe(taken[1]);
  });

  test('fails when it is throttled each time, after all attempts of its client', async () => {
    const { taken, calls, put } = await open(() => ({ kind: 'throttled' }));
    await expect(put()).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
    expect(taken).toEqual([]);
    expect(calls).toHaveLength(3);
  });

  test('fails with the error of KMS when a key is throttled', async () => {
    const { taken, config } = await open(() => ({ kind: 'throttled' }));
    const kms = new KMSClient(config());
    undo.push(() => kms.destroy());
    const dataKey = new GenerateDataKeyCommand({ KeyId: 'credentials', KeySpec: 'AES_256' });
    await expect(kms.send(dataKey)).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect(taken).toEqual([]);
  });

  test('that is doubled has its effect twice, and one answer', async () => {
    const { taken, calls, put } = await open(() => ({ kind: 'doubled' }));
    await put();
    expect(taken).toHaveLength(2);
    expect(calls).toHaveLength(1);
  });

  test('that is delayed passes afterwards', async () => {
    const { taken, put } = await open(() => ({ kind: 'delayed', delayMs: 1 }));
    await put();
    expect(taken).toHaveLength(1);
  });

  test('that kills its caller has its effect first', async () => {
    const { taken, kills, put } = await open((_, number) => (number === 1 ? { kind: 'killed' } : undefined));
    await put();
    expect(kills).toEqual(['normalize']);
    // A caller that was really killed would not have retried.
    expect(taken).toHaveLength(2);
  });
});
