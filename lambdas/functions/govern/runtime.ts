import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createS3ObjectEraser } from '../../adapters/aws/s3-object-eraser.ts';
import {
  createSqsDeadLetterInbox,
  createSqsFailedMessages,
  createSqsGovernanceQueue,
} from '../../adapters/aws/sqs-queues.ts';
import { createDynamoContextRegistry } from '../../adapters/dynamo/stores/account-contexts.ts';
import { createDynamoAccountEraser } from '../../adapters/dynamo/stores/account-eraser.ts';
import { createDynamoDeliveryEraser } from '../../adapters/dynamo/stores/delivery-eraser.ts';
import { createDynamoParkedRequests } from '../../adapters/dynamo/stores/parked-requests.ts';
import {
  createDynamoCredentialEraser,
  createDynamoFetchEraser,
  createDynamoSyncEraser,
} from '../../adapters/dynamo/stores/provider-erasers.ts';
import { createDynamoRecordEraser } from '../../adapters/dynamo/stores/record-directory.ts';
import { createDynamoRunningWorkLog } from '../../adapters/dynamo/stores/running-work.ts';
import {
  createDynamoAccountContextEraser,
  createDynamoApiKeyEraser,
  createDynamoEndpointEraser,
  createDynamoEventEraser,
  createDynamoPartitionEraser,
  createDynamoSubscriptionEraser,
} from '../../adapters/dynamo/stores/tenant-erasers.ts';
import { createDynamoTenantStore } from '../../adapters/dynamo/stores/tenant-store.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { queuedDays } from '../../engine/governance/erasure-certificate.ts';
import { readEnvironment, readNumber } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import type { GovernRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createGovernRuntime(variables: NodeJS.ProcessEnv): GovernRuntime & RetryRuntime & Telemetry {
  const env = readEnvironment('govern', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const retentionDays = readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays);
  const contextsTable = env[environmentKeys.accountContextsTable];
  return {
    ...createTelemetry('govern', env[environmentKeys.stage], loggingOf(env)),
    failedMessages: createSqsFailedMessages(sqs, env[environmentKeys.governanceQueueUrl]),
    randomness: systemRandomness,
    ports: {
      tenants: createDynamoTenantStore(dynamo, env[environmentKeys.tenantsTable]),
      governanceQueue: createSqsGovernanceQueue(sqs, env[environmentKeys.governanceQueueUrl]),
      runningWork: createDynamoRunningWorkLog(dynamo, env[environmentKeys.deliveriesTable]),
      accounts: createDynamoAccountEraser(dynamo, env[environmentKeys.accountsTable]),
      contexts: {
        ...createDynamoContextRegistry(dynamo, contextsTable, {
          clock: systemClock,
          keptDays: Math.max(queuedDays, retentionDays),
        }),
        ...createDynamoAccountContextEraser(dynamo, contextsTable),
      },
      credentials: createDynamoCredentialEraser(dynamo, env[environmentKeys.credentialsTable]),
      fetches: createDynamoFetchEraser(dynamo, env[environmentKeys.fetchesTable]),
      syncs: createDynamoSyncEraser(dynamo, env[environmentKeys.syncsTable]),
      parked: createDynamoParkedRequests(dynamo, env[environmentKeys.parkedRequestsTable], systemClock),
      rawLetters: createSqsDeadLetterInbox(sqs, env[environmentKeys.rawDeadLetterQueueUrl]),
      subscriptions: createDynamoSubscriptionEraser(dynamo, env[environmentKeys.subscriptionsTable], systemRandomness),
      deliveries: createDynamoDeliveryEraser(dynamo, env[environmentKeys.deliveriesTable]),
      endpoints: createDynamoEndpointEraser(dynamo, env[environmentKeys.limitsTable]),
      records: createDynamoRecordEraser(dynamo, env[environmentKeys.recordsTable]),
      events: createDynamoEventEraser(dynamo, {
        events: env[environmentKeys.eventsTable],
        idempotency: env[environmentKeys.idempotencyTable],
      }),
      apiKeys: createDynamoApiKeyEraser(dynamo, env[environmentKeys.apiKeysTable]),
      consumers: createDynamoPartitionEraser(dynamo, env[environmentKeys.consumersTable], {
        partition: 'tenant',
        sort: 'name',
        kind: 'consumers',
      }),
      statistics: createDynamoPartitionEraser(dynamo, env[environmentKeys.statisticsTable], {
        partition: 'scope',
        sort: 'hourIntegration',
        kind: 'statistics',
      }),
      payloads: createS3ObjectEraser(env[environmentKeys.payloadsBucket], false),
      rawBodies: createS3ObjectEraser(env[environmentKeys.rawBucket], env[environmentKeys.rawLocked] === 'true'),
      clock: systemClock,
      retentionDays,
      rawRetentionDays: readNumber(env[environmentKeys.rawRetentionDays], environmentKeys.rawRetentionDays),
      auditRetentionDays: readNumber(env[environmentKeys.auditRetentionDays], environmentKeys.auditRetentionDays),
    },
  };
}
