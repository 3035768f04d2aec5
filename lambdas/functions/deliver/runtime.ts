import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../invocation/environment.ts';
import type { RetryRuntime } from '../invocation/retry-soon.ts';
import { createSpans, type TracedRuntime } from '../invocation/spans.runtime.ts';
import { createTelemetry, loggingOf, type Telemetry } from '../invocation/telemetry.ts';
import { createSendingPorts, createSendingRetries } from '../sending/sending.runtime.ts';
import type { DeliverRuntime } from './handler.ts';

export function createDeliverRuntime(
  variables: NodeJS.ProcessEnv,
  bundle: URL,
): DeliverRuntime & RetryRuntime & Telemetry & TracedRuntime {
  const env = readEnvironment('deliver', variables);
  const telemetry = createTelemetry('deliver', env[environmentKeys.stage], loggingOf(env));
  const spans = createSpans('deliver', env, telemetry.log);
  return {
    ...telemetry,
    ...spans,
    ...createSendingRetries('deliver', variables),
    ports: { ...createSendingPorts('deliver', variables, bundle, telemetry.outcomes), ...spans },
  };
}
