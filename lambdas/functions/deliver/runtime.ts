import { environmentKeys } from '../../contracts/environment.ts';
import { readEnvironment } from '../environment.ts';
import { createSendingPorts } from '../sending.runtime.ts';
import { createTelemetry, type Telemetry } from '../telemetry.ts';
import type { DeliverRuntime } from './handler.ts';

export function createDeliverRuntime(variables: NodeJS.ProcessEnv, bundle: URL): DeliverRuntime & Telemetry {
  const telemetry = createTelemetry('deliver', readEnvironment('deliver', variables)[environmentKeys.stage]);
  return { ...telemetry, ports: createSendingPorts('deliver', variables, bundle, telemetry.outcomes) };
}
