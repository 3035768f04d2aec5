import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings } from '../../adapters/aws/client-settings.ts';
import { createDynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { createDynamoEventReader } from '../../adapters/aws/dynamo-event-store.ts';
import { createDynamoSubscriptionStore } from '../../adapters/aws/dynamo-subscription-store.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsDeadLetterQueue, createSqsDeliveryQueue } from '../../adapters/aws/sqs-queues.ts';
import { createEgressPolicy } from '../../adapters/http/egress-policy.ts';
import { createUndiciCallbackClient } from '../../adapters/http/undici-callback-client.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { defaultRetryPolicy } from '../../engine/retry/next-attempt.ts';
import { egressOptions, readEnvironment, readNumber } from '../environment.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { DeliverRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createDeliverRuntime(variables: NodeJS.ProcessEnv): DeliverRuntime & Telemetry {
  const env = readEnvironment('deliver', variables);
  const dynamo = new DynamoDBClient(clientSettings);
  const sqs = new SQSClient(clientSettings);
  return {
    ...createTelemetry('deliver'),
    ports: {
      events: createDynamoEventReader(dynamo, env[environmentKeys.eventsTable], systemClock),
      payloads: createS3ClaimStore(env[environmentKeys.payloadsBucket]),
      subscriptions: createDynamoSubscriptionStore(dynamo, env[environmentKeys.subscriptionsTable]),
      deliveries: createDynamoDeliveryStore(dynamo, env[environmentKeys.deliveriesTable], {
        clock: systemClock,
        retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
      }),
      deliveryQueue: createSqsDeliveryQueue(sqs, env[environmentKeys.deliveryQueueUrl]),
      deadLetters: createSqsDeadLetterQueue(sqs, env[environmentKeys.deliveryDeadLetterQueueUrl]),
      callbacks: createUndiciCallbackClient(createEgressPolicy(egressOptions(env)), systemClock),
      clock: systemClock,
      randomness: systemRandomness,
      retryPolicy: defaultRetryPolicy,
    },
  };
}
