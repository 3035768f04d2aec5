import { limitKeys } from './limit-keys.ts';
import { loggedKeys, observabilityKeys, tracingKeys } from './observability-keys.ts';

/**
 * Environment keys that the stack sets and the functions read.
 *
 * Both sides share one list, so that a construct cannot set a key that no function reads.
 */
export const environmentKeys = {
  /** Public origin under which providers and callers reach the HTTP API, without a trailing slash. */
  publicUrl: 'TRIBUTARY_PUBLIC_URL',
  /** The same for providers alone: webhooks may have a domain name of their own. */
  ingressUrl: 'TRIBUTARY_INGRESS_URL',

  accountContextsTable: 'TRIBUTARY_ACCOUNT_CONTEXTS_TABLE',
  accountsTable: 'TRIBUTARY_ACCOUNTS_TABLE',
  apiKeysTable: 'TRIBUTARY_API_KEYS_TABLE',
  consumersTable: 'TRIBUTARY_CONSUMERS_TABLE',
  auditTable: 'TRIBUTARY_AUDIT_TABLE',
  deliveriesTable: 'TRIBUTARY_DELIVERIES_TABLE',
  credentialsTable: 'TRIBUTARY_CREDENTIALS_TABLE',
  eventsTable: 'TRIBUTARY_EVENTS_TABLE',
  fetchesTable: 'TRIBUTARY_FETCHES_TABLE',
  idempotencyTable: 'TRIBUTARY_IDEMPOTENCY_TABLE',
  integrationSettingsTable: 'TRIBUTARY_INTEGRATION_SETTINGS_TABLE',
  limitsTable: 'TRIBUTARY_LIMITS_TABLE',
  parkedRequestsTable: 'TRIBUTARY_PARKED_REQUESTS_TABLE',
  recordsTable: 'TRIBUTARY_RECORDS_TABLE',
  statisticsTable: 'TRIBUTARY_STATISTICS_TABLE',
  subscriptionsTable: 'TRIBUTARY_SUBSCRIPTIONS_TABLE',
  syncsTable: 'TRIBUTARY_SYNCS_TABLE',
  tenantsTable: 'TRIBUTARY_TENANTS_TABLE',

  auditBucket: 'TRIBUTARY_AUDIT_BUCKET',
  payloadsBucket: 'TRIBUTARY_PAYLOADS_BUCKET',
  rawBucket: 'TRIBUTARY_RAW_BUCKET',

  /** ARN of the KMS key under which the credentials of accounts are encrypted. */
  credentialsKey: 'TRIBUTARY_CREDENTIALS_KEY',

  /** Name of the stage: a dimension of every metric. */
  stage: 'TRIBUTARY_STAGE',

  rawQueueUrl: 'TRIBUTARY_RAW_QUEUE_URL',
  rawDeadLetterQueueUrl: 'TRIBUTARY_RAW_DEAD_LETTER_QUEUE_URL',
  deliveryQueueUrl: 'TRIBUTARY_DELIVERY_QUEUE_URL',
  drainQueueUrl: 'TRIBUTARY_DRAIN_QUEUE_URL',
  shadowQueueUrl: 'TRIBUTARY_SHADOW_QUEUE_URL',
  governanceQueueUrl: 'TRIBUTARY_GOVERNANCE_QUEUE_URL',
  enrichQueueUrl: 'TRIBUTARY_ENRICH_QUEUE_URL',
  pollQueueUrl: 'TRIBUTARY_POLL_QUEUE_URL',

  /** Payloads above this many bytes go to S3 (claim check); 0 sends every payload to S3. */
  claimThresholdBytes: 'TRIBUTARY_CLAIM_THRESHOLD_BYTES',
  /** Days after which events, payloads and deliveries may be deleted. */
  retentionDays: 'TRIBUTARY_RETENTION_DAYS',
  /** Days after which an audit entry may be deleted. */
  auditRetentionDays: 'TRIBUTARY_AUDIT_RETENTION_DAYS',
  ...limitKeys,
  /** Days for which the raw archive keeps provider requests. */
  rawRetentionDays: 'TRIBUTARY_RAW_RETENTION_DAYS',
  /** `true` where the raw archive locks its objects until their retention ends. */
  rawLocked: 'TRIBUTARY_RAW_LOCKED',
  /** Non-public address ranges (CIDR, comma separated) that outbound calls may reach. */
  egressAllowedRanges: 'TRIBUTARY_EGRESS_ALLOWED_RANGES',
  ...observabilityKeys,
  /** `true` where outbound calls may use plain http. */
  egressAllowHttp: 'TRIBUTARY_EGRESS_ALLOW_HTTP',
  /** Origins that stand for others in calls of providers (`<origin>=<origin>`, comma separated); local stage only. */
  providerHosts: 'TRIBUTARY_PROVIDER_HOSTS',
  /** Origins to which a consent may lead back (comma separated); `:*` at the end stands for any port. */
  connectReturnOrigins: 'TRIBUTARY_CONNECT_RETURN_ORIGINS',
  /** The deployment's AWS account as a trust policy names it: `arn:aws:iam::111111111111:root`. */
  ownPrincipal: 'TRIBUTARY_OWN_PRINCIPAL',
  /** `true` where destinations may be in the deployment's own AWS account. */
  ownAccountDestinations: 'TRIBUTARY_OWN_ACCOUNT_DESTINATIONS',
  /** Origins of this deployment (comma separated): no outbound call goes there. */
  ownOrigins: 'TRIBUTARY_OWN_ORIGINS',
} as const;

export type EnvironmentKey = (typeof environmentKeys)[keyof typeof environmentKeys];

const loggingKeys = [environmentKeys.stage, ...loggedKeys] as const;

/** Keys for sending callbacks and for publishing events about them. */
const sendingKeys = [
  ...loggingKeys,
  environmentKeys.publicUrl,
  ...tracingKeys,
  environmentKeys.tenantsTable,
  environmentKeys.subscriptionsTable,
  environmentKeys.eventsTable,
  environmentKeys.idempotencyTable,
  environmentKeys.deliveriesTable,
  environmentKeys.limitsTable,
  environmentKeys.payloadsBucket,
  environmentKeys.deliveryQueueUrl,
  environmentKeys.drainQueueUrl,
  environmentKeys.claimThresholdBytes,
  environmentKeys.retentionDays,
  environmentKeys.egressAllowedRanges,
  environmentKeys.egressAllowHttp,
  environmentKeys.ownOrigins,
] as const;

/** Keys for calling providers. */
const providerKeys = [
  environmentKeys.credentialsTable,
  environmentKeys.credentialsKey,
  environmentKeys.providerHosts,
] as const;

/** Keys for reading records from providers, and for publishing them. */
const readingKeys = [
  ...loggingKeys,
  ...tracingKeys,
  environmentKeys.accountsTable,
  environmentKeys.egressAllowedRanges,
  environmentKeys.egressAllowHttp,
  environmentKeys.ownOrigins,
  environmentKeys.tenantsTable,
  environmentKeys.subscriptionsTable,
  environmentKeys.eventsTable,
  environmentKeys.recordsTable,
  environmentKeys.idempotencyTable,
  environmentKeys.statisticsTable,
  environmentKeys.limitsTable,
  environmentKeys.payloadsBucket,
  environmentKeys.deliveryQueueUrl,
  environmentKeys.drainQueueUrl,
  environmentKeys.claimThresholdBytes,
  environmentKeys.retentionDays,
  environmentKeys.enrichQueueUrl,
  environmentKeys.shadowQueueUrl,
  ...providerKeys,
] as const;

/** The keys that each function reads: the stack must set exactly these. */
export const functionEnvironments = {
  ingress: [
    ...loggingKeys,
    environmentKeys.ingressUrl,
    environmentKeys.accountsTable,
    environmentKeys.accountContextsTable,
    environmentKeys.integrationSettingsTable,
    environmentKeys.limitsTable,
    environmentKeys.rawBucket,
    environmentKeys.rawLocked,
    environmentKeys.rawQueueUrl,
    environmentKeys.claimThresholdBytes,
    environmentKeys.idempotencyTable,
    environmentKeys.ingressAccountRatePerMinute,
    environmentKeys.ingressTenantRatePerMinute,
    environmentKeys.statisticsTable,
    environmentKeys.egressAllowedRanges,
    environmentKeys.egressAllowHttp,
    environmentKeys.ownOrigins,
  ],
  normalize: [
    ...loggingKeys,
    ...tracingKeys,
    environmentKeys.accountsTable,
    environmentKeys.integrationSettingsTable,
    environmentKeys.egressAllowedRanges,
    environmentKeys.egressAllowHttp,
    environmentKeys.ownOrigins,
    environmentKeys.accountContextsTable,
    environmentKeys.parkedRequestsTable,
    environmentKeys.tenantsTable,
    environmentKeys.subscriptionsTable,
    environmentKeys.eventsTable,
    environmentKeys.recordsTable,
    environmentKeys.idempotencyTable,
    environmentKeys.statisticsTable,
    environmentKeys.limitsTable,
    environmentKeys.payloadsBucket,
    environmentKeys.rawBucket,
    environmentKeys.rawLocked,
    environmentKeys.rawQueueUrl,
    environmentKeys.deliveryQueueUrl,
    environmentKeys.drainQueueUrl,
    environmentKeys.shadowQueueUrl,
    environmentKeys.rawDeadLetterQueueUrl,
    environmentKeys.claimThresholdBytes,
    environmentKeys.retentionDays,
    environmentKeys.fetchesTable,
    environmentKeys.enrichQueueUrl,
    environmentKeys.pollQueueUrl,
  ],
  enrich: [...readingKeys, environmentKeys.fetchesTable],
  poll: [...readingKeys, environmentKeys.syncsTable, environmentKeys.pollQueueUrl],
  deliver: sendingKeys,
  drain: [...sendingKeys, environmentKeys.shadowQueueUrl],
  dispatch: [
    ...loggingKeys,
    environmentKeys.tenantsTable,
    environmentKeys.eventsTable,
    environmentKeys.deliveriesTable,
    environmentKeys.limitsTable,
    environmentKeys.deliveryQueueUrl,
    environmentKeys.drainQueueUrl,
    environmentKeys.governanceQueueUrl,
    environmentKeys.fetchesTable,
    environmentKeys.enrichQueueUrl,
    environmentKeys.syncsTable,
    environmentKeys.pollQueueUrl,
    environmentKeys.retentionDays,
  ],
  api: [
    ...loggingKeys,
    environmentKeys.traceSampleRatio,
    environmentKeys.ownPrincipal,
    environmentKeys.ownAccountDestinations,
    environmentKeys.publicUrl,
    environmentKeys.ingressUrl,
    environmentKeys.accountsTable,
    environmentKeys.accountContextsTable,
    environmentKeys.integrationSettingsTable,
    environmentKeys.parkedRequestsTable,
    environmentKeys.rawQueueUrl,
    environmentKeys.rawDeadLetterQueueUrl,
    environmentKeys.apiKeysTable,
    environmentKeys.consumersTable,
    environmentKeys.auditTable,
    environmentKeys.auditBucket,
    environmentKeys.auditRetentionDays,
    environmentKeys.apiKeyRatePerMinute,
    environmentKeys.apiTenantRatePerMinute,
    environmentKeys.apiWaitingCallsPerKey,
    environmentKeys.apiWaitingCallsPerTenant,
    environmentKeys.subscriptionsPerTenant,
    environmentKeys.sharedSubscriptions,
    environmentKeys.accountsPerTenant,
    environmentKeys.keysPerTenant,
    environmentKeys.consumersPerTenant,
    environmentKeys.portalSessionsPerTenant,
    environmentKeys.tenantsTable,
    environmentKeys.governanceQueueUrl,
    environmentKeys.subscriptionsTable,
    environmentKeys.recordsTable,
    environmentKeys.eventsTable,
    environmentKeys.idempotencyTable,
    environmentKeys.deliveriesTable,
    environmentKeys.limitsTable,
    environmentKeys.statisticsTable,
    environmentKeys.drainQueueUrl,
    environmentKeys.payloadsBucket,
    environmentKeys.rawBucket,
    environmentKeys.retentionDays,
    environmentKeys.rawRetentionDays,
    environmentKeys.fetchesTable,
    environmentKeys.enrichQueueUrl,
    environmentKeys.syncsTable,
    environmentKeys.pollQueueUrl,
    ...providerKeys,
    environmentKeys.connectReturnOrigins,
    environmentKeys.egressAllowedRanges,
    environmentKeys.egressAllowHttp,
    environmentKeys.ownOrigins,
  ],
  console: [...loggingKeys, environmentKeys.apiKeysTable],
  canary: [
    ...loggingKeys,
    environmentKeys.publicUrl,
    environmentKeys.accountsTable,
    environmentKeys.apiKeysTable,
    environmentKeys.subscriptionsTable,
  ],
  govern: [
    ...loggingKeys,
    environmentKeys.tenantsTable,
    environmentKeys.accountsTable,
    environmentKeys.accountContextsTable,
    environmentKeys.parkedRequestsTable,
    environmentKeys.credentialsTable,
    environmentKeys.fetchesTable,
    environmentKeys.syncsTable,
    environmentKeys.apiKeysTable,
    environmentKeys.consumersTable,
    environmentKeys.statisticsTable,
    environmentKeys.recordsTable,
    environmentKeys.auditRetentionDays,
    environmentKeys.subscriptionsTable,
    environmentKeys.eventsTable,
    environmentKeys.idempotencyTable,
    environmentKeys.deliveriesTable,
    environmentKeys.limitsTable,
    environmentKeys.payloadsBucket,
    environmentKeys.rawBucket,
    environmentKeys.rawLocked,
    environmentKeys.rawDeadLetterQueueUrl,
    environmentKeys.governanceQueueUrl,
    environmentKeys.retentionDays,
    environmentKeys.rawRetentionDays,
  ],
} as const satisfies Record<string, readonly EnvironmentKey[]>;

export type FunctionName = keyof typeof functionEnvironments;
