import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import { type ConfigSources, ConfigurationError, loadConfig } from '../../lib/config.ts';
import { readSettingsFile } from '../../lib/settings/settings-file.ts';

const load = (context: Readonly<Record<string, unknown>> = {}, sources: ConfigSources = {}) =>
  loadConfig((key) => context[key], sources);

const fileOf = (text: string): ConfigSources => ({ file: { name: 'tributary.yaml', text } });

function faultsOf(context: Readonly<Record<string, unknown>>, sources: ConfigSources = {}): readonly string[] {
  try {
    load(context, sources);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}

describe('defaults', () => {
  test('without any context the stage is dev, which does not retain data', () => {
    expect(load()).toMatchObject({ stage: 'dev', retainData: false, retentionDays: limits.retentionDays });
  });

  test('prod retains data, and keeps the raw archive and logs for longer', () => {
    expect(load({ stage: 'prod' })).toMatchObject({ retainData: true, rawRetentionDays: 90, logRetentionDays: 90 });
  });

  test('only local allows callbacks to this machine', () => {
    expect(load({ stage: 'local' }).egressAllowedRanges).toEqual(['127.0.0.0/8', '::1/128']);
    for (const stage of ['dev', 'staging', 'prod']) expect(load({ stage }).egressAllowedRanges).toEqual([]);
  });
});

describe('overrides', () => {
  test('text from the command line becomes the type of its setting', () => {
    expect(
      load({ retentionDays: '7', claimThresholdBytes: '0', egressAllowedRanges: '10.0.0.0/8, fd00::/8' }),
    ).toMatchObject({
      retentionDays: 7,
      claimThresholdBytes: 0,
      egressAllowedRanges: ['10.0.0.0/8', 'fd00::/8'],
    });
  });

  test('the command line overrides the stage, the stage overrides all stages, these override the defaults', () => {
    const tributary = {
      retentionDays: 10,
      rawRetentionDays: 30,
      logRetentionDays: 30,
      stages: { staging: { retentionDays: 20, rawRetentionDays: 40 }, dev: { logRetentionDays: 1 } },
    };
    expect(load({ stage: 'staging', retentionDays: '40', tributary })).toMatchObject({
      retentionDays: 40,
      rawRetentionDays: 40,
      logRetentionDays: 30,
      throttleRatePerSecond: 2000,
    });
  });
});

describe('the file of settings', () => {
  const text = [
    'prod: { retentionDays: 90 }',
    'all:',
    '  retentionDays: 60',
    '  logRetentionDays: 30',
    '  vpcSubnetIds: [subnet-0a1b2c3d]',
    '  vpcSecurityGroupIds: sg-0a1b2c3d',
    'local:',
    '  retentionDays: 5',
    'staging:',
  ].join('\n');

  test('overrides cdk.json, the section of the stage overrides all, and the command line overrides both', () => {
    const tributary = { retentionDays: 10, rawRetentionDays: 40, stages: { dev: { logRetentionDays: 1 } } };
    expect(load({ stage: 'dev', tributary }, fileOf(text))).toMatchObject({
      retentionDays: 60,
      rawRetentionDays: 40,
      logRetentionDays: 30,
      vpcSubnetIds: ['subnet-0a1b2c3d'],
      vpcSecurityGroupIds: ['sg-0a1b2c3d'],
    });
    expect(load({ stage: 'prod' }, fileOf(text))).toMatchObject({ retentionDays: 90, logRetentionDays: 30 });
    expect(load({ stage: 'dev', retentionDays: '7' }, fileOf(text))).toMatchObject({ retentionDays: 7 });
  });

  test('its section all is of the stages that are deployed: the stage local has only its own', () => {
    expect(load({ stage: 'local' }, fileOf(text))).toMatchObject({
      retentionDays: 5,
      logRetentionDays: 14,
      vpcSubnetIds: [],
    });
  });

  test('is read from the folder of the repository, where there may be none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-settings-'));
    try {
      const url = pathToFileURL(`${folder}/`);
      expect(readSettingsFile(url)).toBeUndefined();
      writeFileSync(join(folder, 'tributary.yaml'), text);
      expect(load({ stage: 'prod' }, { file: readSettingsFile(url) })).toMatchObject({ retentionDays: 90 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(['reference/configuration.md', 'operate/deploy.md'])('is valid in every example of docs/%s', (page) => {
    const markdown = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
    const examples = [...markdown.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, example = '']) => example);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples)
      for (const stage of ['dev', 'prod', 'local']) expect(faultsOf({ stage }, fileOf(example)), example).toEqual([]);
  });

  test('may be empty, or have comments only', () => {
    expect(load({}, fileOf(''))).toEqual(load());
    expect(load({}, fileOf('# none yet\n'))).toEqual(load());
  });

  test('fails with all faults of all sections together, each with its line and the name that was meant', () => {
    const faulty = [
      'all:',
      '  retentionDay: 5',
      '  alarmEmail: no-address',
      'qa:',
      '  retentionDays: 5',
      'staging: 5',
      'prod:',
      '  logRetentionDays: 2',
      '  somethingElse: 1',
      '  batching:',
    ].join('\n');
    expect(faultsOf({ stage: 'dev' }, fileOf(faulty))).toEqual([
      'tributary.yaml:4: qa: not a section, expected one of all, local, dev, staging, prod',
      'tributary.yaml:6: staging: expected settings, each as "name: value" on a line of its own',
      'tributary.yaml:2: all.retentionDay: not a setting; did you mean "retentionDays"?',
      'tributary.yaml:3: all.alarmEmail: got "no-address", expected an email address',
      expect.stringMatching(/^tributary\.yaml:8: prod\.logRetentionDays: got 2, expected a number of days that /),
      expect.stringMatching(/^tributary\.yaml:9: prod\.somethingElse: not a setting, expected one of /),
      'tributary.yaml:10: prod.batching: got null, expected latency or economy',
    ]);
  });

  test('fails with the line of what is no YAML, or no settings', () => {
    expect(faultsOf({}, fileOf('all:\n  tags: [a\nprod: }'))[0]).toMatch(/^tributary\.yaml:\d: /);
    expect(faultsOf({}, fileOf('all:\n  retentionDays: 1\n  retentionDays: 2'))).toEqual([
      'tributary.yaml:3: Map keys must be unique',
    ]);
    expect(faultsOf({}, fileOf('- all'))).toEqual([
      'tributary.yaml:1: expected sections of settings: all, local, dev, staging, prod',
    ]);
  });

  test('fails when settings of different places do not fit, and names the place', () => {
    const context = { tributary: { normalizeMaxConcurrency: 50 } };
    expect(faultsOf(context, fileOf('dev:\n  normalizeReservedConcurrency: 40'))).toEqual([
      'tributary.yaml:2: dev.normalizeReservedConcurrency: got 40, expected at least normalizeMaxConcurrency, which is 50',
    ]);
  });

  test('fails when a stage that keeps its data gets a setting from the command line, which the next deployment forgets', () => {
    expect(faultsOf({ stage: 'prod', retentionDays: '90' }, fileOf(text))).toEqual([
      'retentionDays: got "90" from the command line (-c) or a context key; the next deployment without it would revert prod. Write it in tributary.yaml: prod, retentionDays',
    ]);
    expect(faultsOf({ stage: 'prod', tributary: { retentionDays: 90 } })).toEqual([]);
    for (const stage of ['local', 'dev', 'staging']) expect(faultsOf({ stage, retentionDays: '90' })).toEqual([]);
  });
});

describe('tags', () => {
  test('are a map, or text with commas', () => {
    expect(load({}, fileOf('all: { tags: { team: data, cost-centre: "42" } }')).tags).toEqual({
      team: 'data',
      'cost-centre': '42',
    });
    expect(load({ tags: 'team=data, cost=a=b' }).tags).toEqual({ team: 'data', cost: 'a=b' });
  });

  test.each([
    [{ 'aws:x': 'a' }],
    [{ 'tributary:stage': 'a' }],
    [{ team: 42 }],
    [{ 'te#am': 'a' }],
    [{ team: 'a'.repeat(257) }],
    ['team'],
    [Object.fromEntries(Array.from({ length: 41 }, (_, at) => [`tag${at}`, '']))],
  ])('fails when AWS would refuse one: %j', (tags) => {
    expect(faultsOf({ tags })).toEqual([expect.stringMatching(/^tags: got .*, expected at most 40 tags, /)]);
  });
});

describe('domain names', () => {
  const certificateArn = 'arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-1111-2222-3333-444455556666';
  const zone = { hostedZoneId: 'Z0123456789ABC', hostedZoneName: 'example.com' };
  const domainName = 'api.example.com';
  const ingressDomainName = 'hooks.example.com';
  const truststore = { truststoreUri: 's3://trust/store.pem', truststoreVersion: 'v1' };

  test('need a certificate, or a zone in which one is made', () => {
    expect(load({ domainName, certificateArn })).toMatchObject({ domainName, executeApiEndpoint: 'open' });
    expect(load({ domainName, ...zone })).toMatchObject({ hostedZoneName: 'example.com' });
    expect(load({ domainName, ingressDomainName, ...zone, ...truststore })).toMatchObject(truststore);
  });

  test('with mutual TLS turn the canary off, which has no client certificate', () => {
    const domains = { domainName, ingressDomainName, certificateArn };
    for (const stage of ['dev', 'staging', 'prod']) {
      const given = (settings: object) => load({ stage, tributary: { ...domains, ...settings } }).canary;
      expect(given(truststore)).toBe('off');
      expect(given({})).toBe(stage === 'dev' ? 'off' : 'on');
    }
    expect(faultsOf({ ...domains, ...truststore, canary: 'on' })).toEqual([
      'canary: got "on", expected off with truststoreUri: the canary has no client certificate, so API Gateway would refuse its webhooks',
    ]);
  });

  test.each([
    [
      { domainName },
      'domainName: needs a certificate: set certificateArn, or hostedZoneId and hostedZoneName to make one',
    ],
    [{ certificateArn }, 'certificateArn: needs domainName: set it too, or leave this out'],
    [{ ...zone }, 'hostedZoneId: needs domainName: set it too, or leave this out'],
    [
      { domainName, certificateArn, hostedZoneName: 'example.com' },
      'hostedZoneName: set hostedZoneId and hostedZoneName together',
    ],
    [
      { domainName: 'api.example.org', ...zone },
      'domainName: got "api.example.org", expected a name within the hosted zone example.com',
    ],
    [
      { domainName: 'notexample.com', ...zone },
      'domainName: got "notexample.com", expected a name within the hosted zone example.com',
    ],
    [{ ingressDomainName }, 'ingressDomainName: needs domainName: set it too, or leave this out'],
    [
      { domainName, ingressDomainName: domainName, certificateArn },
      'ingressDomainName: got "api.example.com", expected another name than domainName',
    ],
    [
      { domainName, certificateArn, ingressCertificateArn: certificateArn },
      'ingressCertificateArn: needs ingressDomainName: set it too, or leave this out',
    ],
    [
      { domainName, certificateArn, ...truststore },
      'truststoreUri: needs ingressDomainName: mutual TLS applies to a whole domain name, and browsers and callers of the API have no client certificate',
    ],
    [
      { domainName, ingressDomainName, certificateArn, truststoreUri: 's3://trust/store.pem' },
      'truststoreUri: set truststoreUri and truststoreVersion together: API Gateway reads the file again only for another version',
    ],
    [
      { executeApiEndpoint: 'closed' },
      'executeApiEndpoint: got "closed", expected open without domainName: nothing else would answer',
    ],
    [
      { domainName, certificateArn, publicUrl: 'https://cdn.example.com' },
      'publicUrl: follows domainName: leave it out, or leave domainName out where a CDN has that name',
    ],
    [
      { stage: 'local', domainName, certificateArn },
      'domainName: the stage local has no domain name: it serves this machine',
    ],
  ])('fails when they do not fit: %j', (settings, fault) => {
    expect(faultsOf(settings)).toContain(fault);
  });

  test.each([
    ['domainName', 'https://api.example.com'],
    ['domainName', 'API.example.com'],
    ['domainName', 'localhost'],
    ['certificateArn', 'arn:aws:iam::123456789012:server-certificate/x'],
    ['hostedZoneId', '/hostedzone/Z0123456789ABC'],
    ['hostedZoneName', 'example.com.'],
    ['truststoreUri', 'https://trust.s3.amazonaws.com/store.pem'],
    ['executeApiEndpoint', true],
    ['ipAddressType', 'ipv6'],
  ])('fails when %s is %j', (setting, value) => {
    expect(faultsOf({ [setting]: value })).toEqual([
      expect.stringContaining(`${setting}: got ${JSON.stringify(value)}, expected `),
    ]);
  });
});

describe('throttles', () => {
  test('of ingress default to those of every route, and those of the API are lower', () => {
    const { throttleRatePerSecond, ingressThrottleRatePerSecond, apiThrottleRatePerSecond } = load();
    expect([throttleRatePerSecond, ingressThrottleRatePerSecond, apiThrottleRatePerSecond]).toEqual([
      2000,
      undefined,
      500,
    ]);
  });

  test('of accounts and tenants are very high in local', () => {
    expect(load()).toMatchObject({ ingressAccountRatePerMinute: 12_000, ingressTenantRatePerMinute: 60_000 });
    expect(load({ stage: 'local' })).toMatchObject({
      ingressAccountRatePerMinute: 1_000_000,
      ingressTenantRatePerMinute: 1_000_000,
    });
  });
});

describe('a VPC', () => {
  test('is absent by default, and takes subnets and security groups as lists or as text', () => {
    expect(load()).toMatchObject({ vpcSubnetIds: [], vpcSecurityGroupIds: [] });
    expect(
      load({ vpcSubnetIds: 'subnet-0a1b2c3d, subnet-0a1b2c3e', vpcSecurityGroupIds: ['sg-0a1b2c3d'] }),
    ).toMatchObject({
      vpcSubnetIds: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'],
      vpcSecurityGroupIds: ['sg-0a1b2c3d'],
    });
  });

  test('fails when only subnets or only security groups are set', () => {
    expect(faultsOf({ vpcSubnetIds: 'subnet-0a1b2c3d' })).toEqual([
      'vpcSecurityGroupIds: got [], expected at least one, because vpcSubnetIds is set: set both, or neither',
    ]);
    expect(faultsOf({ vpcSecurityGroupIds: 'sg-0a1b2c3d' })).toEqual([
      'vpcSubnetIds: got [], expected at least one, because vpcSecurityGroupIds is set: set both, or neither',
    ]);
  });

  test('fails when an id is malformed, or there are more than Lambda accepts', () => {
    expect(faultsOf({ vpcSubnetIds: 'vpc-1', vpcSecurityGroupIds: 'sg-0a1b2c3d' })).toEqual([
      'vpcSubnetIds: got "vpc-1", expected a list of at most 16 ids, such as "subnet-0123456789abcdef0"',
    ]);
    const six = Array.from({ length: 6 }, (_, at) => `sg-0a1b2c3${at}`);
    expect(faultsOf({ vpcSubnetIds: 'subnet-0a1b2c3d', vpcSecurityGroupIds: six })).toEqual([
      expect.stringMatching(/^vpcSecurityGroupIds: got .*, expected a list of at most 5 ids/),
    ]);
  });
});

describe('own origins', () => {
  test('are a list, or text with commas', () => {
    expect(load({ ownOrigins: 'https://a.example, https://b.example:8443' }).ownOrigins).toEqual([
      'https://a.example',
      'https://b.example:8443',
    ]);
    expect(load().ownOrigins).toEqual([]);
  });

  test.each(['a.example', 'https://a.example/', 'https://a.example/in', 'ftp://a.example'])(
    'fails when one is not an origin: %s',
    (origin) => {
      expect(faultsOf({ ownOrigins: origin })).toEqual([
        expect.stringMatching(/^ownOrigins: got .*, expected a list of origins/),
      ]);
    },
  );
});

describe('reserved concurrency', () => {
  test('is absent by default', () => {
    expect(load()).not.toHaveProperty('ingressReservedConcurrency');
    expect(load({ ingressReservedConcurrency: '100' })).toMatchObject({ ingressReservedConcurrency: 100 });
  });

  test('fails when Lambda would poll for normalize with more invocations than may run', () => {
    expect(faultsOf({ normalizeReservedConcurrency: 40 })).toEqual([
      'normalizeReservedConcurrency: got 40, expected at least normalizeMaxConcurrency, which is 50',
    ]);
    expect(faultsOf({ normalizeReservedConcurrency: 40, normalizeMaxConcurrency: 40 })).toEqual([]);
  });
});

describe('rejections', () => {
  test('fails when anything is wrong, with all faults together, each with its place, its value and the expectation', () => {
    const faults = faultsOf({
      stage: 'production',
      retentionDays: 'a month',
      tributary: { retentionDay: 5, alarmEmail: 'no-address', stages: { qa: {} } },
    });
    expect(faults).toEqual([
      'stage: got "production", expected one of local, dev, staging, prod',
      'tributary.stages.qa: not a stage, expected one of local, dev, staging, prod',
      'tributary.retentionDay: not a setting; did you mean "retentionDays"?',
      'tributary.alarmEmail: got "no-address", expected an email address',
      'retentionDays: got "a month", expected a whole number of days from 1 to 3650',
    ]);
    expect(new ConfigurationError(faults).message).toMatch(/^The configuration has 5 faults:\n {2}- stage: /);
  });

  test.each([
    ['retentionDays', 0],
    ['retentionDays', 1.5],
    ['retentionDays', ''],
    ['retentionDays', null],
    ['retentionDays', true],
    ['logRetentionDays', 2],
    ['claimThresholdBytes', -1],
    ['claimThresholdBytes', 1_000_000],
    ['throttleBurst', 0],
    ['normalizeMaxConcurrency', 1],
    ['enrichMaxConcurrency', 1],
    ['pollMaxConcurrency', 1],
    ['deliverMaxConcurrency', 1001],
    ['drainMaxConcurrency', 0],
    ['publicUrl', 'hooks.example.com'],
    ['publicUrl', 'https://hooks.example.com/'],
    ['publicUrl', 'https://hooks.example.com/path'],
    ['publicUrl', 'ftp://hooks.example.com'],
    ['egressAllowedRanges', '10.0.0.0'],
    ['egressAllowedRanges', '10.0.0.0/33'],
    ['egressAllowedRanges', ['everything']],
    ['alarmEmail', 'ops'],
    ['runbookUrl', 'docs/operate/runbook.md'],
    ['runbookUrl', 'https://example.com/runbook#entry'],
    ['dashboard', 'yes'],
  ])('fails when %s is %j', (setting, value) => {
    expect(faultsOf({ [setting]: value })).toEqual([
      expect.stringContaining(`${setting}: got ${JSON.stringify(value)}, expected `),
    ]);
  });

  test('fails when the settings are not an object', () => {
    expect(faultsOf({ tributary: 'prod' })).toEqual(['tributary: got "prod", expected an object of settings']);
  });
});

test('the page about configuration lists exactly the settings', () => {
  const [fault = ''] = faultsOf({ tributary: { unknown: 1 } });
  const [, settings = ''] = /expected one of (.*)$/.exec(fault) ?? [];
  const page = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8');
  const cells = [...page.matchAll(/^\| (`.*?`) \|/gm)].map(([, cell = '']) => cell);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
  expect(named.length).toBeGreaterThan(0);
  expect([...named].sort()).toEqual(settings.split(', ').sort());
});
