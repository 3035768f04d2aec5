import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { environmentKeys } from '../../../lambdas/contracts/environment.ts';
import { type Resource, type SynthesizedStage, synthesize } from '../synthesized-stage.ts';

const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666';
const zone = { hostedZoneId: 'Z0123456789ABC', hostedZoneName: 'example.com' };
const domainName = 'api.example.com';
const ingressDomainName = 'hooks.example.com';

const dev = synthesize('dev', { tags: 'team=data,cost-centre=42' });
const prod = synthesize('prod');
const oneDomain = synthesize('dev', { domainName, ...zone, executeApiEndpoint: 'closed', ipAddressType: 'dualstack' });
const twoDomains = synthesize('dev', { domainName, ingressDomainName, certificateArn });
const mutual = synthesize('dev', {
  domainName,
  ingressDomainName,
  ...zone,
  truststoreUri: 's3://trust/authorities/store.pem',
  truststoreVersion: 'version-1',
});

const ofType = (stage: SynthesizedStage, type: string): [string, Resource][] =>
  Object.entries(stage.resources).filter(([, resource]) => resource.Type === type);

function only(stage: SynthesizedStage, type: string, name = /./): Resource {
  const found = ofType(stage, type).filter(([id]) => name.test(id));
  expect(found, `${type} ${name.source}`).toHaveLength(1);
  return (found[0] as [string, Resource])[1];
}

/** Keys of the routes of an API, by the prefix of its logical id. */
function routesOf(stage: SynthesizedStage, api: 'HttpApi' | 'IngressApi'): string[] {
  return ofType(stage, 'AWS::ApiGatewayV2::Route')
    .filter(([, { Properties }]) => Properties.ApiId.Ref.startsWith(api))
    .map(([, { Properties }]) => String(Properties.RouteKey))
    .sort();
}

const webhookRoutes = ['ANY /in/{integration}', 'ANY /in/{integration}/{account}'];
const otherRoutes = [
  'ANY /v1/{proxy+}',
  'GET /connect/{integration}/callback',
  'GET /console',
  'GET /console/{proxy+}',
  'GET /healthz',
];

const environmentOf = (stage: SynthesizedStage, name: RegExp, key: string) =>
  only(stage, 'AWS::Lambda::Function', name).Properties.Environment.Variables[key];

describe.each([
  ['with tags', dev],
  ['with one domain name', oneDomain],
  ['with two domain names', twoDomains],
  ['with mutual TLS', mutual],
])('a stack %s', (_, stage) => {
  test('synthesizes without a warning, and passes cdk-nag and the validation of CDK', () => {
    expect(stage.messages).toEqual([]);
    expect(stage.findings).toEqual([]);
  });
});

describe('one domain name', () => {
  test('has a certificate that its zone validates, alias records there, and TLS 1.2', () => {
    const [[certificate] = expect.fail('no certificate')] = ofType(oneDomain, 'AWS::CertificateManager::Certificate');
    expect(oneDomain.resources[certificate]?.Properties).toMatchObject({
      DomainName: domainName,
      ValidationMethod: 'DNS',
      DomainValidationOptions: [{ DomainName: domainName, HostedZoneId: zone.hostedZoneId }],
    });
    expect(only(oneDomain, 'AWS::ApiGatewayV2::DomainName').Properties.DomainNameConfigurations).toEqual([
      {
        CertificateArn: { Ref: certificate },
        EndpointType: 'REGIONAL',
        SecurityPolicy: 'TLS_1_2',
        IpAddressType: 'dualstack',
      },
    ]);
    const records = ofType(oneDomain, 'AWS::Route53::RecordSet').map(([, { Properties }]) => Properties);
    expect(records.map(({ Name, Type, HostedZoneId }) => `${Type} ${Name} ${HostedZoneId}`).sort()).toEqual([
      `A api.example.com. ${zone.hostedZoneId}`,
      `AAAA api.example.com. ${zone.hostedZoneId}`,
    ]);
    // The zone leads to it: the deployer has no record to create.
    expect(oneDomain.outputs).not.toHaveProperty('DomainTarget');
  });

  test('is the origin of the API, the console and webhooks, and the own endpoint may be closed', () => {
    expect(oneDomain.outputs).toMatchObject({
      ApiUrl: { Value: 'https://api.example.com' },
      ConsoleUrl: { Value: 'https://api.example.com/console' },
      IngressUrl: { Value: 'https://api.example.com/in' },
    });
    const api = only(oneDomain, 'AWS::ApiGatewayV2::Api').Properties;
    expect(api).toMatchObject({ DisableExecuteApiEndpoint: true, IpAddressType: 'dualstack' });
    expect(only(dev, 'AWS::ApiGatewayV2::Api').Properties).not.toHaveProperty('DisableExecuteApiEndpoint');
    expect(routesOf(oneDomain, 'HttpApi')).toEqual([...webhookRoutes, ...otherRoutes].sort());
    for (const name of [/^ApiFunction/, /^IngressFunction/])
      expect(environmentOf(oneDomain, name, environmentKeys.ingressUrl)).toBe('https://api.example.com');
    expect(environmentOf(oneDomain, /^ApiFunction/, environmentKeys.publicUrl)).toBe('https://api.example.com');
  });
});

describe('a domain name for webhooks', () => {
  test('leads to an API of its own, which has the routes of webhooks alone', () => {
    expect(routesOf(twoDomains, 'IngressApi')).toEqual(webhookRoutes);
    // Providers that still call the first one lose nothing.
    expect(routesOf(twoDomains, 'HttpApi')).toEqual([...webhookRoutes, ...otherRoutes].sort());
    const mappings = ofType(twoDomains, 'AWS::ApiGatewayV2::ApiMapping').map(([, { Properties }]) => Properties);
    const apiOf = (domain: string) =>
      mappings.find(({ DomainName }) => twoDomains.resources[DomainName.Ref]?.Properties.DomainName === domain)?.ApiId
        .Ref;
    expect(apiOf(ingressDomainName)).toMatch(/^IngressApi/);
    expect(apiOf(domainName)).toMatch(/^HttpApi/);
  });

  test('is the origin of the URLs of webhooks, and the engine calls neither name', () => {
    expect(twoDomains.outputs).toMatchObject({
      ApiUrl: { Value: 'https://api.example.com' },
      IngressUrl: { Value: 'https://hooks.example.com/in' },
    });
    expect(environmentOf(twoDomains, /^ApiFunction/, environmentKeys.publicUrl)).toBe('https://api.example.com');
    for (const name of [/^ApiFunction/, /^IngressFunction/])
      expect(environmentOf(twoDomains, name, environmentKeys.ingressUrl)).toBe('https://hooks.example.com');
    const own = JSON.stringify(environmentOf(twoDomains, /^DeliverFunction/, environmentKeys.ownOrigins));
    for (const origin of ['https://api.example.com', 'https://hooks.example.com', 'HttpApi', 'IngressApi'])
      expect(own).toContain(origin);
  });

  test('takes the certificate of the first name, and the deployer learns where its records must lead', () => {
    for (const [, { Properties }] of ofType(twoDomains, 'AWS::ApiGatewayV2::DomainName'))
      expect(Properties.DomainNameConfigurations[0].CertificateArn).toBe(certificateArn);
    expect(ofType(twoDomains, 'AWS::CertificateManager::Certificate')).toEqual([]);
    expect(ofType(twoDomains, 'AWS::Route53::RecordSet')).toEqual([]);
    for (const name of ['DomainTarget', 'IngressDomainTarget'])
      expect(twoDomains.outputs[name]?.Value).toMatchObject({
        'Fn::GetAtt': [expect.any(String), 'RegionalDomainName'],
      });
  });
});

describe('mutual TLS', () => {
  test('is asked for at the name of webhooks only, with the version of the truststore', () => {
    const names = ofType(mutual, 'AWS::ApiGatewayV2::DomainName').map(([, { Properties }]) => [
      Properties.DomainName,
      Properties.MutualTlsAuthentication,
    ]);
    const trust = {
      TruststoreUri: expect.anything(),
      TruststoreVersion: 'version-1',
    };
    expect(Object.fromEntries(names)).toEqual({ [domainName]: undefined, [ingressDomainName]: trust });
    expect(JSON.stringify(names)).toContain('s3://trust/authorities/store.pem');
  });

  /** The function behind each route of an API, by the prefix of its logical id. */
  function targetsOf(stage: SynthesizedStage, api: 'HttpApi' | 'IngressApi'): Record<string, string> {
    const routes = ofType(stage, 'AWS::ApiGatewayV2::Route').filter(([, { Properties }]) =>
      Properties.ApiId.Ref.startsWith(api),
    );
    return Object.fromEntries(
      routes.map(([, { Properties }]) => {
        const [, { Ref: integration }] = Properties.Target['Fn::Join'][1];
        const alias = stage.resources[integration]?.Properties.IntegrationUri.Ref;
        return [Properties.RouteKey, stage.resources[alias]?.Properties.FunctionName.Ref.replace(/Function.*$/, '')];
      }),
    );
  }

  test('leaves no way for webhooks around it: only the second API leads to ingress, and its own endpoint is closed', () => {
    expect(targetsOf(twoDomains, 'HttpApi')).toMatchObject({
      'ANY /in/{integration}': 'Ingress',
      'ANY /in/{integration}/{account}': 'Ingress',
    });
    // The function api answers these 404.
    expect(targetsOf(mutual, 'HttpApi')).toMatchObject({
      'ANY /in/{integration}': 'Api',
      'ANY /in/{integration}/{account}': 'Api',
    });
    expect(Object.values(targetsOf(mutual, 'HttpApi'))).not.toContain('Ingress');
    expect(targetsOf(mutual, 'IngressApi')).toEqual({
      'ANY /in/{integration}': 'Ingress',
      'ANY /in/{integration}/{account}': 'Ingress',
    });
    expect(only(mutual, 'AWS::ApiGatewayV2::Api', /^IngressApi/).Properties.DisableExecuteApiEndpoint).toBe(true);
    expect(only(mutual, 'AWS::ApiGatewayV2::Api', /^HttpApi/).Properties.DisableExecuteApiEndpoint).toBeUndefined();
    expect(
      only(twoDomains, 'AWS::ApiGatewayV2::Api', /^IngressApi/).Properties.DisableExecuteApiEndpoint,
    ).toBeUndefined();
  });
});

test('turning mutual TLS on removes no route that has settings: API Gateway keeps the settings, and refuses the stage', () => {
  const settingsOf = (stage: SynthesizedStage) =>
    only(stage, 'AWS::ApiGatewayV2::Stage', /^HttpApi/).Properties.RouteSettings;
  expect(settingsOf(mutual)).toEqual(settingsOf(twoDomains));
  expect(routesOf(mutual, 'HttpApi')).toEqual(routesOf(twoDomains, 'HttpApi'));
  // The routes are changed in place.
  const idsOf = (stage: SynthesizedStage) => ofType(stage, 'AWS::ApiGatewayV2::Route').map(([id]) => id);
  expect(idsOf(mutual).sort()).toEqual(idsOf(twoDomains).sort());
});

describe('tags', () => {
  /** Types whose tags this stack uses; the others have none, or CloudFormation does not set them. */
  const types = [
    'AWS::ApiGatewayV2::Api',
    'AWS::CloudWatch::Alarm',
    'AWS::DynamoDB::Table',
    'AWS::IAM::Role',
    'AWS::KMS::Key',
    'AWS::Lambda::Function',
    'AWS::Logs::LogGroup',
    'AWS::S3::Bucket',
    'AWS::SNS::Topic',
    'AWS::SQS::Queue',
  ];

  test('of the deployer and of the stage are on every resource that costs money', () => {
    const expected = { team: 'data', 'cost-centre': '42', 'tributary:stage': 'dev' };
    for (const type of types) {
      for (const [id, { Properties }] of ofType(dev, type)) {
        if (id.startsWith('CustomS3AutoDeleteObjects')) continue;
        const tags: unknown = Array.isArray(Properties.Tags)
          ? Object.fromEntries(Properties.Tags.map(({ Key, Value }: Record<string, string>) => [Key, Value]))
          : Properties.Tags;
        expect(tags, id).toMatchObject(expected);
      }
    }
    const { Tags } = only(prod, 'AWS::SNS::Topic').Properties;
    expect(Tags).toEqual([{ Key: 'tributary:stage', Value: 'prod' }]);
  });
});

describe('outputs', () => {
  const named = (name: string) => JSON.stringify(dev.outputs[name]?.Value);

  test('are few, and name what a deployer and scripts look for', () => {
    expect(Object.keys(dev.outputs).sort()).toEqual([
      'AlarmTopicArn',
      'ApiId',
      'ApiKeysTable',
      'ApiUrl',
      'AuditBucket',
      'AuditRetentionDays',
      'AuditTable',
      'BucketNames',
      'ConsoleUrl',
      'DeadLetterQueueUrls',
      'IngressUrl',
      'LogGroupNames',
      'TableNames',
    ]);
  });

  test('list every table, every dead-letter queue, and the log group of every function', () => {
    const refer = (output: string, ids: readonly string[]) => {
      expect(ids.length).toBeGreaterThan(0);
      for (const id of ids) expect(named(output)).toContain(`{"Ref":"${id}"}`);
    };
    refer(
      'TableNames',
      ofType(dev, 'AWS::DynamoDB::Table').map(([id]) => id),
    );
    const queues = ofType(dev, 'AWS::SQS::Queue').map(([id]) => id);
    refer(
      'DeadLetterQueueUrls',
      queues.filter((id) => id.includes('DeadLetters')),
    );
    const groups = ofType(dev, 'AWS::Logs::LogGroup').map(([id]) => id);
    refer(
      'LogGroupNames',
      groups.filter((id) => !id.startsWith('EmptierLogs')),
    );
    expect(JSON.stringify(twoDomains.outputs['LogGroupNames'])).toContain('IngressApiRequestLogs');
  });

  test('are explained on the page about deployment', () => {
    const page = readFileSync(new URL('../../../docs/operate/deploy.md', import.meta.url), 'utf8');
    for (const name of [...Object.keys(dev.outputs), 'DomainTarget', 'IngressDomainTarget'])
      expect(page).toContain(`\`${name}\``);
  });
});

describe('deletion', () => {
  const emptied = (stage: SynthesizedStage) =>
    ofType(stage, 'Custom::S3AutoDeleteObjects').map(
      ([, { Properties }]) => (Properties.BucketName as { Ref: string }).Ref,
    );

  test('of a stage without retained data empties its buckets, and leaves no log group', () => {
    expect(emptied(dev).sort()).toEqual(
      ofType(dev, 'AWS::S3::Bucket')
        .map(([id]) => id)
        .sort(),
    );
    const [[, emptier] = expect.fail('nothing empties them')] = ofType(dev, 'AWS::Lambda::Function').filter(([id]) =>
      id.startsWith('CustomS3AutoDeleteObjects'),
    );
    const logs = emptier.Properties.LoggingConfig.LogGroup.Ref;
    expect(dev.resources[logs]).toMatchObject({ DeletionPolicy: 'Delete', Properties: { RetentionInDays: 14 } });
  });

  test('of prod empties no bucket', () => {
    expect(emptied(prod)).toEqual([]);
  });

  test('by the rollback of a first prod deployment leaves nothing that costs money: tables alone stay', () => {
    const retained = Object.values(prod.resources).filter(({ DeletionPolicy }) => DeletionPolicy === 'Retain');
    expect(new Set(retained.map(({ Type }) => Type))).toEqual(new Set(['AWS::DynamoDB::Table']));
    for (const type of ['AWS::KMS::Key', 'AWS::S3::Bucket', 'AWS::Logs::LogGroup', 'AWS::SQS::Queue'])
      for (const [id, { DeletionPolicy, UpdateReplacePolicy }] of ofType(prod, type))
        expect([DeletionPolicy, UpdateReplacePolicy], id).toEqual(['RetainExceptOnCreate', 'Retain']);
  });
});
