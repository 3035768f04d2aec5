import { CfnOutput, Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import { FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda';
import { type CanaryRun, canaryLatencyMetric, canary as names } from '../../lambdas/contracts/canary.ts';
import { limits } from '../../lambdas/contracts/limits.ts';
import type { EngineBuilder } from './engine-builder.ts';
import { engineMetric } from './engine-metric.ts';
import type { Storage } from './storage.ts';

const period = Duration.minutes(5);
/** Runs without a healthy one before the alarm: one may be lost to a deployment. */
const periodsToAlarm = 3;
/** Callbacks of an idle deployment arrive within a second; in a busy one, a batch and a cold start come before them. */
const slowMs = 30_000;

/**
 * Sends events of its own through the deployment, and reads them back: whether it works is measured where its users
 * are, on the outside.
 */
export function createCanary(builder: EngineBuilder, { tables }: Storage): void {
  const { scope, config, alarms } = builder;
  if (config.canary === 'off') return;
  const canary = builder.function('Canary', 'canary', {
    timeoutSeconds: limits.canaryTimeoutSeconds,
    memorySizeMb: 256,
  });
  // Only its own rows: with more, it could make itself a key for everything.
  tables.apiKeys.grantRows(canary, [names.key], 'GetItem', 'PutItem', 'UpdateItem');
  tables.accounts.grantRows(canary, [names.account], 'GetItem');
  tables.subscriptions.grantRows(canary, [names.tenant], 'BatchGetItem');
  // An origin of its own: the engine never calls that of the deployment.
  const url = canary.live.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
  canary.live.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: period });
  const run: CanaryRun = { url: url.url };
  new Rule(scope, 'CanarySchedule', {
    description: 'Tributary: canary every five minutes',
    schedule: Schedule.rate(period),
    targets: [
      new FunctionTarget(canary.live, {
        event: RuleTargetInput.fromObject(run),
        retryAttempts: 0,
        maxEventAge: period,
      }),
    ],
  });
  const latency = (statistic: string) => engineMetric(config, 'canary', canaryLatencyMetric, { statistic, period });
  alarms.add(scope, 'CanaryFailingAlarm', {
    meaning: 'The canary has not seen its own events at both ends for 15 minutes.',
    runbookEntry: 'canary-failing',
    metric: latency('SampleCount'),
    threshold: 1,
    whenBelow: 'silence',
    periods: periodsToAlarm,
  });
  alarms.add(scope, 'CanarySlowAlarm', {
    meaning: `The canary's events take ${slowMs / 1_000} seconds or longer from webhook to callback.`,
    runbookEntry: 'canary-slow',
    metric: latency('Maximum'),
    threshold: slowMs,
    periods: periodsToAlarm,
  });
  new CfnOutput(scope, 'CanaryUrl', { value: url.url, description: 'Where the canary takes its own callbacks' });
}
