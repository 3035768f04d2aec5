import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpRoute, type HttpRouteKey, HttpStage, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup, LogGroupClass, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EngineFunction } from './engine-function.ts';
import type { OperatorAlarms } from './operator-alarms.ts';

/**
 * What is logged of a request, whose time is that of its line. Neither query strings nor headers: both carry secrets.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
 */
const accessLogFields = {
  requestId: '$context.requestId',
  routeKey: '$context.routeKey',
  method: '$context.httpMethod',
  path: '$context.path',
  status: '$context.status',
  sourceIp: '$context.identity.sourceIp',
  userAgent: '$context.identity.userAgent',
  responseLength: '$context.responseLength',
  responseLatencyMs: '$context.responseLatency',
  integrationLatencyMs: '$context.integrationLatency',
  integrationError: '$context.integrationErrorMessage',
};

export interface PublicHttpApiProps {
  /** Requests per second before the API answers 429. */
  readonly throttleRatePerSecond: number;
  /** Requests that it takes at once above the rate. */
  readonly throttleBurst: number;
  readonly logRetention: RetentionDays;
  readonly alarms: OperatorAlarms;
  readonly removalPolicy: RemovalPolicy;
}

/** Where providers and callers come in. Routes are added with `route`, so functions can know its URL first. */
export class PublicHttpApi extends Construct {
  /** Origin of the API, without a trailing slash. */
  readonly url: string;
  private readonly api: HttpApi;
  private readonly integrations = new Map<EngineFunction, HttpLambdaIntegration>();

  constructor(scope: Construct, id: string, props: PublicHttpApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      description: 'Tributary: webhooks in, admin API and event feed',
      createDefaultStage: false,
    });
    this.url = this.api.apiEndpoint;

    const logs = new LogGroup(this, 'RequestLogs', {
      // A line for each webhook, looked at when something is wrong: kept for half the price, and searched all the same.
      // The class of a log group cannot be changed: to change it, give this another id.
      logGroupClass: LogGroupClass.INFREQUENT_ACCESS,
      retention: props.logRetention,
      removalPolicy: props.removalPolicy,
    });
    const stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: props.throttleRatePerSecond, burstLimit: props.throttleBurst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logs),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
    });

    props.alarms.add(this, 'ServerErrorsAlarm', {
      meaning: 'The HTTP API answered ten requests of five minutes with a 5xx status.',
      runbookEntry: 'http-api-server-errors',
      metric: stage.metricServerError({ period: Duration.minutes(5), statistic: 'Sum' }),
      threshold: 10,
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Functions authenticate requests themselves: ingress by the signature over the raw body that the provider makes, api by bearer keys. An authorizer sees no body, and would refuse the handshakes of providers.',
    });
  }

  /** Send requests of these routes to a function. */
  route(target: EngineFunction, ...routes: HttpRouteKey[]): void {
    const integration = this.integrationOf(target);
    for (const routeKey of routes) {
      new HttpRoute(this, routeKey.key, { httpApi: this.api, routeKey, integration });
    }
  }

  private integrationOf(target: EngineFunction): HttpLambdaIntegration {
    const known = this.integrations.get(target);
    if (known !== undefined) return known;
    const integration = new HttpLambdaIntegration(`${target.node.id}Integration`, target.lambda);
    this.integrations.set(target, integration);
    return integration;
  }
}
