import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createSendingPorts, createSendingRetries } from '../sending/sending.runtime.ts';
import type { DeliverRuntime } from './handler.ts';

export function createDeliverRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): DeliverRuntime & RetryRuntime & Telemetry {
  const env = readEnvironment('deliver', variables);
  const telemetry = createTelemetry('deliver', env[environmentKeys.stage], loggingOf(env));
  return {
    ...telemetry,
    ...createSendingRetries('deliver', variables),
    ports: createSendingPorts('deliver', variables, bundle, telemetry.outcomes),
  };
}
