import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createS3RawArchiveReader } from '../../adapters/aws/s3-raw-archive.ts';
import {
  createSqsDeadLetterInbox,
  createSqsDrainQueue,
  createSqsGovernanceQueue,
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
import { createDynamoConsumerStore } from '../../adapters/dynamo/stores/consumer-store.ts';
import { createDynamoDeliveryLog, createDynamoDeliveryStore } from '../../adapters/dynamo/stores/delivery-store.ts';
import { createDynamoEndpointStore } from '../../adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoEngineKey } from '../../adapters/dynamo/stores/engine-key.ts';
import { createDynamoEventLocator, createDynamoEventReader } from '../../adapters/dynamo/stores/event-store.ts';
import { createDynamoAnswerStore } from '../../adapters/dynamo/stores/idempotency-store.ts';
import { createDynamoIntegrationSettings } from '../../adapters/dynamo/stores/integration-settings.ts';
import { createDynamoParkedRequests } from '../../adapters/dynamo/stores/parked-requests.ts';
import { createDynamoReplayStore } from '../../adapters/dynamo/stores/replay-store.ts';
import { createDynamoRunningWorkLog } from '../../adapters/dynamo/stores/running-work.ts';
import { createDynamoStatisticsReader } from '../../adapters/dynamo/stores/statistics-store.ts';
import { createDynamoSubscriptionDirectory } from '../../adapters/dynamo/stores/subscription-directory.ts';
import { createDynamoTenantPolicies, createDynamoTenantStore } from '../../adapters/dynamo/stores/tenant-store.ts';
import { createDynamoWaitingCalls } from '../../adapters/dynamo/stores/waiting-calls.ts';
import { createEgressPolicy } from '../../adapters/http/egress-policy.ts';
import { createOauthTokens } from '../../adapters/http/oauth-tokens.ts';
import { createUndiciCallbackClient } from '../../adapters/http/undici-callback-client.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { createBundledResourceCatalog } from '../../adapters/node/bundled-resource-catalog.ts';
import { createExpressionProcess } from '../../adapters/node/expression-process.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { defaultEndpointPolicy, newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import { queuedDays } from '../../engine/governance/erasure-certificate.ts';
import { egressOptions, readEnvironment, readNumber } from '../invocation/environment.ts';
import { createTelemetry, type Telemetry } from '../invocation/telemetry.ts';
import type { ApiRuntime } from './handler.ts';

/** What tests of endpoints and counts of replays evaluate: an API call has 29 s. */
const expressionLimits = { heapMb: 128, limitMs: 2_000, suspendMs: 10_000 };

/** Environment to ports: the only place of this function that knows AWS. */
export function createApiRuntime(variables: NodeJS.ProcessEnv, bundle: URL): ApiRuntime & Telemetry {
  const env = readEnvironment('api', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const expiry = {
    clock: systemClock,
    retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
    policies: createDynamoTenantPolicies(dynamo, env[environmentKeys.tenantsTable], systemClock),
  };
  const egress = createEgressPolicy(egressOptions(env));
  const payloads = createS3ClaimStore(env[environmentKeys.payloadsBucket]);
  const number = (key: keyof typeof env) => readNumber(env[key], key);
  const perMinute = (key: keyof typeof env) => ({ calls: number(key), windowMs: 60_000 });
  return {
    ...createTelemetry('api', env[environmentKeys.stage]),
    ports: {
      keys: createDynamoApiKeyStore(dynamo, env[environmentKeys.apiKeysTable]),
      limits: createDynamoCallLimits(dynamo, env[environmentKeys.limitsTable], systemClock),
      callPolicy: {
        perKey: perMinute(environmentKeys.apiKeyRatePerMinute),
        perTenant: perMinute(environmentKeys.apiTenantRatePerMinute),
      },
      waitingCalls: createDynamoWaitingCalls(dynamo, env[environmentKeys.limitsTable], systemClock, systemRandomness),
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
      },
      answers: createDynamoAnswerStore(dynamo, env[environmentKeys.idempotencyTable], payloads, systemClock),
      audit: createDynamoAuditLog(
        dynamo,
        env[environmentKeys.auditTable],
        createS3ClaimStore(env[environmentKeys.auditBucket]),
        { retentionDays: readNumber(env[environmentKeys.auditRetentionDays], environmentKeys.auditRetentionDays) },
      ),
      accounts: createDynamoAccountDirectory(dynamo, env[environmentKeys.accountsTable]),
      tenants: createDynamoTenantStore(dynamo, env[environmentKeys.tenantsTable]),
      governanceQueue: createSqsGovernanceQueue(sqs, env[environmentKeys.governanceQueueUrl]),
      retentionDays: expiry.retentionDays,
      rawRetentionDays: readNumber(env[environmentKeys.rawRetentionDays], environmentKeys.rawRetentionDays),
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
      subscriptions: createDynamoSubscriptionDirectory(
        dynamo,
        env[environmentKeys.subscriptionsTable],
        systemRandomness,
      ),
      events: createDynamoEventReader(dynamo, env[environmentKeys.eventsTable], systemClock),
      locator: createDynamoEventLocator(dynamo, env[environmentKeys.idempotencyTable], systemClock),
      consumers: createDynamoConsumerStore(dynamo, env[environmentKeys.consumersTable]),
      payloads,
      deliveries: {
        ...createDynamoDeliveryStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
        ...createDynamoDeliveryLog(dynamo, env[environmentKeys.deliveriesTable], systemClock),
      },
      replays: createDynamoReplayStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
      runningWork: createDynamoRunningWorkLog(dynamo, env[environmentKeys.deliveriesTable]),
      endpoints: createDynamoEndpointStore(dynamo, env[environmentKeys.limitsTable], newEndpoint),
      endpointPolicy: defaultEndpointPolicy,
      statistics: createDynamoStatisticsReader(dynamo, env[environmentKeys.statisticsTable], systemClock),
      drainQueue: createSqsDrainQueue(sqs, env[environmentKeys.drainQueueUrl]),
      callbacks: createUndiciCallbackClient(egress, systemClock),
      tokens: createOauthTokens(egress, systemClock),
      integrations: createBundledIntegrationCatalog(new URL('integrations/', bundle)),
      resources: createBundledResourceCatalog(new URL('resources.json', bundle)),
      expressions: createExpressionProcess({ script: new URL('expressions.mjs', bundle), ...expressionLimits }),
      egress,
      clock: systemClock,
      pause: systemPause,
      randomness: systemRandomness,
      engineKey: createDynamoEngineKey(dynamo, env[environmentKeys.limitsTable], systemRandomness),
      publicUrl: env[environmentKeys.publicUrl],
    },
  };
}
