import { type Emulator, startEmulator } from './emulators/emulator.ts';
import { type BusEvent, type EventBus, startEventBus } from './emulators/event-bus.ts';
import { type KeyService, startKeyService } from './emulators/key-service.ts';
import type { LocalEngineError } from './errors.ts';
import { type CallGate, type JudgeCall, startCallGate } from './faults/call-gate.ts';
import type { FunctionPool } from './sandbox/function-pool.ts';
import { localCredentials } from './sandbox/runtime-environment.ts';
import { type HttpSource, listenHttp } from './sources/http-source.ts';
import type { LocalEndpoints } from './template/resource-type.ts';
import type { EngineClock } from './time/clock.ts';

interface ServerOptions {
  /** HTTP port; 0 chooses a free one. */
  readonly port: number;
  readonly onBusEvent?: (event: BusEvent) => void;
  /** Called when an emulator ends by itself. */
  readonly onFailure?: (error: LocalEngineError) => void;
}

/** The emulators of AWS and the HTTP server of the API. */
export interface Servers {
  readonly dynalite: Emulator;
  readonly fauxqs: Emulator;
  readonly eventBus: EventBus;
  readonly keyService: KeyService;
  readonly http: HttpSource;
  /** Listens for the requests of a function URL. */
  readonly functionUrl: HttpSource;
}

export async function startServers(
  { port, onBusEvent, onFailure }: ServerOptions,
  clock: EngineClock,
  undo: (() => unknown)[],
): Promise<Servers> {
  const undone = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    undo.push(() => started.stop());
    return started;
  };
  const crashed = (error: LocalEngineError) => onFailure?.(error);
  const results = await Promise.allSettled([
    undone(startEmulator('dynalite', crashed)),
    undone(startEmulator('fauxqs', crashed)),
    undone(startEventBus(() => clock.now(), onBusEvent)),
    undone(startKeyService()),
    undone(listenHttp(port)),
    undone(listenHttp(0)),
  ]);
  // All have settled, so `undo` holds every server that started when one of them throws.
  const [dynalite, fauxqs, eventBus, keyService, http, functionUrl] = results;
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return {
    dynalite: (dynalite as PromiseFulfilledResult<Emulator>).value,
    fauxqs: (fauxqs as PromiseFulfilledResult<Emulator>).value,
    eventBus: (eventBus as PromiseFulfilledResult<EventBus>).value,
    keyService: (keyService as PromiseFulfilledResult<KeyService>).value,
    http: (http as PromiseFulfilledResult<HttpSource>).value,
    functionUrl: (functionUrl as PromiseFulfilledResult<HttpSource>).value,
  };
}

export function endpointsOf({ dynalite, fauxqs, eventBus, keyService, http, functionUrl }: Servers): LocalEndpoints {
  return {
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
    kms: keyService.endpoint,
    http: `http://localhost:${http.port}`,
    functionUrl: `http://localhost:${functionUrl.port}`,
  };
}

/** Put a gate in front of each emulator. @returns The endpoints of the gates, which functions use instead. */
export async function gateAll(
  emulators: LocalEndpoints,
  judge: JudgeCall,
  pools: readonly FunctionPool[],
  undo: (() => unknown)[],
): Promise<LocalEndpoints> {
  const gate = async (target: string): Promise<CallGate> => {
    const started = await startCallGate({
      target,
      judge,
      callerOf: (accessKeyId) =>
        accessKeyId === localCredentials.accessKeyId
          ? 'poller'
          : pools.find(({ model }) => model.caller.accessKeyId === accessKeyId)?.model.label,
      kill: (caller) => void pools.find(({ model }) => model.label === caller)?.killBusy(),
    });
    undo.push(() => started.stop());
    return started;
  };
  const fauxqs = await gate(emulators.sqs);
  const dynalite = await gate(emulators.dynamodb);
  const eventBus = await gate(emulators.eventbridge);
  const keyService = await gate(emulators.kms);
  return {
    ...emulators,
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
    kms: keyService.endpoint,
  };
}
