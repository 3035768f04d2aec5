import { CfnOutput } from 'aws-cdk-lib';
import { type HttpApi, HttpMethod, HttpRouteKey, IpAddressType } from 'aws-cdk-lib/aws-apigatewayv2';
import { HostedZone, type IHostedZone } from 'aws-cdk-lib/aws-route53';
import type { TributaryConfig } from '../config.ts';
import { ApiDomain } from '../constructs/api-domain.ts';
import { PublicHttpApi, type RouteThrottle } from '../constructs/public-http-api.ts';
import { addCertificateAlarm } from './certificate-alarm.ts';
import type { EngineBuilder } from './engine-builder.ts';

/** The HTTP APIs of the stack, and the origins under which callers and providers reach them. */
export interface HttpApis {
  /** API, feed and console. */
  readonly httpApi: PublicHttpApi;
  /** Those that take webhooks. The first HTTP API, where it is none of them, has their routes and refuses them. */
  readonly webhookApis: readonly [PublicHttpApi, ...PublicHttpApi[]];
  readonly publicUrl: string;
  /** Origin of the URLs that providers call. */
  readonly ingressUrl: string;
  /** Every origin that leads to the stack. */
  readonly ownUrls: readonly string[];
}

export const webhookRoutes: readonly HttpRouteKey[] = [
  HttpRouteKey.with('/in/{integration}', HttpMethod.ANY),
  HttpRouteKey.with('/in/{integration}/{account}', HttpMethod.ANY),
];

/** The throttle of each of them. */
export function webhookThrottle(config: TributaryConfig): RouteThrottle {
  return {
    ratePerSecond: config.ingressThrottleRatePerSecond ?? config.throttleRatePerSecond,
    burst: config.ingressThrottleBurst ?? config.throttleBurst,
  };
}

/**
 * One HTTP API serves everything, unless webhooks have a domain name of their own: then a second one serves them, so
 * that each domain name reaches its own routes only. The first one goes on taking webhooks, for providers that still
 * call it, except with mutual TLS, which a second way in would bypass.
 *
 * @param existing - Serves in the place of the first one.
 */
export function createHttpApis(builder: EngineBuilder, existing?: HttpApi): HttpApis {
  const { config } = builder;
  const { domainName, ingressDomainName, truststoreUri, truststoreVersion } = config;
  const zone = zoneOf(builder);
  const isMutual = truststoreUri !== undefined;
  const serves = 'API, console and event feed, and webhooks';
  const httpApi = httpApiOf(builder, 'HttpApi', serves, config.executeApiEndpoint, existing);
  const publicUrl =
    domainName === undefined
      ? (config.publicUrl ?? httpApi.url)
      : domainOf(builder, 'Domain', httpApi, { domainName, certificateArn: config.certificateArn, zone });
  if (ingressDomainName === undefined)
    return { httpApi, webhookApis: [httpApi], publicUrl, ingressUrl: publicUrl, ownUrls: [publicUrl, httpApi.url] };

  // The HTTP API's own endpoint asks for no client certificate.
  const endpoint = isMutual ? 'closed' : config.executeApiEndpoint;
  const ingressApi = httpApiOf(builder, 'IngressApi', 'webhooks alone', endpoint);
  const ingressUrl = domainOf(builder, 'IngressDomain', ingressApi, {
    domainName: ingressDomainName,
    certificateArn: config.ingressCertificateArn ?? (zone === undefined ? config.certificateArn : undefined),
    zone,
    ...(isMutual ? { truststore: { uri: truststoreUri, version: truststoreVersion ?? '' } } : {}),
  });
  return {
    httpApi,
    webhookApis: isMutual ? [ingressApi] : [ingressApi, httpApi],
    publicUrl,
    ingressUrl,
    ownUrls: [publicUrl, httpApi.url, ingressUrl, ingressApi.url],
  };
}

const ipAddressTypes = { ipv4: IpAddressType.IPV4, dualstack: IpAddressType.DUAL_STACK } as const;

function httpApiOf(
  { scope, config, alarms, removalPolicy }: EngineBuilder,
  id: string,
  serves: string,
  endpoint: 'open' | 'closed',
  existing?: HttpApi,
): PublicHttpApi {
  return new PublicHttpApi(scope, id, {
    description: `Tributary (${config.stage}): ${serves}`,
    endpoint,
    existing,
    ipAddressType: ipAddressTypes[config.ipAddressType],
    throttle: { ratePerSecond: config.throttleRatePerSecond, burst: config.throttleBurst },
    logRetention: config.logRetentionDays,
    alarms,
    removalPolicy,
  });
}

function domainOf(
  builder: EngineBuilder,
  id: string,
  api: PublicHttpApi,
  props: Omit<ConstructorParameters<typeof ApiDomain>[2], 'ipAddressType'>,
): string {
  const { scope, config } = builder;
  const domain = new ApiDomain(scope, id, { ...props, ipAddressType: ipAddressTypes[config.ipAddressType] });
  api.answerAt(domain);
  addCertificateAlarm(domain, builder, domain.certificate);
  if (props.zone === undefined)
    new CfnOutput(scope, `${id}Target`, {
      value: domain.target,
      description: `Where the record of ${props.domainName} must lead (CNAME, or an alias)`,
    });
  return domain.url;
}

function zoneOf({ scope, config: { hostedZoneId, hostedZoneName } }: EngineBuilder): IHostedZone | undefined {
  if (hostedZoneId === undefined || hostedZoneName === undefined) return undefined;
  return HostedZone.fromHostedZoneAttributes(scope, 'Zone', { hostedZoneId, zoneName: hostedZoneName });
}
