import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { CreateTableCommand, DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { EncryptCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalEngine, startLocalEngine } from '../../../../lib/local/engine.ts';
import { type FixtureAssembly, writeFixtureAssembly } from '../fixture-assembly.ts';

const { resolve } = createRequire(import.meta.url);
const sdkUrl = (service: string) => pathToFileURL(resolve(`@aws-sdk/client-${service}`)).href;

/** Sends one command with the SDK's client, as a bundle does, and returns the outcome. */
const caller = `
import dynamodb from '${sdkUrl('dynamodb')}';
import eventbridge from '${sdkUrl('eventbridge')}';
import kms from '${sdkUrl('kms')}';
import s3 from '${sdkUrl('s3')}';
import sqs from '${sdkUrl('sqs')}';
const clients = {
  dynamodb: [dynamodb, new dynamodb.DynamoDBClient()],
  eventbridge: [eventbridge, new eventbridge.EventBridgeClient()],
  kms: [kms, new kms.KMSClient()],
  s3: [s3, new s3.S3Client()],
  sqs: [sqs, new sqs.SQSClient()],
};
export const handler = async ({ service, command, input }) => {
  const [sdk, client] = clients[service];
  try {
    await client.send(new sdk[command + 'Command'](input));
    return { name: 'ok' };
  } catch (error) {
    return { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode };
  }
};`;

const statement = (Action: string | string[], ...Resource: unknown[]) => ({ Effect: 'Allow', Action, Resource });
const arnOf = (logicalId: string, suffix = '') => ({
  'Fn::Join': ['', [{ 'Fn::GetAtt': [logicalId, 'Arn'] }, suffix]],
});
const table = (SSESpecification?: object) => ({
  Type: 'AWS::DynamoDB::Table',
  Properties: {
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    SSESpecification,
  },
});

let assembly: FixtureAssembly;
let engine: LocalEngine;

beforeAll(async () => {
  assembly = await writeFixtureAssembly(
    {
      Caller: {
        code: caller,
        statements: [
          statement('dynamodb:PutItem', arnOf('Open'), arnOf('Sealed')),
          statement('dynamodb:GetItem', arnOf('Open')),
          statement('dynamodb:BatchGetItem', arnOf('Open')),
          statement('sqs:SendMessage', arnOf('Queue')),
          statement('events:PutEvents', {
            'Fn::Sub': 'arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default',
          }),
          statement(['s3:GetObject', 's3:PutObject'], arnOf('Bucket', '/*'), arnOf('Listed', '/*')),
          statement('s3:ListBucket', arnOf('Listed')),
          statement('kms:GenerateDataKey', arnOf('CredentialsKey')),
        ],
      },
      Nobody: { code: caller },
    },
    {
      Open: table(),
      Sealed: table({ SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } }),
      Key: { Type: 'AWS::KMS::Key' },
      CredentialsKey: { Type: 'AWS::KMS::Key' },
      Queue: { Type: 'AWS::SQS::Queue' },
      Bucket: { Type: 'AWS::S3::Bucket' },
      Listed: { Type: 'AWS::S3::Bucket' },
    },
  );
  engine = await startLocalEngine({ ...assembly, port: 0 });
});

afterAll(async () => {
  await engine.stop();
  await assembly.remove();
});

const nameOf = (logicalId: string) => engine.resources.find((one) => one.logicalId === logicalId)?.ref as string;
const send = async (service: string, command: string, input: object, from = 'caller') => {
  const outcome = await engine.invoke(from, { service, command, input });
  return JSON.parse(outcome.kind === 'succeeded' ? outcome.payload : JSON.stringify(outcome)) as unknown;
};
const denied = (name: string, status: number, call: string) => ({
  name,
  status,
  message: expect.stringMatching(
    new RegExp(
      `^User: arn:aws:sts::000000000000:assumed-role/Fixture-\\w+Role/Fixture-\\w+ is not authorized to perform: ${call} because no identity-based policy allows the \\S+ action$`,
    ),
  ) as string,
});
const item = { id: { S: 'a' } };

test('allows a function the actions that its role allows', async () => {
  const ok = { name: 'ok' };
  expect(await send('dynamodb', 'PutItem', { TableName: nameOf('Open'), Item: item })).toEqual(ok);
  expect(await send('dynamodb', 'GetItem', { TableName: nameOf('Open'), Key: item })).toEqual(ok);
  expect(await send('sqs', 'SendMessage', { QueueUrl: nameOf('Queue'), MessageBody: 'x' })).toEqual(ok);
  const Entries = [{ Id: '1', MessageBody: 'x' }];
  expect(await send('sqs', 'SendMessageBatch', { QueueUrl: nameOf('Queue'), Entries })).toEqual(ok);
  const object = { Bucket: nameOf('Bucket'), Key: 'a b/c' };
  expect(await send('s3', 'PutObject', { ...object, Body: 'x'.repeat(1024 * 1024) })).toEqual(ok);
  expect(await send('s3', 'GetObject', object)).toEqual(ok);
  const dataKey = { KeyId: nameOf('CredentialsKey'), KeySpec: 'AES_256' };
  expect(await send('kms', 'GenerateDataKey', dataKey)).toEqual(ok);
  const notice = { Source: 'tributary', DetailType: 'subscription.disabled', Detail: '{"a":1}' };
  expect(await send('eventbridge', 'PutEvents', { Entries: [notice] })).toEqual(ok);
  expect(engine.busEvents()).toMatchObject([{ bus: 'default', detailType: 'subscription.disabled', detail: { a: 1 } }]);
});

test('fails when the role does not allow the action, with the error of each service', async () => {
  const arn = (service: string, name: string) => `arn:aws:${service}:us-east-1:000000000000:${name}`;
  expect(await send('dynamodb', 'DeleteItem', { TableName: nameOf('Open'), Key: item })).toEqual(
    denied('AccessDeniedException', 400, `dynamodb:DeleteItem on resource: ${arn('dynamodb', 'table/Fixture-Open')}`),
  );
  expect(
    await send('dynamodb', 'BatchGetItem', {
      RequestItems: { [nameOf('Open')]: { Keys: [item] }, [nameOf('Sealed')]: { Keys: [item] } },
    }),
  ).toEqual(
    denied(
      'AccessDeniedException',
      400,
      `dynamodb:BatchGetItem on resource: ${arn('dynamodb', 'table/Fixture-Sealed')}`,
    ),
  );
  expect(await send('sqs', 'ReceiveMessage', { QueueUrl: nameOf('Queue') })).toEqual(
    denied('AccessDenied', 403, `sqs:ReceiveMessage on resource: ${arn('sqs', 'Fixture-Queue')}`),
  );
  expect(await send('s3', 'DeleteObject', { Bucket: nameOf('Bucket'), Key: 'a' })).toEqual(
    denied('AccessDenied', 403, 's3:DeleteObject on resource: arn:aws:s3:::fixture-bucket/a'),
  );
  const ContentType = 'application/x-amz-json-1.0';
  expect(await send('kms', 'GenerateDataKey', { KeyId: nameOf('Key'), KeySpec: 'AES_256' })).toEqual(
    denied('AccessDeniedException', 400, `kms:GenerateDataKey on resource: ${arn('kms', 'key/Fixture-Key')}`),
  );
  const disguised = { Bucket: nameOf('Bucket'), Key: 'a', Body: '{}', ContentType };
  expect(await send('s3', 'PutObject', disguised, 'nobody')).toMatchObject({ name: 'AccessDenied', status: 403 });
  expect(await send('s3', 'HeadBucket', { Bucket: nameOf('Bucket') })).toMatchObject({ status: 403 });
});

test('fails when the role may not use the key of an encrypted table', async () => {
  expect(await send('dynamodb', 'PutItem', { TableName: nameOf('Sealed'), Item: item })).toEqual(
    denied('AccessDeniedException', 400, 'kms:Decrypt on resource: arn:aws:kms:us-east-1:000000000000:key/Fixture-Key'),
  );
});

test('answers 403 for a missing object to a caller that may not list the bucket', async () => {
  const read = (command: string, bucket: string) => send('s3', command, { Bucket: nameOf(bucket), Key: 'absent' });
  expect(await read('GetObject', 'Bucket')).toEqual(
    denied('AccessDenied', 403, 's3:ListBucket on resource: arn:aws:s3:::fixture-bucket'),
  );
  expect(await read('HeadObject', 'Bucket')).toMatchObject({ status: 403 });
  expect(await read('GetObject', 'Listed')).toMatchObject({ name: 'NoSuchKey', status: 404 });
  expect(await read('HeadObject', 'Listed')).toMatchObject({ status: 404 });
});

test('enforces the role of each function', async () => {
  expect(await send('dynamodb', 'PutItem', { TableName: nameOf('Open'), Item: item }, 'nobody')).toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('assumed-role/Fixture-NobodyRole/Fixture-Nobody ') as string,
  });
});

test('fails when an operation is not described in lib/local/iam', async () => {
  expect(await send('dynamodb', 'ListTagsOfResource', { ResourceArn: 'arn:x' })).toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('the local runner does not know which permissions it needs') as string,
  });
});

test('restricts no client of the runner itself, and rejects unknown credentials', async () => {
  const own = new DynamoDBClient(engine.clientConfig('dynamodb'));
  const created = await own.send(
    new CreateTableCommand({
      TableName: 'Another',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  expect(created.TableDescription?.TableName).toBe('Another');
  const s3 = new S3Client({ ...engine.clientConfig('s3'), forcePathStyle: true });
  await expect(s3.send(new GetObjectCommand({ Bucket: nameOf('Bucket'), Key: 'absent' }))).rejects.toMatchObject({
    name: 'NoSuchKey',
  });
  const kms = new KMSClient(engine.clientConfig('kms'));
  const encrypted = await kms.send(new EncryptCommand({ KeyId: nameOf('Key'), Plaintext: Buffer.from('a') }));
  expect(encrypted.KeyId).toBe('arn:aws:kms:us-east-1:000000000000:key/Fixture-Key');
  const stranger = new DynamoDBClient({
    ...engine.clientConfig('dynamodb'),
    credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' },
  });
  await expect(stranger.send(new ListTablesCommand())).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
  for (const client of [own, s3, kms, stranger]) client.destroy();
});
