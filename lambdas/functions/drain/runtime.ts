import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createSendingPorts, createSendingRetries } from '../sending/sending.runtime.ts';
import type { DrainRuntime } from './handler.ts';

export function createDrainRuntime(variables: NodeJS.ProcessEnv, bundle: URL): DrainRuntime & RetryRuntime & Telemetry {
  const env = readEnvironment('drain', variables);
  const telemetry = createTelemetry('drain', env[environmentKeys.stage], loggingOf(env));
  return {
    ...telemetry,
    ...createSendingRetries('drain', variables),
    // Publish counts at once: a run is long, and one that crashes would lose them.
    outcomes: {
      count(outcome, amount) {
        telemetry.outcomes.count(outcome, amount);
        telemetry.metrics.publishStoredMetrics();
      },
    },
    ports: createSendingPorts('drain', variables, bundle, telemetry.outcomes),
  };
}
