import { Duration, type RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  ApiMapping,
  type CfnApi,
  CfnRoute,
  type CfnStage,
  HttpApi,
  HttpRoute,
  type HttpRouteKey,
  HttpStage,
  type IHttpStage,
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
   * An HTTP API that exists, with its default stage; its logs and its other routes are not touched.
   * @default - an HTTP API of its own
   */
  readonly existing?: HttpApi | undefined;
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
  /** Undefined for an HTTP API that exists. */
  readonly requestLogs: LogGroup | undefined;
  private readonly api: HttpApi;
  private readonly stage: IHttpStage;
  private readonly serverErrors: Alarm;
  private readonly routeSettings: Record<string, object> = {};
  private readonly integrations = new Map<EngineFunction, HttpLambdaIntegration>();

  constructor(scope: Construct, id: string, props: PublicHttpApiProps) {
    super(scope, id);
    this.api = props.existing ?? this.ownApi(props);
    this.url = (this.api.node.defaultChild as CfnApi).attrApiEndpoint;
    if (props.existing === undefined) {
      this.requestLogs = ownLogs(this, props);
      this.stage = this.ownStage(props, this.requestLogs);
    } else {
      this.stage = stageOf(props.existing);
      this.node.addValidation({ validate: () => this.takenRoutes() });
    }

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

  private ownApi({ description, endpoint, ipAddressType }: PublicHttpApiProps): HttpApi {
    return new HttpApi(this, 'Api', {
      description,
      createDefaultStage: false,
      ipAddressType,
      ...(endpoint === 'closed' ? { disableExecuteApiEndpoint: true } : {}),
    });
  }

  private ownStage({ throttle }: PublicHttpApiProps, logs: LogGroup): HttpStage {
    return new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: throttle.ratePerSecond, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logs),
        format: AccessLogFormat.custom(JSON.stringify(accessLogFields)),
      },
    });
  }

  /** API Gateway rejects a route key that an HTTP API has already, but only during the deployment. */
  private takenRoutes(): string[] {
    const stack = Stack.of(this);
    const routes = this.node.root.node
      .findAll()
      .filter((one): one is CfnRoute => one instanceof CfnRoute)
      .filter(({ apiId }) => JSON.stringify(stack.resolve(apiId)) === JSON.stringify(stack.resolve(this.api.apiId)));
    const isOwn = (route: CfnRoute) => route.node.path.startsWith(`${this.node.path}/`);
    const own = new Set(routes.filter(isOwn).map(({ routeKey }) => routeKey));
    return routes
      .filter((route) => !isOwn(route) && own.has(route.routeKey))
      .map(
        ({ node, routeKey }) => `${node.path}: the engine needs the route ${routeKey}; give it an HTTP API of its own`,
      );
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
    const stage = this.stage.node.defaultChild as CfnStage;
    stage.routeSettings = { ...(stage.routeSettings as object | undefined), ...this.routeSettings };
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

/** One line per webhook, read only to investigate. */
function ownLogs(scope: Construct, { logRetention, removalPolicy }: PublicHttpApiProps): LogGroup {
  return new LogGroup(scope, 'RequestLogs', {
    // This class costs half as much and is still searchable. A log group's class cannot be changed: to change it, give
    // the construct another id.
    logGroupClass: LogGroupClass.INFREQUENT_ACCESS,
    retention: logRetention,
    removalPolicy,
  });
}

function stageOf({ defaultStage, node }: HttpApi): IHttpStage {
  if (defaultStage !== undefined) return defaultStage;
  throw new Error(`${node.path}: got an HTTP API without a default stage, expected one with it (createDefaultStage)`);
}
