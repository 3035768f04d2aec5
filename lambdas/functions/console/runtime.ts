import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { clientSettings, lean } from '../../adapters/aws/client-settings.ts';
import { createDynamoApiKeyStore } from '../../adapters/dynamo/stores/api-key-store.ts';
import { createBundledStaticFiles } from '../../adapters/node/bundled-static-files.ts';
import { systemClock } from '../../adapters/node/system-clock.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import { createTelemetry, loggingOf } from '../invocation/telemetry.ts';
import type { ConsoleRuntime } from './handler.ts';

/** Environment to ports: the only place of this function that knows AWS. */
export function createConsoleRuntime(variables: NodeJS.ProcessEnv, bundle: URL): ConsoleRuntime {
  const env = readEnvironment('console', variables);
  const dynamo = lean(new DynamoDBClient(clientSettings));
  return {
    files: createBundledStaticFiles(new URL('console/', bundle)),
    sessions: createDynamoApiKeyStore(dynamo, env[environmentKeys.apiKeysTable]),
    clock: systemClock,
    log: createTelemetry('console', env[environmentKeys.stage], loggingOf(env)).log,
  };
}
