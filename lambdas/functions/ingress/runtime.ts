import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientSettings } from '../../adapters/aws/client-settings.ts';
import { createDynamoAccountStore } from '../../adapters/aws/dynamo-account-store.ts';
import { createDynamoIntegrationSettings } from '../../adapters/aws/dynamo-integration-settings.ts';
import { createS3ClaimStore } from '../../adapters/aws/s3-claim-store.ts';
import { createSqsRawQueue } from '../../adapters/aws/sqs-queues.ts';
import { createBundledIntegrationCatalog } from '../../adapters/node/bundled-integration-catalog.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { type PreparedWebhook, prepareWebhook } from '../../engine/verification/prepare-webhook.ts';
import { readEnvironment, readNumber } from '../environment.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { IngressRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createIngressRuntime(variables: NodeJS.ProcessEnv, bundle: URL): IngressRuntime & Telemetry {
  const env = readEnvironment('ingress', variables);
  const dynamo = new DynamoDBClient(clientSettings);
  const catalog = createBundledIntegrationCatalog(new URL('integrations/', bundle));
  const prepared = new Map<string, PreparedWebhook>();
  return {
    ...createTelemetry('ingress'),
    publicUrl: env[environmentKeys.publicUrl],
    ports: {
      accounts: createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock),
      settings: createDynamoIntegrationSettings(dynamo, env[environmentKeys.integrationSettingsTable], systemClock),
      async webhook(name) {
        const known = prepared.get(name);
        if (known !== undefined) return known;
        const definition = await catalog.get(name);
        if (definition === undefined) return undefined;
        const webhook = prepareWebhook(definition);
        prepared.set(name, webhook);
        return webhook;
      },
      rawBodies: createS3ClaimStore(env[environmentKeys.rawBucket]),
      rawQueue: createSqsRawQueue(new SQSClient(clientSettings), env[environmentKeys.rawQueueUrl]),
      clock: systemClock,
      randomness: systemRandomness,
      claimThresholdBytes: readNumber(env[environmentKeys.claimThresholdBytes], environmentKeys.claimThresholdBytes),
    },
  };
}
