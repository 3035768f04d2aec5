import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createTelemetry, type Telemetry } from '../invocation/telemetry.ts';
import { createSendingPorts, createSendingRetries } from '../sending/sending.runtime.ts';
import type { DeliverRuntime } from './handler.ts';

export function createDeliverRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): DeliverRuntime & RetryRuntime & Telemetry {
  const telemetry = createTelemetry('deliver', readEnvironment('deliver', variables)[environmentKeys.stage]);
  return {
    ...telemetry,
    ...createSendingRetries('deliver', variables),
    ports: createSendingPorts('deliver', variables, bundle, telemetry.outcomes),
  };
}
