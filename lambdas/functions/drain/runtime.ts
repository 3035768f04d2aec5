import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../environment.ts';
import type { RetryRuntime } from '../retry-soon.ts';
import { createSendingPorts, createSendingRetries } from '../sending.runtime.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { DrainRuntime } from './handler.ts';

export function createDrainRuntime(variables: NodeJS.ProcessEnv, bundle: URL): DrainRuntime & RetryRuntime & Telemetry {
  const telemetry = createTelemetry('drain', readEnvironment('drain', variables)[environmentKeys.stage]);
  return {
    ...telemetry,
    ...createSendingRetries('drain', variables),
    // At once: a run goes on for long, and what it has counted would die with it.
    outcomes: {
      count(outcome, amount) {
        telemetry.outcomes.count(outcome, amount);
        telemetry.metrics.publishStoredMetrics();
      },
    },
    ports: createSendingPorts('drain', variables, bundle, telemetry.outcomes),
  };
}
