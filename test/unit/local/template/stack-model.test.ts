import { expect, test } from 'vitest';
import { readStackModel } from '../../../../lib/local/template/stack-model.ts';
import { httpApiTo, queueTo, roleWith } from '../fixture-assembly.ts';

const endpoints = {
  sqs: 'http://127.0.0.1:1',
  s3: 'http://127.0.0.1:1',
  dynamodb: 'http://127.0.0.1:2',
  eventbridge: 'http://127.0.0.1:4',
  kms: 'http://127.0.0.1:5',
  kinesis: 'http://127.0.0.1:5',
  sts: 'http://127.0.0.1:5',
  http: 'http://localhost:3',
  functionUrl: 'http://127.0.0.1:9',
};

const lambda = (properties: object = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'b', S3Key: 'a.zip' },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    Role: { 'Fn::GetAtt': ['FRole', 'Arn'] },
    ...properties,
  },
});

const read = (Resources: object, sections: object = {}) =>
  readStackModel(
    {
      stackName: 'Stack',
      template: { ...sections, Resources: { FRole: roleWith(), ...Resources } },
      assetFolders: new Map([['a.zip', '/asset']]),
    },
    endpoints,
  );

test('derives queues, mappings and redrive policies', () => {
  const model = read({
    F: lambda(),
    ...queueTo('F', {
      BatchSize: 50,
      MaximumBatchingWindowInSeconds: '2',
      ScalingConfig: { MaximumConcurrency: 5 },
    }),
  });
  const queue = model.queues.find(({ logicalId }) => logicalId === 'Queue');
  expect(queue).toMatchObject({
    name: 'Stack-Queue',
    url: 'http://127.0.0.1:1/000000000000/Stack-Queue',
    arn: 'arn:aws:sqs:us-east-1:000000000000:Stack-Queue',
    attributes: {
      VisibilityTimeout: '180',
      RedrivePolicy:
        '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:Stack-DeadLetters","maxReceiveCount":2}',
    },
  });
  expect(model.queueSources).toMatchObject([
    { queue: { logicalId: 'Queue' }, batchSize: 50, batchingWindowMs: 2000, maxConcurrency: 5 },
  ]);
  expect(model.queueSources[0]?.reportsBatchItemFailures).toBe(true);
});

test('omits resources that a condition excludes, and disabled mappings', () => {
  const model = read(
    {
      F: lambda(),
      Absent: { Type: 'AWS::S3::Bucket', Condition: 'IsProd' },
      ...queueTo('F', { Enabled: false }),
    },
    {
      Parameters: { Stage: { Type: 'String', Default: 'local' } },
      Conditions: { IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] } },
    },
  );
  expect(model.buckets).toEqual([]);
  expect(model.queueSources).toEqual([]);
});

test('gives a function the address of this machine, however the template refers to the API', () => {
  const model = read({
    F: lambda({
      Environment: {
        Variables: {
          A: { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] },
          B: {
            'Fn::Join': [
              '',
              ['https://', { Ref: 'Api' }, '.execute-api.', { Ref: 'AWS::Region' }, '.amazonaws.com/in'],
            ],
          },
        },
      },
    }),
    ...httpApiTo('F'),
  });
  expect(model.functions[0]?.environment).toEqual({ A: 'http://localhost:3', B: 'http://localhost:3/in' });
});

test('shortens generated names to what the service accepts', () => {
  const [bucket] = read({ [`B${'x'.repeat(80)}`]: { Type: 'AWS::S3::Bucket' } }).buckets;
  expect(bucket?.name).toMatch(/^stack-bx+-[0-9a-f]{8}$/);
  expect(bucket?.name).toHaveLength(63);
});

test('fails when types or properties are unknown, and names all of them', () => {
  const thrown = () =>
    read({
      Gadget: { Type: 'AWS::Gadget::Thing' },
      Queue: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } },
      F: lambda({ Layers: ['x'], Environment: { Secret: true } }),
      Table: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: { 'Fn::ImportValue': 'x' } } },
    });
  expect(thrown).toThrow(expect.objectContaining({ code: 'template-not-understood' }));
  expect(thrown).toThrow(/Gadget: resource type AWS::Gadget::Thing is not understood/);
  expect(thrown).toThrow(/Queue \(AWS::SQS::Queue\): property FifoQueue is not understood/);
  expect(thrown).toThrow(/F \(AWS::Lambda::Function\): property Layers is not understood/);
  expect(thrown).toThrow(/property Environment\.Secret is not understood/);
  expect(thrown).toThrow(/Table \(AWS::DynamoDB::Table\): .*Fn::ImportValue is not understood/);
  expect(thrown).toThrow(/noLocalEffect/);
});

/** A function with an alias, and who may invoke which of the two. */
const aliased = (permitted: object) => ({
  F: lambda(),
  Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'F' } } },
  Live: {
    Type: 'AWS::Lambda::Alias',
    Properties: {
      FunctionName: { Ref: 'F' },
      FunctionVersion: { 'Fn::GetAtt': ['Version', 'Version'] },
      Name: 'live',
    },
    UpdatePolicy: { CodeDeployLambdaAliasUpdate: { ApplicationName: 'a', DeploymentGroupName: 'g' } },
  },
  Rule: {
    Type: 'AWS::Events::Rule',
    Properties: { ScheduleExpression: 'rate(1 minute)', Targets: [{ Id: 'T', Arn: { Ref: 'Live' } }] },
  },
  Invoke: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: { FunctionName: { Ref: 'F' }, Qualifier: 'live', MaximumRetryAttempts: 0 },
  },
  May: {
    Type: 'AWS::Lambda::Permission',
    Properties: { Action: 'lambda:InvokeFunction', FunctionName: permitted, Principal: 'events.amazonaws.com' },
  },
});

test('finds the function of an alias, by its ARN or by its name, with the retries of that alias', () => {
  const byName = { 'Fn::Join': ['', [{ 'Fn::Select': [6, { 'Fn::Split': [':', { Ref: 'Live' }] }] }, ':live']] };
  const model = read({ ...aliased({ Ref: 'Live' }), ...queueTo('F', { FunctionName: byName }) });
  expect(model.queueSources).toMatchObject([{ function: { logicalId: 'F' } }]);
  expect(model.schedules).toMatchObject([{ function: { logicalId: 'F' }, asyncRetries: 0 }]);
  expect(model.functions[0]?.qualifiers).toMatchObject([
    { qualifier: '$LATEST', name: 'Stack-F', asyncRetries: 2 },
    { qualifier: 'live', name: 'Stack-F:live', arn: 'arn:aws:lambda:us-east-1:000000000000:function:Stack-F:live' },
  ]);
});

test('fails when a source may invoke the function, but not the alias that it names', () => {
  expect(() => read(aliased({ Ref: 'F' }))).toThrow(
    /the alias live of F has no AWS::Lambda::Permission for events.amazonaws.com/,
  );
});

test('a function URL of an alias needs the permission of that alias', () => {
  const withUrl = (permitted: string) => ({
    ...aliased({ Ref: 'Live' }),
    Url: {
      Type: 'AWS::Lambda::Url',
      Properties: { TargetFunctionArn: { Ref: 'F' }, Qualifier: 'live', AuthType: 'NONE' },
      DependsOn: 'Live',
    },
    Public: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        Action: 'lambda:InvokeFunctionUrl',
        FunctionName: { Ref: permitted },
        Principal: '*',
        FunctionUrlAuthType: 'NONE',
      },
    },
  });
  expect(read(withUrl('Live')).functionUrl).toMatchObject({ logicalId: 'F' });
  expect(() => read(withUrl('F'))).toThrow(/the alias live of F has no AWS::Lambda::Permission for \*/);
});

test('fails when a source has no function, or lacks the permission that AWS requires', () => {
  const { Permission: _permission, ...api } = httpApiTo('F');
  expect(() => read({ F: lambda(), ...api })).toThrow(/F has no AWS::Lambda::Permission for apigateway.amazonaws.com/);
  expect(() => read({ F: lambda(), ...queueTo('F', { FunctionName: 'other' }) })).toThrow(
    /Mapping: other is not a function of the stack/,
  );
  expect(() => read({ F: lambda({ Code: { S3Bucket: 'b', S3Key: 'z.zip' } }) })).toThrow(
    /z\.zip is not an asset folder/,
  );
});
