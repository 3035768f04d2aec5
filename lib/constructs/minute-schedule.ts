import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as FunctionTarget } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { EngineFunction } from './engine-function.ts';
import type { OperatorAlarms } from './operator-alarms.ts';

export interface MinuteScheduleProps {
  readonly target: EngineFunction;
  /** Heading of the entry in docs/operate/runbook.md about missing runs. */
  readonly runbookEntry: string;
  readonly alarms: OperatorAlarms;
}

/** Invokes a function every minute, without retries: the next run takes up what a failed one left. */
export class MinuteSchedule extends Construct {
  constructor(scope: Construct, id: string, { target, runbookEntry, alarms }: MinuteScheduleProps) {
    super(scope, id);
    const minute = Duration.minutes(1);
    target.live.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: minute });
    new Rule(this, 'Rule', {
      description: `Tributary: ${target.node.id} every minute`,
      schedule: Schedule.rate(minute),
      targets: [new FunctionTarget(target.live, { retryAttempts: 0, maxEventAge: minute })],
    });
    alarms.add(this, 'SilentAlarm', {
      meaning: `${target.node.id} has not run for five minutes, although it is due every minute.`,
      runbookEntry,
      metric: target.lambda.metricInvocations({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 1,
      whenBelow: 'silence',
    });
  }
}
