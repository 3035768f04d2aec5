import { describe, expect, test } from 'vitest';
import { type AlwaysOn, countAlwaysOn, type TemplateResource } from '../../bench/always-on.ts';
import { totalUsd } from '../../bench/cost-model.ts';
import { type IdleRun, idleCostPerMonth, idleExtras } from '../../bench/idle-cost-model.ts';

const secondsPerMonth = 2_629_800;
const count = (resources: Record<string, TemplateResource>) => countAlwaysOn(resources, secondsPerMonth);
const nothing = count({});
const idle: IdleRun = { dynamodbRequests: 0, gbSeconds: 0, logBytes: 0, customMetrics: 0 };

describe('a template', () => {
  test('counts an alarm on an expression as the metrics in the expression', () => {
    const expression = {
      Metrics: [{ Id: 'sum', Expression: 'a + b' }, { MetricStat: {} }, { MetricStat: {} }],
    };
    const found = count({
      Single: { Type: 'AWS::CloudWatch::Alarm', Properties: { MetricName: 'Errors' } },
      Sum: { Type: 'AWS::CloudWatch::Alarm', Properties: expression },
    });
    expect(found).toMatchObject({ alarms: 2, alarmMetrics: 3 });
  });

  test.each([
    ['rate(1 minute)', 43_830],
    ['rate(1 hour)', 730.5],
    ['rate(10 minutes)', 4_383],
  ])('with a rule %s runs it %d times a month', (ScheduleExpression, runs) => {
    const found = count({ Rule: { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression } } });
    expect(found).toMatchObject({ schedules: 1, scheduledPerMonth: runs });
  });

  test('fails when a schedule cannot be counted', () => {
    const rule = { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression: 'cron(0 10 ? * MON-FRI *)' } };
    expect(() => count({ Rule: rule })).toThrow('cron(0 10 ? * MON-FRI *)');
  });

  test('does not count a rule on events as a schedule', () => {
    const rule = { Type: 'AWS::Events::Rule', Properties: { EventPattern: { source: ['aws.s3'] } } };
    expect(count({ Rule: rule })).toEqual({ ...nothing });
  });

  test('counts keys, queues and their consumers, and reads the memory of the functions that run without traffic', () => {
    const found = count({
      Key: { Type: 'AWS::KMS::Key', Properties: { EnableKeyRotation: true } },
      OldKey: { Type: 'AWS::KMS::Key' },
      Queue: { Type: 'AWS::SQS::Queue' },
      Source: { Type: 'AWS::Lambda::EventSourceMapping' },
      ApiFunction1234ABCD: { Type: 'AWS::Lambda::Function', Properties: { MemorySize: 512 } },
      DispatchFunction1234ABCD: { Type: 'AWS::Lambda::Function', Properties: { MemorySize: 256 } },
    });
    expect(found).toMatchObject({
      keys: 2,
      rotatedKeys: 1,
      queues: 1,
      queueSources: 1,
      apiMemoryMb: 512,
      dispatchMemoryMb: 256,
    });
  });
});

test.each<[string, Partial<AlwaysOn>, Partial<IdleRun>, number]>([
  ['CloudWatch, alarms', { alarms: 1, alarmMetrics: 4 }, {}, 0.4],
  ['KMS, keys', { keys: 2 }, {}, 2],
  // 5 pollers with three receives a minute each.
  ['SQS, empty receives of Lambda', { queueSources: 1 }, {}, 0.262_98],
  ['CloudWatch, custom metrics', {}, { customMetrics: 2 }, 0.6],
  ['DynamoDB, reads of dispatch', { scheduledPerMonth: 43_830 }, { dynamodbRequests: 33 }, 0.180_799],
  ['Lambda, GB-seconds of dispatch', { scheduledPerMonth: 43_830 }, { gbSeconds: 0.02 }, 0.011_688],
  ['Lambda, requests of dispatch', { scheduledPerMonth: 1_000_000 }, {}, 0.2],
  ['CloudWatch Logs', { scheduledPerMonth: 1_000_000 }, { logBytes: 1_000 }, 0.53],
  ['CloudWatch, dashboards', { dashboards: 2 }, {}, 6],
])('%s cost by quantity', (name, stack, dispatch, usd) => {
  const line = (lines: ReturnType<typeof idleCostPerMonth>) =>
    lines.find((one) => one.name === name)?.usd ?? Number.NaN;
  expect(line(idleCostPerMonth(nothing, idle))).toBe(0);
  expect(line(idleCostPerMonth({ ...nothing, ...stack }, { ...idle, ...dispatch }))).toBeCloseTo(usd, 5);
});

test('empty tables, buckets, queues and APIs cost nothing', () => {
  const before = totalUsd(idleCostPerMonth(nothing, idle));
  expect(totalUsd(idleCostPerMonth({ ...nothing, tables: 9, buckets: 9, queues: 9, httpApis: 9 }, idle))).toBe(before);
});

test('a reader that always waits occupies a function of 512 MB for some 17 USD a month', () => {
  const extras = idleExtras({ ...nothing, rotatedKeys: 2, apiMemoryMb: 512 });
  expect(extras.map(({ usd }) => Number(usd.toFixed(2)))).toEqual([4, 17.53]);
});
