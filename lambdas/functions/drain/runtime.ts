import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createSpans, type TracedRuntime } from '../invocation/spans.runtime.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createSendingPorts, createSendingRetries } from '../sending/sending.runtime.ts';
import type { DrainRuntime } from './handler.ts';

export function createDrainRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): DrainRuntime & RetryRuntime & Telemetry & TracedRuntime {
  const env = readEnvironment('drain', variables);
  const telemetry = createTelemetry('drain', env[environmentKeys.stage], loggingOf(env));
  const spans = createSpans('drain', env, telemetry.log);
  return {
    ...telemetry,
    ...spans,
    ...createSendingRetries('drain', variables),
    // Publish counts at once: a run is long, and one that crashes would lose them.
    outcomes: {
      count(outcome, amount) {
        telemetry.outcomes.count(outcome, amount);
        telemetry.metrics.publishStoredMetrics();
      },
    },
    ports: { ...createSendingPorts('drain', variables, bundle, telemetry.outcomes), ...spans },
  };
}
