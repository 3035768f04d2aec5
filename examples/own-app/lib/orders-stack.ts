import { fileURLToPath } from 'node:url';
import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { HttpApi, HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Alarm, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { Tributary } from 'tributary';

/** A shop that has an API, a network and alarms, and adds Tributary to all three. */
export class OrdersStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    // What the app had before.
    const vpc = new Vpc(this, 'Network', {
      maxAzs: 2,
      natGateways: 1,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      ],
    });
    const alarmTopic = new Topic(this, 'OnCall');
    const api = new HttpApi(this, 'Api');
    const orders = new LambdaFunction(this, 'Orders', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => ({ statusCode: 200, body: "[]" });'),
    });
    api.addRoutes({
      path: '/orders',
      methods: [HttpMethod.GET],
      integration: new HttpLambdaIntegration('OrdersIntegration', orders),
    });
    new Alarm(this, 'OrdersFail', {
      metric: orders.metricErrors({ period: Duration.minutes(5) }),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(alarmTopic));

    // What it adds: the engine answers under the app's API, calls out of the app's network and calls the same people.
    const tributary = new Tributary(this, 'Tributary', {
      stage: 'dev',
      settings: { retentionDays: 60, subscriptionsPerTenant: 20 },
      vpc,
      alarmTopic,
      httpApi: api,
      integrations: fileURLToPath(new URL('../integrations/', import.meta.url)),
    });
    new CfnOutput(this, 'WebhooksAt', { value: `${tributary.url}/in/orders-erp/<account>` });
  }
}
