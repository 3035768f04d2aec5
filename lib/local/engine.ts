import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type Emulator, startEmulator } from './emulators/emulator.ts';
import { type BusEvent, type EventBus, startEventBus } from './emulators/event-bus.ts';
import { provision } from './emulators/provision.ts';
import { LocalEngineError } from './errors.ts';
import { type CallGate, type JudgeCall, startCallGate } from './faults/call-gate.ts';
import { createMetricLedger, type MetricLedger } from './metric-ledger.ts';
import type { FunctionLogLine } from './sandbox/function-log.ts';
import { createFunctionPool, type FunctionPool, type InvocationCounts } from './sandbox/function-pool.ts';
import { createMachineLoad, type MachineLoad } from './sandbox/machine-load.ts';
import { localCredentials } from './sandbox/runtime-environment.ts';
import type { InvocationOutcome } from './sandbox/sandbox.ts';
import { createRouter } from './sources/http-routes.ts';
import { type HttpSource, listenHttp } from './sources/http-source.ts';
import { type QueueSource, startQueueSource } from './sources/queue-source.ts';
import { type ScheduleSource, startScheduleSource } from './sources/schedule-source.ts';
import { readStackAssembly } from './template/assembly.ts';
import { type LocalEndpoints, localRegion } from './template/resource-type.ts';
import { readStackModel, type StackModel } from './template/stack-model.ts';
import type { StackResource } from './template/stack-resources.ts';
import { createEngineClock, type EngineClock } from './time/clock.ts';

export interface LocalEngineOptions {
  /** Folder of the cloud assembly (`cdk.out`). */
  readonly assemblyDir: string;
  /** Name of the stack in it. */
  readonly stackName: string;
  /** HTTP port; 0 takes a free one. */
  readonly port: number;
  /** Receives each line that a function logs, except those of metrics. */
  readonly onLog?: (line: FunctionLogLine) => void;
  /** Receives each event that a function puts on an event bus. */
  readonly onBusEvent?: (event: BusEvent) => void;
  /** Called when an emulator ends by itself: the engine is broken and should be stopped. */
  readonly onFailure?: (error: LocalEngineError) => void;
  /**
   * Sandboxes of one function that may run at once. As many as there are cores come with demand, while cores are
   * idle; more only in the place of those that wait, for a slow receiver, say.
   *
   * @default 16
   */
  readonly maxSandboxesPerFunction?: number;
  /**
   * Whether the cores have time for further sandboxes.
   *
   * @default - what the kernel says of them
   */
  readonly machineLoad?: MachineLoad;
  /**
   * Decides what becomes of each request to AWS that a function makes, or the poller of its queue.
   *
   * @default - none is looked at
   */
  readonly judgeCall?: JudgeCall;
}

/** What an SDK client needs to reach an emulator. */
export interface LocalClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The stack of a cloud assembly, running on this machine. */
export interface LocalEngine {
  /** Origin of the HTTP API: `http://localhost:<port>`. */
  readonly url: string;
  /** Every resource of the template, with its physical name and `Ref` value. */
  readonly resources: readonly StackResource[];
  /** Metrics that functions logged, summed. */
  readonly metrics: Pick<MetricLedger, 'sum' | 'list'>;
  /** What functions put on event buses, oldest first. */
  busEvents(): readonly BusEvent[];
  clientConfig(service: 'sqs' | 's3' | 'dynamodb' | 'eventbridge'): LocalClientConfig;
  /** Environment that the template gives a function, which names its tables, queues and buckets. */
  environment(functionName: string): Readonly<Record<string, string>>;
  /** How a function's invocations ended so far. */
  invocations(functionName: string): InvocationCounts;
  /** Invoke a function directly, past its sources. */
  invoke(functionName: string, event: unknown): Promise<InvocationOutcome>;
  /** End a sandbox in the middle of an invocation, as a crash would. @returns false when none runs. */
  killWorker(functionName: string): boolean;
  /** Whether an invocation runs, or a batch of messages is about to. */
  isAtWork(): boolean;
  /** What `Date.now()` is in functions and emulators. */
  now(): number;
  /**
   * Move the clock of functions, queues, tables and schedules forward at once. A schedule that was due meanwhile
   * runs once, for the last of its instants; when this resolves, it has run.
   */
  advanceClock(ms: number): Promise<void>;
  /** Leaves no process, thread or socket behind. */
  stop(): Promise<void>;
}

const defaultSandboxLimit = 16;

/**
 * Run a synthesized stack on this machine: its queues, tables and buckets on emulators, its
 * functions in worker threads, its sources as the template connects them.
 *
 * Functions are named by their label (`ingress`), logical id or physical name.
 *
 * @throws {LocalEngineError} with nothing left running.
 */
export async function startLocalEngine(options: LocalEngineOptions): Promise<LocalEngine> {
  // What to undo, newest last.
  const undo: (() => unknown)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (const step of undo.reverse()) await step();
    })();
    return stopping;
  };
  try {
    return await start(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: LocalEngineOptions,
  undo: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<LocalEngine> {
  const { assemblyDir, stackName, onLog, maxSandboxesPerFunction = defaultSandboxLimit } = options;
  const { machineLoad = createMachineLoad() } = options;
  const assembly = await readStackAssembly(assemblyDir, stackName);
  const clock = createEngineClock();
  const { dynalite, fauxqs, eventBus, http } = await startServers(options, clock, undo);
  const url = `http://localhost:${http.port}`;
  const emulators: LocalEndpoints = {
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
    http: url,
  };
  const pools: FunctionPool[] = [];
  const endpoints =
    options.judgeCall === undefined ? emulators : await gateAll(emulators, options.judgeCall, pools, undo);
  const model = readStackModel(assembly, endpoints);

  const clientConfig: LocalEngine['clientConfig'] = (service) => ({
    endpoint: emulators[service],
    region: localRegion,
    credentials: localCredentials,
  });
  // The runner moves bodies without looking at them; the code that reads them checks them.
  const sqs = new SQSClient({ ...clientConfig('sqs'), md5: false });
  const s3 = new S3Client(clientConfig('s3'));
  const dynamodb = new DynamoDBClient(clientConfig('dynamodb'));
  const poller = new SQSClient({
    ...clientConfig('sqs'),
    endpoint: endpoints.sqs,
    md5: false,
  });
  undo.push(() => [sqs, s3, dynamodb, poller].forEach((client) => client.destroy()));
  // Before any function runs, since a bundle may call while it loads.
  const rules = {
    ownAccessKeyId: localCredentials.accessKeyId,
    callers: model.functions.map(({ caller }) => caller),
    keyByResource: model.keyByResource,
  };
  eventBus.enforce(rules);
  await Promise.all([dynalite, fauxqs].map((emulator) => emulator.enforce(rules)));
  const provisioned = provision(model, { sqs, s3, dynamodb });

  const metrics = createMetricLedger();
  const onLine = (line: FunctionLogLine) => {
    if (line.stream !== 'stdout' || !metrics.record(line.text)) onLog?.(line);
  };
  for (const one of model.functions)
    pools.push(
      createFunctionPool(
        { model: one, endpoints, clockOffsetMs: clock.sharedOffsetMs, onLine },
        maxSandboxesPerFunction,
        machineLoad,
      ),
    );
  const poolOf = (one: { readonly logicalId: string }): FunctionPool =>
    pools.find((pool) => pool.model.logicalId === one.logicalId) as FunctionPool;
  undo.push(() => Promise.all(pools.map((pool) => pool.stop())));
  await Promise.all([provisioned, prewarm(pools)]);

  const { schedules, queueSources } = connectSources({ model, poolOf, sqs: poller, clock, http, onLine }, undo);

  const find = (name: string): FunctionPool => findPool(pools, name);
  return {
    url,
    resources: model.resources,
    metrics,
    busEvents: () => eventBus.events(),
    clientConfig,
    environment: (name) => find(name).model.environment,
    invocations: (name) => find(name).counts(),
    invoke: (name, event) => find(name).invoke(event),
    killWorker: (name) => find(name).killBusy(),
    isAtWork: () => pools.some((pool) => pool.isAtWork()) || queueSources.some((source) => source.isAtWork()),
    now: () => clock.now(),
    async advanceClock(ms) {
      // Emulators first: what a schedule starts should find them at the new time.
      const offsetMs = (clock.sharedOffsetMs[0] ?? 0) + ms;
      if (ms > 0) await Promise.all([dynalite, fauxqs].map((emulator) => emulator.setClockOffset(offsetMs)));
      clock.advance(ms);
      await Promise.all(schedules.map((schedule) => schedule.settled()));
    },
    stop,
  };
}

/** Put a gate before each emulator. @returns What functions take for the emulators. */
async function gateAll(
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
  return {
    ...emulators,
    sqs: fauxqs.endpoint,
    s3: fauxqs.endpoint,
    dynamodb: dynalite.endpoint,
    eventbridge: eventBus.endpoint,
  };
}

async function startServers(
  { port, onBusEvent, onFailure }: Pick<LocalEngineOptions, 'port' | 'onBusEvent' | 'onFailure'>,
  clock: EngineClock,
  undo: (() => unknown)[],
): Promise<{ dynalite: Emulator; fauxqs: Emulator; eventBus: EventBus; http: HttpSource }> {
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
    undone(listenHttp(port)),
  ]);
  // All have settled, so whatever started is in `undo` when one of them throws.
  const [dynalite, fauxqs, eventBus, http] = results;
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return {
    dynalite: (dynalite as PromiseFulfilledResult<Emulator>).value,
    fauxqs: (fauxqs as PromiseFulfilledResult<Emulator>).value,
    eventBus: (eventBus as PromiseFulfilledResult<EventBus>).value,
    http: (http as PromiseFulfilledResult<HttpSource>).value,
  };
}

/** One warm sandbox for each function, so that a bundle that cannot load is known before the first event. */
async function prewarm(pools: readonly FunctionPool[]): Promise<void> {
  const errors = await Promise.all(pools.map((pool) => pool.prewarm()));
  const faults = errors.flatMap((error, index) =>
    error === undefined ? [] : `- ${pools[index]?.model.label}: ${error.errorType}: ${error.errorMessage}`,
  );
  if (faults.length === 0) return;
  throw new LocalEngineError('function-init-failed', `Bundles that cannot be loaded:\n${faults.join('\n')}`);
}

interface Sources {
  readonly model: StackModel;
  readonly poolOf: (one: { readonly logicalId: string }) => FunctionPool;
  readonly sqs: SQSClient;
  readonly clock: EngineClock;
  readonly http: HttpSource;
  readonly onLine: (line: FunctionLogLine) => void;
}

function connectSources(
  { model, poolOf, sqs, clock, http, onLine }: Sources,
  undo: (() => unknown)[],
): { readonly schedules: readonly ScheduleSource[]; readonly queueSources: readonly QueueSource[] } {
  const queueSources = model.queueSources.map((source) =>
    startQueueSource({
      source,
      pool: poolOf(source.function),
      sqs,
      onProblem: (text) => onLine({ function: source.function.label, requestId: undefined, stream: 'runtime', text }),
    }),
  );
  const schedules = model.schedules.map((schedule) => startScheduleSource(schedule, poolOf(schedule.function), clock));
  http.serve({
    apiId: model.apiId,
    clock,
    router: createRouter(
      model.routes.map(({ routeKey, function: target, timeoutMs }) => ({
        routeKey,
        target: { pool: poolOf(target), timeoutMs },
      })),
    ),
  });
  // Sources and sandboxes end together: a poller waits for its batch, and the batch for its sandbox.
  undo.push(async () => {
    for (const schedule of schedules) schedule.stop();
    const pools = model.functions.map(poolOf);
    await Promise.all([
      ...queueSources.map((source) => source.stop()),
      http.stop(),
      ...pools.map((pool) => pool.stop()),
    ]);
  });
  return { schedules, queueSources };
}

function findPool(pools: readonly FunctionPool[], name: string): FunctionPool {
  const found = pools.filter(({ model }) => [model.label, model.logicalId, model.name].includes(name));
  if (found.length === 1) return found[0] as FunctionPool;
  const known = pools.map(({ model }) => model.label).join(', ');
  throw new LocalEngineError('unknown-function', `No one function is named ${name}; there are: ${known}.`);
}
