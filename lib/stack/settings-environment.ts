import { type EnvironmentKey, environmentKeys } from '../../lambdas/contracts/environment.ts';
import type { TributaryConfig } from '../config.ts';
import { ownPrincipal } from './destinations.ts';
import type { HttpApis } from './http-apis.ts';

/** Environment keys whose values come from settings, and the origins under which the stack is called. */
export function settingsEnvironment(
  config: TributaryConfig,
  { publicUrl, ingressUrl, ownUrls }: Pick<HttpApis, 'publicUrl' | 'ingressUrl' | 'ownUrls'>,
): { readonly [Key in EnvironmentKey]?: string } {
  return {
    [environmentKeys.stage]: config.stage,
    [environmentKeys.publicUrl]: publicUrl,
    [environmentKeys.ingressUrl]: ingressUrl,
    // The API's own endpoint still answers when there is a custom domain.
    [environmentKeys.ownOrigins]: [...new Set([...ownUrls, ...config.ownOrigins])].join(','),
    [environmentKeys.claimThresholdBytes]: String(config.claimThresholdBytes),
    [environmentKeys.retentionDays]: String(config.retentionDays),
    [environmentKeys.rawRetentionDays]: String(config.rawRetentionDays),
    [environmentKeys.auditRetentionDays]: String(config.auditRetentionDays),
    [environmentKeys.apiKeyRatePerMinute]: String(config.apiKeyRatePerMinute),
    [environmentKeys.apiTenantRatePerMinute]: String(config.apiTenantRatePerMinute),
    [environmentKeys.apiWaitingCallsPerKey]: String(config.apiWaitingCallsPerKey),
    [environmentKeys.apiWaitingCallsPerTenant]: String(config.apiWaitingCallsPerTenant),
    [environmentKeys.ingressAccountRatePerMinute]: String(config.ingressAccountRatePerMinute),
    [environmentKeys.ingressTenantRatePerMinute]: String(config.ingressTenantRatePerMinute),
    [environmentKeys.subscriptionsPerTenant]: String(config.subscriptionsPerTenant),
    [environmentKeys.sharedSubscriptions]: String(config.sharedSubscriptions),
    [environmentKeys.accountsPerTenant]: String(config.accountsPerTenant),
    [environmentKeys.keysPerTenant]: String(config.keysPerTenant),
    [environmentKeys.consumersPerTenant]: String(config.consumersPerTenant),
    [environmentKeys.portalSessionsPerTenant]: String(config.portalSessionsPerTenant),
    [environmentKeys.egressAllowedRanges]: config.egressAllowedRanges.join(','),
    [environmentKeys.egressAllowHttp]: String(config.egressAllowHttp),
    [environmentKeys.connectReturnOrigins]: config.connectReturnOrigins.join(','),
    [environmentKeys.ownPrincipal]: ownPrincipal,
    [environmentKeys.ownAccountDestinations]: String(config.ownAccountDestinations),
    [environmentKeys.logLevel]: config.logLevel,
    [environmentKeys.logSampleRatio]: String(config.logSampleRatio),
    [environmentKeys.traceSampleRatio]: String(config.traceSampleRatio),
    [environmentKeys.otlpEndpoint]: config.otlpEndpoint ?? '',
    [environmentKeys.otlpHeadersParameter]: config.otlpHeadersParameter ?? '',
    // The local runner sets it.
    [environmentKeys.providerHosts]: '',
  };
}
