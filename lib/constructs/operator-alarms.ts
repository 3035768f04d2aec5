import { type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { DataKey } from './data-key.ts';

export interface OperatorAlarmsProps {
  /** @default - no subscription */
  readonly email?: string | undefined;
  readonly removalPolicy: RemovalPolicy;
}

export interface OperatorAlarm {
  /** The first sentence that the operator reads, without the link. */
  readonly meaning: string;
  /** Heading, and so anchor, of its entry in docs/operate/runbook.md. */
  readonly runbookEntry: string;
  /** Its `period` is the evaluation period of the alarm. */
  readonly metric: IMetric;
  /** Alarm at this value or above. */
  readonly threshold: number;
  /**
   * Alarm below the threshold, or without any data: for activity that must not stop.
   * @default false
   */
  readonly whenBelow?: boolean;
  /**
   * Consecutive periods at the threshold before the alarm fires.
   * @default 1
   */
  readonly periods?: number;
}

/** Alarms that need a person; one encrypted topic announces them. */
export class OperatorAlarms extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { email, removalPolicy }: OperatorAlarmsProps) {
    super(scope, id);
    const encryption = new DataKey(this, 'Key', { description: 'Tributary: alarm notifications', removalPolicy });
    this.topic = new Topic(this, 'Topic', { masterKey: encryption.key, enforceSSL: true });

    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    });
    encryption.key.grant(cloudWatch, 'kms:Decrypt', 'kms:GenerateDataKey');
    this.topic.addToResourcePolicy(
      new PolicyStatement({ principals: [cloudWatch], actions: ['sns:Publish'], resources: [this.topic.topicArn] }),
    );
    if (email !== undefined) this.topic.addSubscription(new EmailSubscription(email));
  }

  /** Declare an alarm under the construct that it watches. */
  add(scope: Construct, id: string, alarm: OperatorAlarm): void {
    const { whenBelow = false } = alarm;
    new Alarm(scope, id, {
      alarmDescription: `${alarm.meaning} See docs/operate/runbook.md#${alarm.runbookEntry}`,
      metric: alarm.metric,
      threshold: alarm.threshold,
      evaluationPeriods: alarm.periods ?? 1,
      comparisonOperator: whenBelow
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: whenBelow ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(this.topic));
  }
}
