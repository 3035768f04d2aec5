import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createDynamoAccountStore } from '../../adapters/dynamo/stores/account-store.ts';
import { createDynamoApiKeyStore } from '../../adapters/dynamo/stores/api-key-store.ts';
import { createDynamoSubscriptionStore } from '../../adapters/dynamo/stores/subscription-store.ts';
import { createFetchHttpCaller } from '../../adapters/http/fetch-http-caller.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { systemRandomness } from '../../adapters/node/system-randomness.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { limits } from '../../contracts/limits.ts';
import { readEnvironment } from '../invocation/environment.ts';
import { createTelemetry, loggingOf } from '../invocation/telemetry.ts';
import type { CanaryRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createCanaryRuntime(variables: NodeJS.ProcessEnv): CanaryRuntime {
  const env = readEnvironment('canary', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  return {
    ...createTelemetry('canary', env[environmentKeys.stage], loggingOf(env)),
    ports: {
      http: createFetchHttpCaller(limits.canaryCallTimeoutMs),
      apiKeys: createDynamoApiKeyStore(dynamo, env[environmentKeys.apiKeysTable]),
      accounts: createDynamoAccountStore(dynamo, env[environmentKeys.accountsTable], systemClock),
      subscriptions: createDynamoSubscriptionStore(dynamo, env[environmentKeys.subscriptionsTable], systemClock),
      clock: systemClock,
      randomness: systemRandomness,
      publicUrl: env[environmentKeys.publicUrl],
    },
  };
}
