import { describe, expect, test } from 'vitest';
import { createAccessGuard } from '../../../../lib/local/iam/access-guard.ts';
import { readConditions } from '../../../../lib/local/iam/conditions.ts';
import { dynamodbCalls } from '../../../../lib/local/iam/dynamodb-calls.ts';
import { eventbridgeCalls } from '../../../../lib/local/iam/eventbridge-calls.ts';
import { type Caller, mayCall, type Statement } from '../../../../lib/local/iam/may-call.ts';
import type { RequiredCalls } from '../../../../lib/local/iam/required-calls.ts';
import { absenceCall, s3Calls } from '../../../../lib/local/iam/s3-calls.ts';
import { sqsCalls } from '../../../../lib/local/iam/sqs-calls.ts';

const table = 'arn:aws:dynamodb:us-east-1:000000000000:table/Events';
const queue = 'arn:aws:sqs:us-east-1:000000000000:Stack-Queue';
const key = 'arn:aws:kms:us-east-1:000000000000:key/Key';

const allow = (actions: string | string[], resources: string | string[]): Statement => ({
  effect: 'Allow',
  actions: [actions].flat(),
  resources: [resources].flat(),
});
const deny = (actions: string, resources: string): Statement => ({ ...allow(actions, resources), effect: 'Deny' });
const caller = (...statements: Statement[]): Caller => ({
  accessKeyId: 'ASIAF',
  arn: 'arn:aws:sts::000000000000:assumed-role/Role/F',
  statements,
});

test('a condition on leading keys allows only requests whose items all have one of them', () => {
  const only = caller({
    ...allow(['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Scan'], table),
    conditions: readConditions({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['own'] } }) ?? [],
  });
  const verdict = (target: string, body: object) => {
    const required = dynamodbCalls(
      `DynamoDB_20120810.${target}`,
      body,
      () => undefined,
      () => 'id',
    );
    return required.kind === 'calls' ? required.calls.map((call) => mayCall(only, call).kind) : required.kind;
  };
  const item = (id: string) => ({ id: { S: id } });
  const batch = (...ids: string[]) => ({ RequestItems: { Events: { Keys: ids.map(item) } } });
  expect(verdict('GetItem', { TableName: 'Events', Key: item('own') })).toEqual(['allowed']);
  expect(verdict('GetItem', { TableName: 'Events', Key: item('other') })).toEqual(['denied']);
  expect(verdict('BatchGetItem', batch('own', 'own'))).toEqual(['allowed']);
  expect(verdict('BatchGetItem', batch('own', 'other'))).toEqual(['denied']);
  expect(verdict('Scan', { TableName: 'Events' })).toEqual(['denied']);
});

describe('statements allow', () => {
  test.each<[what: string, statements: Statement[], action: string, resource: string, allowed: boolean]>([
    ['nothing without a statement', [], 'dynamodb:PutItem', table, false],
    ['the action and the resource', [allow('dynamodb:PutItem', table)], 'dynamodb:PutItem', table, true],
    [
      'one of several',
      [allow(['sqs:SendMessage', 'dynamodb:PutItem'], [queue, table])],
      'sqs:SendMessage',
      queue,
      true,
    ],
    ['another action', [allow('dynamodb:GetItem', table)], 'dynamodb:PutItem', table, false],
    ['another resource', [allow('dynamodb:PutItem', `${table}2`)], 'dynamodb:PutItem', table, false],
    ['a longer name', [allow('dynamodb:PutItem', table)], 'dynamodb:PutItem', `${table}2`, false],
    ['actions in any case', [allow('DynamoDB:putitem', table)], 'dynamodb:PutItem', table, true],
    [
      'resources only in the same case',
      [allow('dynamodb:PutItem', table.toLowerCase())],
      'dynamodb:PutItem',
      table,
      false,
    ],
    ['*', [allow('*', '*')], 'dynamodb:PutItem', table, true],
    ['a * in the action', [allow('dynamodb:Put*', table)], 'dynamodb:PutItem', table, true],
    ['a * that ends elsewhere', [allow('dynamodb:Batch*', table)], 'dynamodb:PutItem', table, false],
    ['a ? for one character', [allow('dynamodb:?utItem', table)], 'dynamodb:PutItem', table, true],
    ['a ? for no character', [allow('dynamodb:PutItem?', table)], 'dynamodb:PutItem', table, false],
    [
      'a * over several parts',
      [allow('s3:GetObject', 'arn:aws:s3:::b/*')],
      's3:GetObject',
      'arn:aws:s3:::b/x/y\nz',
      true,
    ],
    ['objects, not their bucket', [allow('s3:*', 'arn:aws:s3:::b/*')], 's3:ListBucket', 'arn:aws:s3:::b', false],
    ['a dot as a dot', [allow('s3:GetObject', 'arn:aws:s3:::a.b/*')], 's3:GetObject', 'arn:aws:s3:::axb/k', false],
    ['a table, not its index', [allow('dynamodb:Query', table)], 'dynamodb:Query', `${table}/index/i`, false],
    [
      'a table and its indexes',
      [allow('dynamodb:Query', `${table}/index/*`)],
      'dynamodb:Query',
      `${table}/index/i`,
      true,
    ],
    ['Deny over Allow', [allow('*', '*'), deny('dynamodb:Put*', '*')], 'dynamodb:PutItem', table, false],
    ['Deny elsewhere', [allow('*', '*'), deny('dynamodb:Put*', queue)], 'dynamodb:PutItem', table, true],
  ])('%s', (_what, statements, action, resource, allowed) => {
    expect(mayCall(caller(...statements), { action, resource }).kind).toBe(allowed ? 'allowed' : 'denied');
  });

  test('give the message of AWS', () => {
    const call = { action: 'dynamodb:PutItem', resource: table };
    const subject = `User: arn:aws:sts::000000000000:assumed-role/Role/F is not authorized to perform: dynamodb:PutItem on resource: ${table}`;
    expect(mayCall(caller(), call)).toEqual({
      kind: 'denied',
      message: `${subject} because no identity-based policy allows the dynamodb:PutItem action`,
    });
    expect(mayCall(caller(deny('*', '*')), call)).toEqual({
      kind: 'denied',
      message: `${subject} with an explicit deny in an identity-based policy`,
    });
  });
});

describe('a request needs permission for', () => {
  const unencrypted = () => undefined;
  const show = (required: RequiredCalls) =>
    required.kind === 'calls' ? required.calls.map(({ action, resource }) => `${action} ${resource}`) : required;

  test.each<[operation: string, body: object, expected: string[]]>([
    ['PutItem', { TableName: 'Events' }, [`dynamodb:PutItem ${table}`]],
    ['PutItem', { TableName: table }, [`dynamodb:PutItem ${table}`]],
    ['Query', { TableName: 'Events' }, [`dynamodb:Query ${table}`]],
    ['Query', { TableName: 'Events', IndexName: 'i' }, [`dynamodb:Query ${table}/index/i`]],
    ['BatchGetItem', { RequestItems: { Events: {} } }, [`dynamodb:BatchGetItem ${table}`]],
    [
      'BatchWriteItem',
      { RequestItems: { Events: [], Events2: [] } },
      [`dynamodb:BatchWriteItem ${table}`, `dynamodb:BatchWriteItem ${table}2`],
    ],
    [
      'BatchExecuteStatement',
      {
        Statements: ['Events', 'Events2', 'Events'].map((name) => ({
          Statement: `INSERT INTO "${name}" VALUE {'id': ?}`,
        })),
      },
      [`dynamodb:PartiQLInsert ${table}`, `dynamodb:PartiQLInsert ${table}2`],
    ],
    [
      'BatchExecuteStatement',
      {
        Statements: ['id', 'name'].map((name) => ({
          Statement: `UPDATE "Events" SET "${name}" = ? WHERE "id" = ?`,
        })),
      },
      [`dynamodb:PartiQLUpdate ${table}`],
    ],
  ])('DynamoDB %s %j', (operation, body, expected) => {
    expect(show(dynamodbCalls(`DynamoDB_20120810.${operation}`, body, unencrypted))).toEqual(expected);
  });

  test.each<[operation: string, action: string]>([
    ['SendMessage', 'sqs:SendMessage'],
    ['SendMessageBatch', 'sqs:SendMessage'],
    ['DeleteMessageBatch', 'sqs:DeleteMessage'],
    ['ChangeMessageVisibilityBatch', 'sqs:ChangeMessageVisibility'],
    ['ReceiveMessage', 'sqs:ReceiveMessage'],
  ])('SQS %s', (operation, action) => {
    const body = { QueueUrl: 'http://127.0.0.1:1/000000000000/Stack-Queue' };
    expect(show(sqsCalls(`AmazonSQS.${operation}`, body, unencrypted))).toEqual([`${action} ${queue}`]);
  });

  const bus = 'arn:aws:events:us-east-1:000000000000:event-bus';
  test.each<[entries: object[], expected: string[]]>([
    [[{}], [`events:PutEvents ${bus}/default`]],
    [[{ EventBusName: 'own' }, { EventBusName: 'own' }], [`events:PutEvents ${bus}/own`]],
    [
      [{ EventBusName: `${bus}/own` }, {}],
      [`events:PutEvents ${bus}/own`, `events:PutEvents ${bus}/default`],
    ],
  ])('EventBridge %j', (Entries, expected) => {
    expect(show(eventbridgeCalls('AWSEvents.PutEvents', { Entries }))).toEqual(expected);
  });
  test.each([
    [{ Name: 'own' }, `${bus}/own`],
    [{ Name: `${bus}/own` }, `${bus}/own`],
    [{}, `${bus}/default`],
  ])('EventBridge describes %j', (body, expected) => {
    expect(show(eventbridgeCalls('AWSEvents.DescribeEventBus', body))).toEqual([`events:DescribeEventBus ${expected}`]);
  });

  test.each<[method: string, url: string, expected: string[], headers?: Record<string, string>]>([
    ['GET', '/b/k?x-id=GetObject', ['s3:GetObject arn:aws:s3:::b/k']],
    ['GET', '/b/a%20b/c', ['s3:GetObject arn:aws:s3:::b/a b/c']],
    ['GET', '/b/k?versionId=1', ['s3:GetObjectVersion arn:aws:s3:::b/k']],
    ['HEAD', '/b/k', ['s3:GetObject arn:aws:s3:::b/k']],
    ['PUT', '/b/k', ['s3:PutObject arn:aws:s3:::b/k']],
    [
      'PUT',
      '/b/k',
      ['s3:PutObject arn:aws:s3:::b/k', 's3:PutObjectTagging arn:aws:s3:::b/k'],
      { 'x-amz-tagging': 'a=b' },
    ],
    ['PUT', '/b/k', ['s3:PutObject arn:aws:s3:::b/k', 's3:GetObject arn:aws:s3:::o/s'], { 'x-amz-copy-source': 'o/s' }],
    ['PUT', '/b/k?partNumber=1&uploadId=u', ['s3:PutObject arn:aws:s3:::b/k']],
    ['POST', '/b/k?uploads', ['s3:PutObject arn:aws:s3:::b/k']],
    ['POST', '/b/k?uploadId=u', ['s3:PutObject arn:aws:s3:::b/k']],
    ['DELETE', '/b/k?uploadId=u', ['s3:AbortMultipartUpload arn:aws:s3:::b/k']],
    ['DELETE', '/b/k', ['s3:DeleteObject arn:aws:s3:::b/k']],
    [
      'DELETE',
      '/b/k?versionId=v',
      ['s3:DeleteObjectVersion arn:aws:s3:::b/k', 's3:BypassGovernanceRetention arn:aws:s3:::b/k'],
      { 'x-amz-bypass-governance-retention': 'true' },
    ],
    ['GET', '/b?versions&prefix=a%2F&key-marker=k&version-id-marker=v', ['s3:ListBucketVersions arn:aws:s3:::b']],
    ['GET', '/b?list-type=2&prefix=', ['s3:ListBucket arn:aws:s3:::b']],
    ['HEAD', '/b/', ['s3:ListBucket arn:aws:s3:::b']],
  ])('S3 %s %s %j', (method, url, expected, headers = {}) => {
    expect(show(s3Calls({ method, url, headers }, unencrypted))).toEqual(expected);
  });

  test('each object of a batch delete, as for a single delete', () => {
    const body = Buffer.from(
      '<Delete><Object><Key>a/1&amp;2</Key></Object><Object><Key>b</Key><VersionId>null</VersionId></Object></Delete>',
    );
    const deletes = (headers = {}, text: unknown = body) =>
      s3Calls({ method: 'POST', url: '/b?delete', headers, body: text }, unencrypted);
    const each = ['s3:DeleteObject arn:aws:s3:::b/a/1&2', 's3:DeleteObjectVersion arn:aws:s3:::b/b'];
    expect(show(deletes())).toEqual(each);
    expect(show(deletes({ 'x-amz-bypass-governance-retention': 'true' }))).toEqual([
      each[0],
      's3:BypassGovernanceRetention arn:aws:s3:::b/a/1&2',
      each[1],
      's3:BypassGovernanceRetention arn:aws:s3:::b/b',
    ]);
    for (const strange of ['', '<Delete></Delete>', '<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>'])
      expect(deletes({}, Buffer.from(strange)).kind).toBe('unknown');
  });

  test('the key of an encrypted resource, too', () => {
    const keyOf = (resource: string) => ([table, queue, 'arn:aws:s3:::b'].includes(resource) ? key : undefined);
    const body = { TableName: 'Events', IndexName: 'i' };
    expect(show(dynamodbCalls('DynamoDB_20120810.Query', body, keyOf))).toContain(`kms:Decrypt ${key}`);
    expect(show(dynamodbCalls('DynamoDB_20120810.DescribeTable', body, keyOf))).not.toContain(`kms:Decrypt ${key}`);
    expect(show(s3Calls({ method: 'GET', url: '/b/k', headers: {} }, keyOf))).toContain(`kms:Decrypt ${key}`);
    expect(show(s3Calls({ method: 'PUT', url: '/b/k', headers: {} }, keyOf))).toContain(`kms:GenerateDataKey ${key}`);
    expect(show(s3Calls({ method: 'DELETE', url: '/b/k', headers: {} }, keyOf))).toHaveLength(1);
    const sent = sqsCalls('AmazonSQS.SendMessageBatch', { QueueUrl: '/Stack-Queue' }, keyOf);
    expect(show(sent)).toEqual([`sqs:SendMessage ${queue}`, `kms:GenerateDataKey ${key}`, `kms:Decrypt ${key}`]);
  });

  test('unknown operations, which are rejected rather than allowed', () => {
    expect(dynamodbCalls('DynamoDB_20120810.TransactWriteItems', {}, unencrypted).kind).toBe('unknown');
    expect(sqsCalls('AmazonSQS.StartMessageMoveTask', {}, unencrypted).kind).toBe('unknown');
    expect(eventbridgeCalls('AWSEvents.PutRule', {}).kind).toBe('unknown');
    expect(eventbridgeCalls('AWSEvents.PutEvents', {}).kind).toBe('malformed');
    expect(eventbridgeCalls('AWSEvents.DescribeEventBus', { Name: 1 }).kind).toBe('malformed');
    for (const url of ['/b/k?tagging', '/b?versioning', '/b?policy', '/b?location='])
      expect(s3Calls({ method: 'GET', url, headers: {} }, unencrypted).kind).toBe('unknown');
    expect(s3Calls({ method: 'POST', url: '/b?delete', headers: {} }, unencrypted).kind).toBe('unknown');
  });

  test('the absence of an object only when it reads the object', () => {
    const headers = {};
    const list = { action: 's3:ListBucket', resource: 'arn:aws:s3:::b' };
    expect(absenceCall({ method: 'GET', url: '/b/k', headers })).toEqual(list);
    expect(absenceCall({ method: 'DELETE', url: '/b/k', headers })).toBeUndefined();
    expect(absenceCall({ method: 'GET', url: '/b', headers })).toBeUndefined();
  });
});

describe('the guard of an emulator', () => {
  const signedBy = (id: string) => ({
    url: '/',
    authorization: `AWS4-HMAC-SHA256 Credential=${id}/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
  });
  const guard = createAccessGuard();
  const put = (): RequiredCalls => ({ kind: 'calls', calls: [{ action: 'dynamodb:PutItem', resource: table }] });
  const start = (...statements: Statement[]) =>
    guard.enforce({ ownAccessKeyId: 'local', callers: [caller(...statements)], keyByResource: {} });

  test('restricts no caller before it has rules, then every caller but the runner', () => {
    expect(guard.restricts(signedBy('ASIAF'))).toBe(false);
    start();
    expect(guard.restricts(signedBy('local'))).toBe(false);
    expect(guard.restricts(signedBy('ASIAF'))).toBe(true);
    expect(guard.restricts({ url: '/', authorization: undefined })).toBe(true);
  });

  test('knows the signer of a presigned URL', () => {
    start(allow('dynamodb:PutItem', table));
    const url = '/b/k?X-Amz-Credential=ASIAF%2F20261121%2Fus-east-1%2Fs3%2Faws4_request';
    expect(guard.refuse({ url, authorization: undefined }, put)).toBeUndefined();
  });

  test('fails when the caller or the operation is unknown', () => {
    start(allow('*', '*'));
    expect(guard.refuse(signedBy('ASIAF'), put)).toBeUndefined();
    expect(guard.refuse(signedBy('ASIAother'), put)).toMatchObject({ kind: 'unknown-credentials' });
    expect(guard.refuse({ url: '/', authorization: undefined }, put)).toMatchObject({ kind: 'unknown-credentials' });
    expect(guard.refuse(signedBy('ASIAF'), () => ({ kind: 'unknown', operation: 'sqs:New' }))).toMatchObject({
      kind: 'access-denied',
      message: expect.stringMatching(/called sqs:New, and the local runner does not know/) as string,
    });
  });

  test('fails when one of several calls is denied', () => {
    start(allow('dynamodb:*', table));
    const both = (): RequiredCalls => ({
      kind: 'calls',
      calls: [
        { action: 'dynamodb:PutItem', resource: table },
        { action: 'kms:Decrypt', resource: key },
      ],
    });
    expect(guard.refuse(signedBy('ASIAF'), both)?.message).toMatch(/perform: kms:Decrypt on resource: .*key\/Key /);
  });
});
