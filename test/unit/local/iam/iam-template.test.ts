import { expect, test } from 'vitest';
import { readStackModel } from '../../../../lib/local/template/stack-model.ts';
import { queueTo, roleWith } from '../fixture-assembly.ts';

const endpoints = {
  sqs: 'http://s',
  s3: 'http://s',
  dynamodb: 'http://d',
  eventbridge: 'http://e',
  kms: 'http://k',
  kinesis: 'http://k',
  sts: 'http://k',
  http: 'http://h',
  functionUrl: 'http://127.0.0.1:9',
};
const tableArn = 'arn:aws:dynamodb:us-east-1:000000000000:table/Stack-Table';
const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/Stack-Key';

const read = (Resources: object, sections: object = {}) =>
  readStackModel(
    {
      stackName: 'Stack',
      template: {
        ...sections,
        Resources: {
          F: {
            Type: 'AWS::Lambda::Function',
            Properties: {
              Code: { S3Bucket: 'b', S3Key: 'a.zip' },
              Handler: 'index.handler',
              Runtime: 'nodejs24.x',
              Role: { 'Fn::GetAtt': ['FRole', 'Arn'] },
            },
          },
          FRole: roleWith(),
          ...Resources,
        },
      },
      assetFolders: new Map([['a.zip', '/asset']]),
    },
    endpoints,
  );
const statementsOf = (resources: object) => read(resources).functions[0]?.caller.statements;

const table = {
  Type: 'AWS::DynamoDB::Table',
  Properties: { AttributeDefinitions: [], KeySchema: [] },
};
const get = { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: { 'Fn::GetAtt': ['Table', 'Arn'] } };
const policy = (type: string, properties: object, ...Statement: object[]) => ({
  Type: type,
  Properties: { PolicyDocument: { Version: '2012-10-17', Statement }, ...properties },
});

test('collects inline, attached and managed policies, with the ARNs of this machine', () => {
  const attached = policy(
    'AWS::IAM::Policy',
    { PolicyName: 'Attached', Roles: [{ Ref: 'FRole' }] },
    {
      Effect: 'Deny',
      Action: ['dynamodb:Delete*', 'logs:PutLogEvents'],
      Resource: [{ 'Fn::Join': ['', [{ 'Fn::GetAtt': ['Table', 'Arn'] }, '/index/*']] }],
    },
  );
  const other = policy('AWS::IAM::Policy', { PolicyName: 'Other', Roles: ['other'] }, { ...get, Action: '*' });
  const managed = policy('AWS::IAM::ManagedPolicy', {}, { ...get, Action: 'dynamodb:Query' });
  const role = roleWith(get);
  Object.assign(role.Properties, {
    ManagedPolicyArns: [
      { Ref: 'Managed' },
      {
        'Fn::Join': [
          '',
          ['arn:', { Ref: 'AWS::Partition' }, ':iam::aws:policy/service-role/AWSLambdaBasicExecutionRole'],
        ],
      },
    ],
  });
  const model = read({ Table: table, FRole: role, Attached: attached, Other: other, Managed: managed });
  expect(model.functions[0]?.caller).toEqual({
    accessKeyId: 'ASIAF',
    arn: 'arn:aws:sts::000000000000:assumed-role/Stack-FRole/Stack-F',
    statements: [
      { effect: 'Allow', actions: ['dynamodb:GetItem'], resources: [tableArn] },
      { effect: 'Deny', actions: ['dynamodb:Delete*'], resources: [`${tableArn}/index/*`] },
      { effect: 'Allow', actions: ['dynamodb:Query'], resources: [tableArn] },
    ],
  });
});

test('accepts any statement about services that are not emulated', () => {
  const Condition = { StringEquals: { 'cloudwatch:namespace': 'Tributary' } };
  const put = { Effect: 'Allow', Action: 'cloudwatch:PutMetricData', Resource: '*', Condition };
  expect(statementsOf({ FRole: roleWith(put) })).toEqual([]);
});

test('fails when a statement cannot be evaluated, and names the reason', () => {
  const thrown = () =>
    statementsOf({
      Table: table,
      FRole: roleWith(
        { ...get, Sid: 'Keys', Condition: { 'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['a'] } } },
        { Effect: 'Allow', NotAction: 'iam:*', Resource: '*' },
        { Effect: 'Deny', Action: 'dynamodb:*', NotResource: '*' },
        { ...get, Resource: 'arn:aws:s3:::b/${aws:username}' },
      ),
    });
  expect(thrown).toThrow(expect.objectContaining({ code: 'template-not-understood' }));
  expect(thrown).toThrow(/FRole\.Own: statement Keys: Condition .*dynamodb:Attributes.* is not understood/);
  expect(thrown).toThrow(/statement 1: NotAction is not understood/);
  expect(thrown).toThrow(/statement 2: NotResource is not understood/);
  expect(thrown).toThrow(/statement 3: the policy variable in .*aws:username/);
});

test('fails when a role or a managed policy is unknown', () => {
  const role = roleWith();
  Object.assign(role.Properties, { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] });
  expect(() => read({ FRole: role })).toThrow(/FRole: the managed policy .*AdministratorAccess is not known/);
  const Conditions = { Never: { 'Fn::Equals': [1, 2] } };
  expect(() => read({ FRole: { ...roleWith(), Condition: 'Never' } }, { Conditions })).toThrow(
    /F: Role arn:aws:iam::000000000000:role\/Stack-FRole is not a role of the stack/,
  );
});

test.each(['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])(
  'fails when the role of a consumer lacks sqs:%s on its queue',
  (action) => {
    const resources = queueTo('F') as Record<
      string,
      { Properties: { PolicyDocument: { Statement: { Action: string[] }[] } } }
    >;
    const statement = resources['ConsumePolicy']?.Properties.PolicyDocument.Statement[0] as { Action: string[] };
    statement.Action = statement.Action.filter((name) => name !== `sqs:${action}`);
    expect(() => read(resources)).toThrow(
      new RegExp(`Mapping: AWS would not poll the queue: .* perform: sqs:${action} on resource: .*:Stack-Queue `),
    );
  },
);

const root = { AWS: 'arn:aws:iam::000000000000:root' };
const keyWith = (...Statement: object[]) => ({
  Type: 'AWS::KMS::Key',
  Properties: { KeyPolicy: { Version: '2012-10-17', Statement } },
});
const delegation = { Effect: 'Allow', Action: 'kms:*', Principal: root, Resource: '*' };
const encryptedTable = {
  ...table,
  Properties: {
    ...table.Properties,
    SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] } },
  },
};

test('knows the key of each table, bucket and queue, and the statements of its key policy', () => {
  const encryption = { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: { Ref: 'Key' } } };
  const model = read({
    Key: keyWith(delegation, {
      ...delegation,
      Action: ['kms:Decrypt'],
      Principal: { AWS: { 'Fn::GetAtt': ['FRole', 'Arn'] } },
    }),
    Table: encryptedTable,
    Bucket: {
      Type: 'AWS::S3::Bucket',
      Properties: { BucketEncryption: { ServerSideEncryptionConfiguration: [encryption] } },
    },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { KmsMasterKeyId: { Ref: 'Key' } } },
    Plain: { Type: 'AWS::SQS::Queue', Properties: { KmsMasterKeyId: 'alias/aws/sqs' } },
  });
  expect(model.keyByResource).toEqual({
    [tableArn]: keyArn,
    'arn:aws:s3:::stack-bucket': keyArn,
    'arn:aws:sqs:us-east-1:000000000000:Stack-Queue': keyArn,
  });
  expect(model.functions[0]?.caller.statements).toEqual([
    { effect: 'Allow', actions: ['kms:Decrypt'], resources: [keyArn] },
  ]);
});

test('knows a key that encrypts no resource, and the statements of its key policy', () => {
  const principal = { AWS: { 'Fn::GetAtt': ['FRole', 'Arn'] } };
  const model = read({
    Key: keyWith(delegation, { ...delegation, Action: ['kms:GenerateDataKey'], Principal: principal }),
    Other: { Type: 'AWS::KMS::Key', Properties: {} },
  });
  expect(model.keyArns).toEqual([keyArn, 'arn:aws:kms:us-east-1:000000000000:key/Stack-Other']);
  expect(model.keyByResource).toEqual({});
  expect(model.functions[0]?.caller.statements).toEqual([
    { effect: 'Allow', actions: ['kms:GenerateDataKey'], resources: [keyArn] },
  ]);
});

test('fails when a key is not of the stack, or its policy cannot be evaluated', () => {
  const Condition = { StringEquals: { 'kms:ViaService': 's3' } };
  for (const resources of [{ Table: encryptedTable, Key: keyWith() }, { Key: keyWith() }])
    expect(() => read(resources)).toThrow(/Key: KeyPolicy: expected a statement/);
  expect(() => read({ Table: encryptedTable, Key: keyWith(delegation, { ...delegation, Condition }) })).toThrow(
    /Key: KeyPolicy: Condition .*kms:ViaService.* is not understood/,
  );
  expect(() => read({ Table: encryptedTable, Key: keyWith(delegation, { ...delegation, Effect: 'Deny' }) })).toThrow(
    /Key: KeyPolicy: Deny/,
  );
  expect(() => read({ Queue: { Type: 'AWS::SQS::Queue', Properties: { KmsMasterKeyId: 'alias/mine' } } })).toThrow(
    /Queue: its key alias\/mine is not an AWS::KMS::Key of the stack/,
  );
});
