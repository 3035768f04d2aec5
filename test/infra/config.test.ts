import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { limits } from '../../lambdas/contracts/limits.ts';
import { ConfigurationError, loadConfig } from '../../lib/config.ts';

const load = (context: Readonly<Record<string, unknown>> = {}) => loadConfig((key) => context[key]);

function faultsOf(context: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    load(context);
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
      stages: { prod: { retentionDays: 20, rawRetentionDays: 40 }, dev: { logRetentionDays: 1 } },
    };
    expect(load({ stage: 'prod', retentionDays: '40', tributary })).toMatchObject({
      retentionDays: 40,
      rawRetentionDays: 40,
      logRetentionDays: 30,
      throttleRatePerSecond: 2000,
    });
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
      expect.stringMatching(/^tributary\.retentionDay: not a setting, expected one of retentionDays, /),
      'retentionDays: got "a month", expected a whole number of days from 1 to 3650',
      'tributary.alarmEmail: got "no-address", expected an email address',
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
