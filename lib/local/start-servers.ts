import { type Emulator, startEmulator } from './emulators/emulator.ts';
import { type BusEvent, type EventBus, startEventBus } from './emulators/event-bus.ts';
import { type KeyService, startKeyService } from './emulators/key-service.ts';
import { type RoleService, startRoleService } from './emulators/role-service.ts';
import { type StreamService, startStreamService } from './emulators/stream-service.ts';
import type { LocalEngineError } from './errors.ts';
import { type CallGate, type JudgeCall, startCallGate } from './faults/call-gate.ts';
import type { Caller } from './iam/may-call.ts';
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
  readonly roleService: RoleService;
  readonly streamService: StreamService;
  readonly http: HttpSource;
  /** Listens for the requests of a function URL. */
  readonly functionUrl: HttpSource;
}

export async function startServers(
  { port, onBusEvent, onFailure }: ServerOptions,
  clock: EngineClock,
  admit: (session: Caller) => Promise<void>,
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
    undone(startRoleService(() => clock.now(), admit)),
    undone(startStreamService()),
    undone(listenHttp(port)),
    undone(listenHttp(0)),
  ]);
  // All have settled, so `undo` holds every server that started when one of them throws.
  const [dynalite, fauxqs, eventBus, keyService, roleService, streamService, http, functionUrl] = results;
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return {
    dynalite: (dynalite as PromiseFulfilledResult<Emulator>).value,
    fauxqs: (fauxqs as PromiseFulfilledResult<Emulator>).value,
    eventBus: (eventBus as PromiseFulfilledResult<EventBus>).value,
    keyService: (keyService as PromiseFulfilledResult<KeyService>).value,
    roleService: (roleService as PromiseFulfilledResult<RoleService>).value,
    streamService: (streamService as PromiseFulfilledResult<StreamService>).value,
    http: (http as PromiseFulfilledResult<HttpSource>).value,
    functionUrl: (functionUrl as PromiseFulfilledResult<HttpSource>).value,
  };
}

export function endpointsOf(servers: Servers): LocalEndpoints {
  const { dynalite, fauxqs, eventBus, keyService, roleService, streamService, http, functionUrl } = servers;
  return {
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
    kms: keyService.endpoint,
    kinesis: streamService.endpoint,
    sts: roleService.endpoint,
    http: `http://localhost:${http.port}`,
    functionUrl: `http://localhost:${functionUrl.port}`,
  };
}

/** Put a gate in front of each emulator. @returns The endpoints of the gates, which functions use instead. */
export async function gateAll(
  emulators: LocalEndpoints,
  { roleService }: Pick<Servers, 'roleService'>,
  judge: JudgeCall,
  pools: readonly FunctionPool[],
  undo: (() => unknown)[],
): Promise<LocalEndpoints> {
  // A function that has assumed a role calls with the key of the session.
  const callerKeyOf = (accessKeyId: string) => roleService.assumedBy(accessKeyId) ?? accessKeyId;
  const gate = async (target: string): Promise<CallGate> => {
    const started = await startCallGate({
      target,
      judge,
      callerOf: (accessKeyId) =>
        accessKeyId === localCredentials.accessKeyId
          ? 'poller'
          : pools.find(({ model }) => model.caller.accessKeyId === callerKeyOf(accessKeyId))?.model.label,
      kill: (caller) => void pools.find(({ model }) => model.label === caller)?.killBusy(),
    });
    undo.push(() => started.stop());
    return started;
  };
  const fauxqs = await gate(emulators.sqs);
  const dynalite = await gate(emulators.dynamodb);
  const eventBus = await gate(emulators.eventbridge);
  const keyService = await gate(emulators.kms);
  const streams = await gate(emulators.kinesis);
  const roles = await gate(emulators.sts);
  return {
    ...emulators,
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
    kms: keyService.endpoint,
    kinesis: streams.endpoint,
    sts: roles.endpoint,
  };
}

/** What a test gives the subscribers: roles, buses, streams, and a look at what arrived in them. */
export function subscribersOf({ eventBus, roleService, streamService }: Servers) {
  return {
    createRole: (role: Parameters<RoleService['createRole']>[0]) => roleService.createRole(role),
    createBus: (arn: string) => eventBus.createBus(arn),
    createStream: (arn: string) => streamService.createStream(arn),
    records: () => streamService.records(),
  };
}
