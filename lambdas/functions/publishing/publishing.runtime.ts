import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsDeliveryQueue, createSqsDrainQueue, createSqsShadowQueue } from '../../adapters/aws/sqs-queues.ts';
import { createDynamoEndpointStore } from '../../adapters/dynamo/stores/endpoint-store.ts';
import { createDynamoEventReader, createDynamoEventWriter } from '../../adapters/dynamo/stores/event-store.ts';
import { createDynamoRecordStates } from '../../adapters/dynamo/stores/record-states.ts';
import { createDynamoSubscriptionStore } from '../../adapters/dynamo/stores/subscription-store.ts';
import { createDynamoTenantPolicies } from '../../adapters/dynamo/stores/tenant-store.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemPause } from '../../adapters/node/system-pause.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { defaultEndpointPolicy, newEndpoint } from '../../engine/delivery/endpoint-state.ts';
import type { PublishPorts } from '../../flows/publish/publication.ts';
import { type Environment, readNumber } from '../invocation/environment.ts';

/** What adapters are built from. */
export interface PublishingComposition {
  readonly env: Pick<Environment<'normalize'>, PublishingKey>;
  readonly dynamo: DynamoDBClient;
  readonly sqs: SQSClient;
}

type PublishingKey =
  | typeof environmentKeys.eventsTable
  | typeof environmentKeys.idempotencyTable
  | typeof environmentKeys.tenantsTable
  | typeof environmentKeys.recordsTable
  | typeof environmentKeys.payloadsBucket
  | typeof environmentKeys.claimThresholdBytes
  | typeof environmentKeys.retentionDays
  | typeof environmentKeys.subscriptionsTable
  | typeof environmentKeys.deliveryQueueUrl
  | typeof environmentKeys.drainQueueUrl
  | typeof environmentKeys.shadowQueueUrl
  | typeof environmentKeys.limitsTable;

/** Environment to ports, for the functions that publish events of records. */
export function createPublishingPorts({ env, dynamo, sqs }: PublishingComposition): PublishPorts {
  const retentionDays = readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays);
  const tables = { events: env[environmentKeys.eventsTable], idempotency: env[environmentKeys.idempotencyTable] };
  const tenantPolicies = createDynamoTenantPolicies(dynamo, env[environmentKeys.tenantsTable], systemClock);
  const expiry = { clock: systemClock, retentionDays, policies: tenantPolicies };
  return {
    events: {
      ...createDynamoEventReader(dynamo, tables.events, systemClock),
      ...createDynamoEventWriter(dynamo, tables, expiry),
    },
    records: createDynamoRecordStates(dynamo, env[environmentKeys.recordsTable], systemClock),
    tenantPolicies,
    payloads: createS3ClaimStore(env[environmentKeys.payloadsBucket]),
    claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
    // What hands a published event to the functions that send it.
    subscriptions: createDynamoSubscriptionStore(dynamo, env[environmentKeys.subscriptionsTable], systemClock),
    deliveryQueue: createSqsDeliveryQueue(sqs, env[environmentKeys.deliveryQueueUrl]),
    drainQueue: createSqsDrainQueue(sqs, env[environmentKeys.drainQueueUrl]),
    shadowQueue: createSqsShadowQueue(sqs, env[environmentKeys.shadowQueueUrl]),
    endpoints: createDynamoEndpointStore(dynamo, env[environmentKeys.limitsTable], newEndpoint),
    endpointPolicy: defaultEndpointPolicy,
    clock: systemClock,
    pause: systemPause,
    randomness: systemRandomness,
  };
}
