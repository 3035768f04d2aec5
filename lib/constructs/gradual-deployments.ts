import { Duration, Names, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { LambdaApplication, LambdaDeploymentConfig, LambdaDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { recordFailed } from '../../lambdas/contracts/log-messages.ts';

/** Failed records of a minute that end a deployment: more than a throttled table or a lost connection causes. */
const failedRecordsToEnd = 10;

/**
 * Shifts the alias of a function to a new version in two steps: a tenth of its invocations for five minutes, then all.
 * CodeDeploy shifts it back when an alarm fires, and CloudFormation then rolls back the stack.
 *
 * CodeDeploy deploys nothing while one of the alarms is in ALARM, not even the fix. So they tell what happens now, best
 * of the new version alone: the alarm of a dead-letter queue, for example, stays in ALARM until the queue is empty.
 * None notifies the operators: the person who deploys sees the deployment fail.
 *
 * @see https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-groups-configure-advanced-options.html
 */
export class GradualDeployments extends Construct {
  private readonly application: LambdaApplication;
  private readonly role: Role;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.application = new LambdaApplication(this, 'Application');
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('codedeploy.amazonaws.com'),
      description: 'Tributary: shifts aliases to new versions of functions',
    });
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]',
      reason: 'AWS maintains this policy for CodeDeploy: it reads alarms, and shifts aliases of functions.',
    });
  }

  /**
   * Shift an alias gradually, from its next update on. The new version may not throw or run out of time even once.
   *
   * @param scope - Holds what the deployments need.
   */
  of(scope: Construct, live: Alias): LambdaDeploymentGroup {
    const { functionName } = live.version.lambda;
    const errors = new Metric({
      namespace: 'AWS/Lambda',
      metricName: 'Errors',
      // The version to which the alias shifts: errors of the version before must not keep a fix from being deployed.
      // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
      dimensionsMap: {
        FunctionName: functionName,
        Resource: `${functionName}:${live.aliasName}`,
        ExecutedVersion: live.version.version,
      },
    });
    return new LambdaDeploymentGroup(scope, 'Deployments', {
      application: this.application,
      role: this.role,
      alias: live,
      deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
      alarms: [deploymentAlarm(scope, 'NewVersionAlarm', 'The newest version threw or ran out of time.', errors, 1)],
      autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
    });
  }
}

/**
 * An alarm on the messages that a function hands back to its queue: Lambda counts them as no error, so their log lines
 * are counted.
 */
export function failedRecordsAlarm(scope: Construct, logGroup: ILogGroup): Alarm {
  const failed = new MetricFilter(scope, 'FailedRecords', {
    logGroup,
    filterPattern: FilterPattern.stringValue('$.message', '=', recordFailed),
    metricNamespace: 'Tributary/Deployments',
    metricName: `${Names.uniqueResourceName(scope, { separator: '-' })}-failed-records`,
  });
  const meaning = `${failedRecordsToEnd} messages failed in a minute.`;
  return deploymentAlarm(scope, 'FailedRecordsAlarm', meaning, failed.metric(), failedRecordsToEnd);
}

function deploymentAlarm(scope: Construct, id: string, meaning: string, metric: Metric, threshold: number): Alarm {
  return new Alarm(scope, id, {
    alarmDescription: `${meaning} Ends a deployment. See docs/operate/upgrade.md#when-a-deployment-is-rolled-back`,
    metric: metric.with({ statistic: 'Sum', period: Duration.minutes(1) }),
    threshold,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
