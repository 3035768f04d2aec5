import { type RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { DataKey } from './data-key.ts';

export interface OperatorAlarmsProps {
  /** @default - no subscription */
  readonly email?: string | undefined;
  /**
   * Address of the runbook; the alarms' descriptions link to its entries.
   * @default docs/operate/runbook.md
   */
  readonly runbookUrl?: string | undefined;
  /**
   * Whether no person relies on the stage: its alarms use their relaxed thresholds, and trends of the
   * traffic raise none.
   * @default false
   */
  readonly isRelaxed?: boolean;
  /**
   * A topic that exists, to which CloudWatch may publish.
   * @default - a topic of its own, encrypted
   */
  readonly topic?: ITopic | undefined;
  readonly removalPolicy: RemovalPolicy;
}

export interface OperatorAlarm {
  /** The first sentence that the operator reads, without the link. */
  readonly meaning: string;
  /** Heading, and so anchor, of its entry in docs/operate/runbook.md. */
  readonly runbookEntry: string;
  /** Path in the AWS console where a person looks first. @default - the alarms of the stack */
  readonly console?: string;
  /** Its `period` is the evaluation period of the alarm. */
  readonly metric: IMetric;
  /** Alarm at this value or above. */
  readonly threshold: number;
  /** The same in a stage that no person relies on. @default threshold */
  readonly relaxedThreshold?: number;
  /**
   * Alarm below the threshold. `silence` also means data that is missing: activity that must not stop.
   * @default - alarm at the threshold or above
   */
  readonly whenBelow?: 'value' | 'silence';
  /**
   * Consecutive periods at the threshold before the alarm fires.
   * @default 1
   */
  readonly periods?: number;
}

/** Alarms that need a person; one topic announces them, and says when they are over. */
export class OperatorAlarms extends Construct {
  readonly topic: ITopic;
  /** Those that were added, in this order. */
  readonly declared: Alarm[] = [];
  private readonly runbookUrl: string;
  private readonly isRelaxed: boolean;

  constructor(scope: Construct, id: string, props: OperatorAlarmsProps) {
    super(scope, id);
    const { email, topic, removalPolicy } = props;
    this.runbookUrl = props.runbookUrl ?? 'docs/operate/runbook.md';
    this.isRelaxed = props.isRelaxed ?? false;
    this.topic = topic ?? this.ownTopic(removalPolicy);
    if (email !== undefined) this.topic.addSubscription(new EmailSubscription(email));
  }

  private ownTopic(removalPolicy: RemovalPolicy): ITopic {
    const encryption = new DataKey(this, 'Key', { description: 'Tributary: alarm notifications', removalPolicy });
    const topic = new Topic(this, 'Topic', { masterKey: encryption.key, enforceSSL: true });

    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    });
    encryption.key.grant(cloudWatch, 'kms:Decrypt', 'kms:GenerateDataKey');
    topic.addToResourcePolicy(
      new PolicyStatement({ principals: [cloudWatch], actions: ['sns:Publish'], resources: [topic.topicArn] }),
    );
    return topic;
  }

  /** Declare an alarm under the construct that it watches. */
  add(scope: Construct, id: string, alarm: OperatorAlarm): Alarm {
    const { whenBelow, threshold, relaxedThreshold = threshold } = alarm;
    const { region, stackName } = Stack.of(this);
    const path = alarm.console ?? `cloudwatch/home?region=${region}#alarmsV2:?search=${stackName}`;
    const declared = new Alarm(scope, id, {
      alarmDescription: `${alarm.meaning} Console: ${consoleUrl(this, path)} Runbook: ${this.runbookUrl}#${alarm.runbookEntry}`,
      metric: alarm.metric,
      threshold: this.isRelaxed ? relaxedThreshold : threshold,
      evaluationPeriods: alarm.periods ?? 1,
      comparisonOperator:
        whenBelow === undefined
          ? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
          : ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: whenBelow === 'silence' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    const topic = new SnsAction(this.topic);
    declared.addAlarmAction(topic);
    declared.addOkAction(topic);
    this.declared.push(declared);
    return declared;
  }

  /**
   * Declare an alarm on how the traffic does: that it waits, is refused, or fails more often than usual.
   *
   * @returns Undefined in a stage that no person relies on: it has none.
   */
  addTrend(scope: Construct, id: string, alarm: OperatorAlarm): Alarm | undefined {
    return this.isRelaxed ? undefined : this.add(scope, id, alarm);
  }
}

/** The address of a page of the AWS console, in the region of a construct. */
export function consoleUrl(scope: Construct, path: string): string {
  return `https://${Stack.of(scope).region}.console.aws.amazon.com/${path}`;
}
