import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings } from '../../adapters/aws/client-settings.ts';
import { createDynamoAccountContexts } from '../../adapters/aws/dynamo-account-contexts.ts';
import { createDynamoAccountStore } from '../../adapters/aws/dynamo-account-store.ts';
import { createDynamoEventReader, createDynamoEventWriter } from '../../adapters/aws/dynamo-event-store.ts';
import { createDynamoRequestParking } from '../../adapters/aws/dynamo-parked-requests.ts';
import { createDynamoSubscriptionStore } from '../../adapters/aws/dynamo-subscription-store.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsDeadLetterQueue, createSqsDeliveryQueue } from '../../adapters/aws/sqs-queues.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { prepareRouting } from '../../engine/mapping/lookup-context.ts';
import { prepareMapping } from '../../engine/mapping/map-request.ts';
import { prepareWebhook } from '../../engine/verification/prepare-webhook.ts';
import type { NormalizingIntegration } from '../../flows/normalize-webhooks.ts';
import { readEnvironment, readNumber } from '../environment.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { NormalizeRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createNormalizeRuntime(variables: NodeJS.ProcessEnv, bundle: URL): NormalizeRuntime & Telemetry {
  const env = readEnvironment('normalize', variables);
  const dynamo = new DynamoDBClient(clientSettings);
  const sqs = new SQSClient(clientSettings);
  const tables = { events: env[environmentKeys.eventsTable], idempotency: env[environmentKeys.idempotencyTable] };
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const prepared = new Map<string, NormalizingIntegration>();
  return {
    ...createTelemetry('normalize'),
    ports: {
      accounts: createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock),
      contexts: createDynamoAccountContexts(dynamo, env[environmentKeys.accountContextsTable]),
      parking: createDynamoRequestParking(dynamo, env[environmentKeys.parkedRequestsTable], {
        clock: systemClock,
        retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
      }),
      async integration(name) {
        const known = prepared.get(name);
        if (known !== undefined) return known;
        const definition = await catalog.get(name);
        if (definition === undefined) return undefined;
        const integration = {
          webhook: prepareWebhook(definition),
          mapping: prepareMapping(definition.mapping),
          routing: definition.routing === undefined ? undefined : prepareRouting(definition.routing),
        };
        prepared.set(name, integration);
        return integration;
      },
      events: {
        ...createDynamoEventReader(dynamo, tables.events, systemClock),
        ...createDynamoEventWriter(dynamo, tables, {
          clock: systemClock,
          retentionDays: readNumber(env[environmentKeys.retentionDays], environmentKeys.retentionDays),
        }),
      },
      payloads: createS3ClaimStore(env[environmentKeys.payloadsBucket]),
      rawBodies: createS3ClaimStore(env[environmentKeys.rawBucket]),
      subscriptions: createDynamoSubscriptionStore(dynamo, env[environmentKeys.subscriptionsTable]),
      deliveryQueue: createSqsDeliveryQueue(sqs, env[environmentKeys.deliveryQueueUrl]),
      rawDeadLetters: createSqsDeadLetterQueue(sqs, env[environmentKeys.rawDeadLetterQueueUrl]),
      clock: systemClock,
      claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
    },
  };
}
