import { createSendingPorts } from '../sending.runtime.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { DrainRuntime } from './handler.ts';

export function createDrainRuntime(variables: NodeJS.ProcessEnv, bundle: URL): DrainRuntime & Telemetry {
  const telemetry = createTelemetry('drain');
  return { ...telemetry, ports: createSendingPorts('drain', variables, bundle, telemetry.outcomes) };
}
