import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import {
  createSqsDeliveryQueue,
  createSqsDrainQueue,
  createSqsEnrichQueue,
  createSqsGovernanceQueue,
  createSqsPollQueue,
} from '../../adapters/aws/sqs-queues.ts';
import { createDynamoDeliveryStore } from '../../adapters/dynamo/stores/delivery-store.ts';
import { createDynamoEndpointStore } from '../../adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoEventReader } from '../../adapters/dynamo/stores/event-store.ts';
import { createDynamoFetchStore } from '../../adapters/dynamo/stores/fetch-store.ts';
import { createDynamoReplayStore } from '../../adapters/dynamo/stores/replay-store.ts';
import { createDynamoRunningWorkLog } from '../../adapters/dynamo/stores/running-work.ts';
import { createDynamoSyncStore } from '../../adapters/dynamo/stores/sync-store.ts';
import { createDynamoTenantStore } from '../../adapters/dynamo/stores/tenant-store.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import { readEnvironment, readNumber } from '../invocation/environment.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import type { DispatchRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createDispatchRuntime(variables: NodeJS.ProcessEnv): DispatchRuntime & Telemetry {
  const env = readEnvironment('dispatch', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  const sqs = lean(new SQSClient(clientSettings));
  const expiry = {
    clock: systemClock,
    retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
  };
  return {
    ...createTelemetry('dispatch', env[environmentKeys.stage], loggingOf(env)),
    ports: {
      deliveries: createDynamoDeliveryStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
      replays: createDynamoReplayStore(dynamo, env[environmentKeys.deliveriesTable], expiry),
      runningWork: createDynamoRunningWorkLog(dynamo, env[environmentKeys.deliveriesTable]),
      tenants: createDynamoTenantStore(dynamo, env[environmentKeys.tenantsTable]),
      endpoints: createDynamoEndpointStore(dynamo, env[environmentKeys.limitsTable], newEndpoint),
      events: createDynamoEventReader(dynamo, env[environmentKeys.eventsTable], systemClock),
      deliveryQueue: createSqsDeliveryQueue(sqs, env[environmentKeys.deliveryQueueUrl]),
      drainQueue: createSqsDrainQueue(sqs, env[environmentKeys.drainQueueUrl]),
      governanceQueue: createSqsGovernanceQueue(sqs, env[environmentKeys.governanceQueueUrl]),
      fetches: createDynamoFetchStore(dynamo, env[environmentKeys.fetchesTable], systemClock),
      enrichQueue: createSqsEnrichQueue(sqs, env[environmentKeys.enrichQueueUrl]),
      syncs: createDynamoSyncStore(dynamo, env[environmentKeys.syncsTable], systemClock),
      pollQueue: createSqsPollQueue(sqs, env[environmentKeys.pollQueueUrl]),
      clock: systemClock,
    },
  };
}
