import { Duration, type RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  ApiMapping,
  type CfnApi,
  type CfnStage,
  HttpApi,
  HttpRoute,
  type HttpRouteKey,
  HttpStage,
  type IpAddressType,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Alarm, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { LogGroup, LogGroupClass, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ApiDomain } from './api-domain.ts';
import type { EngineFunction } from './engine-function.ts';
import type { OperatorAlarms } from './operator-alarms.ts';

/**
 * Logged fields of a request; the log line has its time. Neither query strings nor headers: both carry secrets.
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

/** How many requests a route accepts before it answers 429. */
export interface RouteThrottle {
  readonly ratePerSecond: number;
  /** Burst that the route accepts above the rate. */
  readonly burst: number;
}

export interface PublicHttpApiProps {
  /** What the API serves; the API Gateway console shows it. */
  readonly description: string;
  /**
   * Whether it answers at its own endpoint. Only a domain name leads to a closed one.
   * @default 'open'
   */
  readonly endpoint?: 'open' | 'closed';
  readonly ipAddressType: IpAddressType;
  /** Of each route without its own throttle. */
  readonly throttle: RouteThrottle;
  readonly logRetention: RetentionDays;
  readonly alarms: OperatorAlarms;
  readonly removalPolicy: RemovalPolicy;
}

/** The HTTP API that providers and callers use. `route` adds routes, so functions can know the URL first. */
export class PublicHttpApi extends Construct {
  /** Origin of its own endpoint, without a trailing slash; nothing answers there if it is closed. */
  readonly url: string;
  readonly requestLogs: LogGroup;
  private readonly api: HttpApi;
  private readonly stage: HttpStage;
  private readonly serverErrors: Alarm;
  private readonly routeSettings: Record<string, object> = {};
  private readonly integrations = new Map<EngineFunction, HttpLambdaIntegration>();

  constructor(scope: Construct, id: string, props: PublicHttpApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      description: props.description,
      createDefaultStage: false,
      ipAddressType: props.ipAddressType,
      ...(props.endpoint === 'closed' ? { disableExecuteApiEndpoint: true } : {}),
    });
    this.url = (this.api.node.defaultChild as CfnApi).attrApiEndpoint;

    this.requestLogs = new LogGroup(this, 'RequestLogs', {
      // One line per webhook, read only to investigate: this class costs half as much and is still searchable.
      // A log group's class cannot be changed: to change it, give the construct another id.
      logGroupClass: LogGroupClass.INFREQUENT_ACCESS,
      retention: props.logRetention,
      removalPolicy: props.removalPolicy,
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: props.throttle.ratePerSecond, burstLimit: props.throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.requestLogs),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
    });

    const period = Duration.minutes(5);
    const { region } = Stack.of(this);
    const console = `apigateway/main/monitor/metrics?api=${this.api.apiId}&region=${region}`;
    this.serverErrors = props.alarms.add(this, 'ServerErrorsAlarm', {
      meaning: 'The HTTP API answered requests of five minutes with a 5xx status.',
      runbookEntry: 'http-api-server-errors',
      console,
      metric: this.stage.metricServerError({ period, statistic: 'Sum' }),
      threshold: 10,
      relaxedThreshold: 50,
    });
    // API Gateway counts its own 429 among all 4xx; counts of each route are custom metrics, which cost extra. The
    // runbook says how to tell 429 from the others in the access logs.
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
    props.alarms.addTrend(this, 'ClientErrorsAlarm', {
      meaning: 'The HTTP API refused ten requests a second for ten minutes with a 4xx status, 429 among them.',
      runbookEntry: 'http-api-client-errors',
      console,
      metric: this.stage.metricClientError({ period, statistic: 'Sum' }),
      threshold: 3000,
      periods: 2,
    });
    Validations.of(this).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'Functions authenticate requests themselves: ingress by the signature over the raw body that the provider makes, api by bearer keys. An authorizer sees no body, and would refuse the handshakes of providers.',
    });
  }

  get id(): string {
    return this.api.apiId;
  }

  /** Answer at a domain name, all of whose paths lead here. */
  answerAt({ domainName }: ApiDomain): void {
    new ApiMapping(this, 'Mapping', { api: this.api, domainName, stage: this.stage });
  }

  /**
   * Route requests to a function.
   *
   * @param throttle - Of each route, so that a flood on one leaves the capacity of the others. Undefined keeps the
   *   throttle of the stage.
   */
  route(target: EngineFunction, throttle: RouteThrottle | undefined, ...routes: HttpRouteKey[]): void {
    const integration = this.integrationOf(target);
    for (const routeKey of routes) {
      const route = new HttpRoute(this, routeKey.key, { httpApi: this.api, routeKey, integration });
      if (throttle === undefined) continue;
      this.routeSettings[routeKey.key] = {
        ThrottlingRateLimit: throttle.ratePerSecond,
        ThrottlingBurstLimit: throttle.burst,
      };
      // API Gateway rejects settings of an unknown route ("Unable to find Route by key").
      this.stage.node.addDependency(route);
    }
    (this.stage.node.defaultChild as CfnStage).routeSettings = this.routeSettings;
  }

  /** Its requests, and those that failed. */
  metrics(period: Duration): readonly Metric[] {
    return [
      this.stage.metricCount({ period, label: 'requests' }),
      this.stage.metricClientError({ period, label: '4xx' }),
      this.stage.metricServerError({ period, label: '5xx' }),
    ];
  }

  latencies(period: Duration): readonly Metric[] {
    return ['p50', 'p99'].map((statistic) => this.stage.metricLatency({ period, statistic, label: statistic }));
  }

  private integrationOf(target: EngineFunction): HttpLambdaIntegration {
    const known = this.integrations.get(target);
    if (known !== undefined) return known;
    const integration = new HttpLambdaIntegration(`${target.node.id}Integration`, target.live);
    this.integrations.set(target, integration);
    target.endDeploymentsOn(this.serverErrors);
    return integration;
  }
}
