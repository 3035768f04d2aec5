import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small cloud assembly on disk, as the CDK would write it. */
export interface FixtureAssembly {
  readonly assemblyDir: string;
  readonly stackName: string;
  remove(): Promise<void>;
}

export interface FixtureFunction {
  /** Source of index.mjs. */
  readonly code: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  /** Statements of its role, `<logical id>Role`. */
  readonly statements?: readonly unknown[];
}

/** Writes an assembly with these functions (logical ids as keys) and these other resources. */
export async function writeFixtureAssembly(
  functions: Readonly<Record<string, FixtureFunction>>,
  resources: Readonly<Record<string, unknown>> = {},
  sections: Readonly<Record<string, unknown>> = {},
): Promise<FixtureAssembly> {
  const assemblyDir = await mkdtemp(join(tmpdir(), 'tributary-assembly-'));
  const stackName = 'Fixture';
  const files: Record<string, unknown> = {};
  const declared: Record<string, unknown> = {};
  for (const [logicalId, { code, properties, statements = [] }] of Object.entries(functions)) {
    const path = `asset.${logicalId}`;
    await mkdir(join(assemblyDir, path));
    await writeFile(join(assemblyDir, path, 'index.mjs'), code);
    files[logicalId] = {
      source: { path, packaging: 'zip' },
      destinations: { current: { bucketName: 'assets', objectKey: `${logicalId}.zip` } },
    };
    declared[logicalId] = {
      Type: 'AWS::Lambda::Function',
      Properties: {
        Code: { S3Bucket: { 'Fn::Sub': 'assets-${AWS::AccountId}-${AWS::Region}' }, S3Key: `${logicalId}.zip` },
        Handler: 'index.handler',
        Runtime: 'nodejs24.x',
        Role: { 'Fn::GetAtt': [`${logicalId}Role`, 'Arn'] },
        Timeout: 5,
        MemorySize: 128,
        ...properties,
      },
      Metadata: { 'aws:cdk:path': `Fixture/${logicalId}/Function/Resource` },
    };
    declared[`${logicalId}Role`] = roleWith(...statements);
  }
  const manifest = {
    artifacts: {
      Fixture: { type: 'aws:cloudformation:stack', properties: { templateFile: 'Fixture.template.json' } },
      'Fixture.assets': { type: 'cdk:asset-manifest', properties: { file: 'Fixture.assets.json' } },
    },
  };
  const template = { ...sections, Resources: { ...declared, ...resources } };
  await writeFile(join(assemblyDir, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(assemblyDir, 'Fixture.assets.json'), JSON.stringify({ files }));
  await writeFile(join(assemblyDir, 'Fixture.template.json'), JSON.stringify(template));
  return { assemblyDir, stackName, remove: () => rm(assemblyDir, { recursive: true, force: true }) };
}

/** A role of a function. */
export function roleWith(...statements: readonly unknown[]): { Type: string; Properties: Record<string, unknown> } {
  const Policies = [{ PolicyName: 'Own', PolicyDocument: { Version: '2012-10-17', Statement: statements } }];
  return { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: { NotResolved: true }, Policies } };
}

/** An HTTP API that sends everything to one function. */
export function httpApiTo(functionId: string, routeKeys: readonly string[] = ['$default']): Record<string, unknown> {
  return {
    Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: 'api', ProtocolType: 'HTTP' } },
    Stage: {
      Type: 'AWS::ApiGatewayV2::Stage',
      Properties: { ApiId: { Ref: 'Api' }, StageName: '$default', AutoDeploy: true },
    },
    Integration: {
      Type: 'AWS::ApiGatewayV2::Integration',
      Properties: {
        ApiId: { Ref: 'Api' },
        IntegrationType: 'AWS_PROXY',
        IntegrationUri: { 'Fn::GetAtt': [functionId, 'Arn'] },
        PayloadFormatVersion: '2.0',
      },
    },
    Permission: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        Action: 'lambda:InvokeFunction',
        FunctionName: { 'Fn::GetAtt': [functionId, 'Arn'] },
        Principal: 'apigateway.amazonaws.com',
      },
    },
    ...Object.fromEntries(
      routeKeys.map((RouteKey, index) => [
        `Route${index}`,
        {
          Type: 'AWS::ApiGatewayV2::Route',
          Properties: {
            ApiId: { Ref: 'Api' },
            RouteKey,
            Target: { 'Fn::Join': ['/', ['integrations', { Ref: 'Integration' }]] },
          },
        },
      ]),
    ),
  };
}

/** A queue with its dead-letter queue, and a function that consumes it and has the permissions. */
export function queueTo(
  functionId: string,
  mapping: Readonly<Record<string, unknown>> = {},
  queue: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    DeadLetters: { Type: 'AWS::SQS::Queue' },
    Queue: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        VisibilityTimeout: 180,
        RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] }, maxReceiveCount: 2 },
        ...queue,
      },
    },
    ConsumePolicy: {
      Type: 'AWS::IAM::Policy',
      Properties: {
        PolicyName: 'Consume',
        Roles: [{ Ref: `${functionId}Role` }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
              Resource: { 'Fn::GetAtt': ['Queue', 'Arn'] },
            },
          ],
        },
      },
    },
    Mapping: {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
        FunctionName: { Ref: functionId },
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ...mapping,
      },
    },
  };
}
