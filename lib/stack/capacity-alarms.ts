import { Duration, Stack } from 'aws-cdk-lib';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { EngineBuilder } from './engine-builder.ts';
import { sumOf } from './engine-metric.ts';
import type { Storage } from './storage.ts';

/** Alarms on limits of AWS that a deployment reaches before it fails. */
export function addCapacityAlarms(builder: EngineBuilder, storage: Storage): void {
  tableThrottlesAlarm(builder, storage);
  accountConcurrencyAlarm(builder);
}

/**
 * Only tables whose keys gather the writes of one tenant, subscription or integration, so that a partition reaches its
 * limit. The keys of the others are random: they are throttled only when a whole table is, and then these are, too.
 */
function tableThrottlesAlarm({ scope, alarms }: EngineBuilder, { tables }: Storage): void {
  const period = Duration.minutes(5);
  const { events, deliveries, limits, statistics } = tables;
  const throttled = Object.entries({ events, deliveries, limits, statistics }).map(([name, { table }]) => [
    name,
    new Metric({
      namespace: 'AWS/DynamoDB',
      metricName: 'WriteThrottleEvents',
      dimensionsMap: { TableName: table.tableName },
      statistic: 'Sum',
      period,
    }),
  ]);
  alarms.addTrend(scope, 'TableThrottlesAlarm', {
    meaning:
      'DynamoDB throttled writes of a table for ten minutes: one of its partitions, or the table, is at its limit.',
    runbookEntry: 'table-throttles',
    console: `dynamodbv2/home?region=${Stack.of(scope).region}#tables`,
    metric: sumOf(Object.fromEntries(throttled), 'WriteThrottleEvents', period),
    // The SDK repeats a throttled write; a few are the price of tables that grow with their load.
    threshold: 100,
    periods: 2,
  });
}

/**
 * The account's quota is read when the alarm is evaluated: an account may have 10 or 10,000.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Quotas-Visualize-Alarms.html
 */
function accountConcurrencyAlarm({ scope, alarms }: EngineBuilder): void {
  const period = Duration.minutes(1);
  alarms.addTrend(scope, 'AccountConcurrencyAlarm', {
    meaning: 'The functions of this AWS account use four fifths of its concurrency: soon Lambda refuses invocations.',
    runbookEntry: 'account-concurrency',
    console: `lambda/home?region=${Stack.of(scope).region}#/discover`,
    metric: new MathExpression({
      expression: '100 * used / SERVICE_QUOTA(used)',
      label: 'percent of the quota L-B99A9384',
      period,
      usingMetrics: {
        used: new Metric({
          namespace: 'AWS/Lambda',
          metricName: 'ConcurrentExecutions',
          statistic: 'Maximum',
          period,
        }),
      },
    }),
    threshold: 80,
    periods: 3,
  });
}
