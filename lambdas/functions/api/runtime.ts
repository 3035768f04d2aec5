import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createS3RawArchiveReader } from '../../adapters/aws/s3-raw-archive.ts';
import {
  createSqsDeadLetterInbox,
  createSqsDrainQueue,
  createSqsEnrichQueue,
  createSqsGovernanceQueue,
  createSqsPollQueue,
  createSqsRawQueue,
} from '../../adapters/aws/sqs-queues.ts';
import {
  createDynamoContextRegistry,
  createDynamoSharedContexts,
} from '../../adapters/dynamo/stores/account-contexts.ts';
import { createDynamoAccountDirectory } from '../../adapters/dynamo/stores/account-directory.ts';
import { createDynamoApiKeyStore } from '../../adapters/dynamo/stores/api-key-store.ts';
import { createDynamoAuditLog } from '../../adapters/dynamo/stores/audit-log.ts';
import { createDynamoCallLimits } from '../../adapters/dynamo/stores/call-limits.ts';
import { createDynamoCanaryReader } from '../../adapters/dynamo/stores/canary-log.ts';
import { createDynamoConnectStates } from '../../adapters/dynamo/stores/connect-states.ts';
import { createDynamoConsumerStore } from '../../adapters/dynamo/stores/consumer-store.ts';
import { createDynamoDeliveryLog } from '../../adapters/dynamo/stores/delivery-log.ts';
import { createDynamoDeliveryStore } from '../../adapters/dynamo/stores/delivery-store.ts';
import { createDynamoEndpointStore } from '../../adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoEngineKey } from '../../adapters/dynamo/stores/engine-key.ts';
import { createDynamoEventLocator, createDynamoEventReader } from '../../adapters/dynamo/stores/event-store.ts';
import { createDynamoFetchStore } from '../../adapters/dynamo/stores/fetch-store.ts';
import { createDynamoAnswerStore } from '../../adapters/dynamo/stores/idempotency-store.ts';
import { createDynamoIntegrationSettings } from '../../adapters/dynamo/stores/integration-settings.ts';
import { createDynamoParkedRequests } from '../../adapters/dynamo/stores/parked-requests.ts';
import { createDynamoRecordDirectory } from '../../adapters/dynamo/stores/record-directory.ts';
import { createDynamoRecordStates } from '../../adapters/dynamo/stores/record-states.ts';
import { createDynamoReplayStore } from '../../adapters/dynamo/stores/replay-store.ts';
import { createDynamoRunningWorkLog } from '../../adapters/dynamo/stores/running-work.ts';
import { createDynamoStatisticsReader } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createDynamoSubscriptionDirectory } from '../../adapters/dynamo/stores/subscription-directory.ts';
import { createDynamoSubscriptionStore } from '../../adapters/dynamo/stores/subscription-store.ts';
import { createDynamoSyncStore } from '../../adapters/dynamo/stores/sync-store.ts';
import { createDynamoTenantPolicies, createDynamoTenantStore } from '../../adapters/dynamo/stores/tenant-store.ts';
import { createDynamoWaitingCalls } from '../../adapters/dynamo/stores/waiting-calls.ts';
import { createOauthTokens } from '../../adapters/http/oauth-tokens.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { defaultEndpointPolicy, newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import { queuedDays } from '../../engine/governance/erasure-certificate.ts';
import type { ClaimStore } from '../../ports/events/claim-store.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { TenantPolicies } from '../../ports/tenants/tenant-store.ts';
import { createEgress } from '../invocation/egress.runtime.ts';
import { type Environment, readEnvironment, readNumber } from '../invocation/environment.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createProviderPorts } from '../provider/provider.runtime.ts';
import { createCallbackClient } from '../sending/callbacks.runtime.ts';
import type { ApiPorts, ApiRuntime } from './api-ports.ts';

/** A page of an API may have several megabytes, and each of its records is mapped. */
const answerLimits = { heapMb: 256, limitMs: 8_000 };

/** Limits for the expressions that endpoint tests and replay counts evaluate. An API call has 29 s. */
const expressionLimits = { heapMb: 128, limitMs: 2_000, suspendMs: 10_000 };

/** What adapters are built from. */
interface Composition {
  readonly env: Environment<'api'>;
  readonly dynamo: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly bundle: URL;
  /** When rows of events and deliveries expire. */
  readonly expiry: {
    readonly clock: Clock;
    readonly retentionDays: number;
    readonly policies: TenantPolicies;
  };
  readonly payloads: ClaimStore;
}

/** Environment to ports: the only place of this function that knows AWS. */
export function createApiRuntime(variables: NodeJS.ProcessEnv, bundle: URL): ApiRuntime & Telemetry {
  const env = readEnvironment('api', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const composition: Composition = {
    env,
    dynamo,
    sqs: lean(new SQSClient(clientSettings)),
    bundle,
    expiry: {
      clock: systemClock,
      retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
      policies: createDynamoTenantPolicies(dynamo, env[environmentKeys.tenantsTable], systemClock),
    },
    payloads: createS3ClaimStore(env[environmentKeys.payloadsBucket]),
  };
  return {
    ...createTelemetry('api', env[environmentKeys.stage], loggingOf(env)),
    ports: {
      ...callLimits(env),
      ...accessPorts(composition),
      ...tenantPorts(composition),
      ...accountPorts(composition),
      ...eventPorts(composition),
      ...deliveryPorts(composition),
      ...endpointPorts(composition, variables),
      ...providerPorts(composition),
      clock: systemClock,
      pause: systemPause,
      randomness: systemRandomness,
      publicUrl: env[environmentKeys.publicUrl],
      ingressUrl: env[environmentKeys.ingressUrl],
    },
  };
}

/** How many calls, waiting calls and resources callers may have. */
function callLimits(env: Environment<'api'>) {
  const number = (key: keyof typeof env) => readNumber(env[key], key);
  const perMinute = (key: keyof typeof env) => ({ calls: number(key), windowMs: 60_000 });
  return {
    callPolicy: {
      perKey: perMinute(environmentKeys.apiKeyRatePerMinute),
      perTenant: perMinute(environmentKeys.apiTenantRatePerMinute),
    },
    waitingPolicy: {
      perKey: number(environmentKeys.apiWaitingCallsPerKey),
      perTenant: number(environmentKeys.apiWaitingCallsPerTenant),
    },
    quotas: {
      subscriptionsPerTenant: number(environmentKeys.subscriptionsPerTenant),
      sharedSubscriptions: number(environmentKeys.sharedSubscriptions),
      accountsPerTenant: number(environmentKeys.accountsPerTenant),
      keysPerTenant: number(environmentKeys.keysPerTenant),
      consumersPerTenant: number(environmentKeys.consumersPerTenant),
      portalSessionsPerTenant: number(environmentKeys.portalSessionsPerTenant),
    },
  } satisfies Partial<ApiPorts>;
}

function accessPorts({ env, dynamo, payloads }: Composition) {
  return {
    keys: createDynamoApiKeyStore(dynamo, env[environmentKeys.apiKeysTable]),
    limits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
    waitingCalls: createDynamoWaitingCalls(dynamo, env[environmentKeys.limitsTable], systemClock, systemRandomness),
    answers: createDynamoAnswerStore(dynamo, env[environmentKeys.idempotencyTable], payloads, systemClock),
    audit: createDynamoAuditLog(
      dynamo,
      env[environmentKeys.auditTable],
      createS3ClaimStore(env[environmentKeys.auditBucket]),
      { retentionDays: readNumber(env[environmentKeys.auditRetentionDays], environmentKeys.auditRetentionDays) },
    ),
    engineKey: createDynamoEngineKey(dynamo, env[environmentKeys.limitsTable], systemRandomness),
  } satisfies Partial<ApiPorts>;
}

function tenantPorts({ env, dynamo, sqs, expiry }: Composition) {
  return {
    tenants: createDynamoTenantStore(dynamo, env[environmentKeys.tenantsTable]),
    tenantPolicies: expiry.policies,
    governanceQueue: createSqsGovernanceQueue(sqs, env[environmentKeys.governanceQueueUrl]),
    retentionDays: expiry.retentionDays,
    rawRetentionDays: readNumber(env[environmentKeys.rawRetentionDays], environmentKeys.rawRetentionDays),
  } satisfies Partial<ApiPorts>;
}

/** Accounts, the settings of integrations, and the requests that integrations received. */
function accountPorts({ env, dynamo, sqs, bundle, expiry }: Composition) {
  return {
    accounts: createDynamoAccountDirectory(dynamo, env[environmentKeys.accountsTable]),
    contexts: {
      ...createDynamoContextRegistry(dynamo, env[environmentKeys.accountContextsTable], {
        clock: systemClock,
        keptDays: Math.max(queuedDays, expiry.retentionDays),
      }),
      ...createDynamoSharedContexts(dynamo, env[environmentKeys.accountContextsTable]),
    },
    parked: createDynamoParkedRequests(dynamo, env[environmentKeys.parkedRequestsTable], systemClock),
    rawQueue: createSqsRawQueue(sqs, env[environmentKeys.rawQueueUrl]),
    rawLetters: createSqsDeadLetterInbox(sqs, env[environmentKeys.rawDeadLetterQueueUrl]),
    archive: createS3RawArchiveReader(
      env[environmentKeys.rawBucket],
      createS3ClaimStore(env[environmentKeys.rawBucket]),
    ),
    settings: createDynamoIntegrationSettings(dynamo, env[environmentKeys.integrationSettingsTable], systemClock),
    integrations: createBundledIntegrationCatalog(new URL('integrations/', bundle)),
    candidates: createBundledIntegrationCatalog(new URL('candidates/', bundle)),
    canaries: createDynamoCanaryReader(dynamo, env[environmentKeys.statisticsTable], systemClock),
  } satisfies Partial<ApiPorts>;
}

/** Events, their schemas, and the consumers that read them. */
function eventPorts({ env, dynamo, bundle, payloads }: Composition) {
  return {
    events: createDynamoEventReader(dynamo, env[environmentKeys.eventsTable], systemClock),
    records: {
      ...createDynamoRecordStates(dynamo, env[environmentKeys.recordsTable], systemClock),
      ...createDynamoRecordDirectory(dynamo, env[environmentKeys.recordsTable], systemClock),
    },
    locator: createDynamoEventLocator(dynamo, env[environmentKeys.idempotencyTable], systemClock),
    consumers: createDynamoConsumerStore(dynamo, env[environmentKeys.consumersTable]),
    payloads,
    resources: createBundledResourceCatalog(new URL('resources.json', bundle)),
  } satisfies Partial<ApiPorts>;
}

/** Subscriptions, their deliveries and replays, and the statistics of both. */
function deliveryPorts({ env, dynamo, sqs, expiry }: Composition) {
  return {
    subscriptions: createDynamoSubscriptionDirectory(dynamo, env[environmentKeys.subscriptionsTable], systemRandomness),
    subscriptionRoutes: createDynamoSubscriptionStore(dynamo, env[environmentKeys.subscriptionsTable], systemClock),
    deliveries: {
      ...createDynamoDeliveryStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
      ...createDynamoDeliveryLog(dynamo, env[environmentKeys.deliveriesTable], systemClock),
    },
    replays: createDynamoReplayStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
    runningWork: createDynamoRunningWorkLog(dynamo, env[environmentKeys.deliveriesTable]),
    statistics: createDynamoStatisticsReader(dynamo, env[environmentKeys.statisticsTable], systemClock),
    drainQueue: createSqsDrainQueue(sqs, env[environmentKeys.drainQueueUrl]),
  } satisfies Partial<ApiPorts>;
}

/** What calls providers, and the work that waits for credentials. */
function providerPorts({ env, dynamo, sqs, bundle }: Composition) {
  const expressions = createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...answerLimits });
  const enrichQueue = createSqsEnrichQueue(sqs, env[environmentKeys.enrichQueueUrl]);
  return {
    provider: createProviderPorts(env, dynamo, expressions, enrichQueue),
    connectStates: createDynamoConnectStates(dynamo, env[environmentKeys.credentialsTable], systemClock),
    // The console leads to a consent, too.
    connectReturnOrigins: [
      env[environmentKeys.publicUrl],
      ...env[environmentKeys.connectReturnOrigins].split(',').filter((origin) => origin !== ''),
    ],
    fetches: createDynamoFetchStore(dynamo, env[environmentKeys.fetchesTable], systemClock),
    syncs: createDynamoSyncStore(dynamo, env[environmentKeys.syncsTable], systemClock),
    pollQueue: createSqsPollQueue(sqs, env[environmentKeys.pollQueueUrl]),
    enrichQueue,
  } satisfies Partial<ApiPorts>;
}

/** The state of endpoints, and what calls one in a test. */
function endpointPorts({ env, dynamo, bundle }: Composition, variables: NodeJS.ProcessEnv) {
  const egress = createEgress(env);
  return {
    endpoints: createDynamoEndpointStore(dynamo, env[environmentKeys.limitsTable], newEndpoint),
    endpointPolicy: defaultEndpointPolicy,
    callbacks: createCallbackClient(egress, dynamo, variables),
    callbackContext: {
      publicUrl: env[environmentKeys.publicUrl],
      traceSampleRatio: Number(env[environmentKeys.traceSampleRatio]),
    },
    tokens: createOauthTokens(egress, systemClock),
    expressions: createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits }),
    egress,
    ownAccount: {
      principal: env[environmentKeys.ownPrincipal],
      isAllowed: env[environmentKeys.ownAccountDestinations] === 'true',
    },
  } satisfies Partial<ApiPorts>;
}
