import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../environment.ts';
import type { RetryRuntime } from '../retry-soon.ts';
import { createSendingPorts, createSendingRetries } from '../sending.runtime.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
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
