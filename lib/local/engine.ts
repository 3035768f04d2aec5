import { connectSources } from './connect-sources.ts';
import type { BusEvent } from './emulators/event-bus.ts';
import { provision } from './emulators/provision.ts';
import type { ForeignRole } from './emulators/role-service.ts';
import type { StreamRecord } from './emulators/stream-service.ts';
import { enforcePermissions } from './enforce-permissions.ts';
import type { LocalEngineError } from './errors.ts';
import type { JudgeCall } from './faults/call-gate.ts';
import type { Caller } from './iam/may-call.ts';
import { createMetricLedger, type MetricLedger } from './metric-ledger.ts';
import { type AlarmWatch, startAlarmWatch } from './metrics/alarm-watch.ts';
import { createAwsMetrics } from './metrics/aws-metrics.ts';
import type { AlarmState } from './metrics/evaluate-alarm.ts';
import { createMetricStore } from './metrics/metric-store.ts';
import { openClients } from './open-clients.ts';
import type { FunctionLogLine } from './sandbox/function-log.ts';
import type { FunctionPool, InvocationCounts } from './sandbox/function-pool.ts';
import { createPools, findPool, prewarm } from './sandbox/function-pools.ts';
import { createMachineLoad, type MachineLoad } from './sandbox/machine-load.ts';
import { localCredentials } from './sandbox/runtime-environment.ts';
import type { InvocationOutcome } from './sandbox/sandbox.ts';
import type { QueueSource } from './sources/queue-source.ts';
import type { ScheduleSource } from './sources/schedule-source.ts';
import { endpointsOf, gateAll, type Servers, startServers, subscribersOf } from './start-servers.ts';
import { readStackAssembly } from './template/assembly.ts';
import { type LocalEndpoints, localRegion } from './template/resource-type.ts';
import { readStackModel } from './template/stack-model.ts';
import type { StackResource } from './template/stack-resources.ts';
import { withHosts } from './template/with-hosts.ts';
import { createEngineClock, type EngineClock } from './time/clock.ts';

export interface LocalEngineOptions {
  /** Folder of the cloud assembly (`cdk.out`). */
  readonly assemblyDir: string;
  /** Name of the stack in it. */
  readonly stackName: string;
  /** HTTP port; 0 chooses a free one. */
  readonly port: number;
  /** Receives each line that a function logs, except those of metrics. */
  readonly onLog?: (line: FunctionLogLine) => void;
  /** Receives each event that a function puts on an event bus. */
  readonly onBusEvent?: (event: BusEvent) => void;
  /** Called when an alarm of the template begins or ends; it is looked at each minute. */
  readonly onAlarm?: (state: AlarmState) => void;
  /**
   * Invocations that all functions together may have at the same time: the account's quota. Requests beyond it are
   * refused.
   *
   * @default 1000
   */
  readonly accountConcurrency?: number;
  /** Called when an emulator ends by itself: the engine is broken and should be stopped. */
  readonly onFailure?: (error: LocalEngineError) => void;
  /**
   * Sandboxes of one function that may run concurrently. Demand starts as many as there are cores, while cores are
   * idle; more start only to replace those that wait, for example for a slow receiver.
   *
   * @default 16
   */
  readonly maxSandboxesPerFunction?: number;
  /**
   * Whether the cores have time for further sandboxes.
   *
   * @default - measured by the operating system
   */
  readonly machineLoad?: MachineLoad;
  /**
   * Origins of providers that stand-ins serve, as `<origin>=<origin>`: `https://api.example.com=http://127.0.0.1:4001`.
   *
   * @default - providers are called where they are
   */
  readonly hosts?: readonly string[];
  /**
   * Decides the fate of each AWS request of a function or of its queue's poller.
   *
   * @default - every request passes
   */
  readonly judgeCall?: JudgeCall;
}

/** Options that an SDK client needs to reach an emulator. */
export interface LocalClientConfig {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The stack of a cloud assembly, running on this machine. */
export interface LocalEngine {
  /** Origin of the HTTP API: `http://localhost:<port>`. */
  readonly url: string;
  /** Every resource of the template, with its physical name and `Ref`. */
  readonly resources: readonly StackResource[];
  /** Metrics that functions logged, summed. */
  readonly metrics: Pick<MetricLedger, 'sum' | 'list'>;
  /** The state of each alarm of the template now, as CloudWatch would evaluate it. */
  alarms(): Promise<readonly AlarmState[]>;
  /** Events that functions put on event buses, oldest first. */
  busEvents(): readonly BusEvent[];
  clientConfig(service: 'sqs' | 's3' | 'dynamodb' | 'eventbridge' | 'kms'): LocalClientConfig;
  /** What subscribers have in their own AWS accounts. */
  readonly subscribers: {
    createRole(role: ForeignRole): void;
    createBus(arn: string): void;
    createStream(arn: string): void;
    /** Records of all streams, oldest first. */
    records(): readonly StreamRecord[];
  };
  /** Environment of a function in the template: it names the function's tables, queues and buckets. */
  environment(functionName: string): Readonly<Record<string, string>>;
  /** How a function's invocations ended so far. */
  invocations(functionName: string): InvocationCounts;
  /** Invoke a function directly, without its sources. */
  invoke(functionName: string, event: unknown): Promise<InvocationOutcome>;
  /** Kill a sandbox during an invocation, like a crash. @returns false when no invocation runs. */
  killWorker(functionName: string): boolean;
  /** Whether an invocation runs, or a received batch is about to start one. */
  isAtWork(): boolean;
  /** `Date.now()` in functions and emulators. */
  now(): number;
  /**
   * Move the clock of functions, queues, tables and schedules forward. A schedule that became due runs once, for the
   * last of its instants; the promise resolves after it has run.
   */
  advanceClock(ms: number): Promise<void>;
  /** Disable or enable the template's schedules, as a person may. */
  enableSchedules(isEnabled: boolean): void;
  /** Stop, and leave no process, thread or socket behind. */
  stop(): Promise<void>;
}

const defaultAccountConcurrency = 1_000;

/**
 * Run a synthesized stack on this machine: its queues, tables and buckets on emulators, its
 * functions in worker threads, its sources as the template connects them.
 *
 * Functions are named by their label (`ingress`), logical id or physical name.
 *
 * @throws {LocalEngineError} with nothing left running.
 */
export async function startLocalEngine(options: LocalEngineOptions): Promise<LocalEngine> {
  // Steps that undo the start, newest last.
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
  const { machineLoad = createMachineLoad(), accountConcurrency = defaultAccountConcurrency } = options;
  const assembly = await readStackAssembly(options.assemblyDir, options.stackName);
  const clock = createEngineClock();
  let admit: (session: Caller) => Promise<void> = async () => {};
  const servers = await startServers(options, clock, (session) => admit(session), undo);
  const { http, functionUrl } = servers;
  const emulators = endpointsOf(servers);
  const pools: FunctionPool[] = [];
  const { store, awsMetrics, judge } = createMetrics(options, clock);
  const endpoints = judge === undefined ? emulators : await gateAll(emulators, servers, judge, pools, undo);
  const model = withHosts(readStackModel(assembly, endpoints), options.hosts ?? []);
  const clientConfig = clientConfigOf(emulators);
  const clients = openClients(clientConfig, endpoints, undo);
  servers.keyService.createKeys(model.keyArns);
  admit = await enforcePermissions(servers, model);
  const provisioned = provision(model, clients);

  const metrics = createMetricLedger(store);
  const onLine = (line: FunctionLogLine) => {
    if (line.stream !== 'stdout' || !metrics.record(line.text)) options.onLog?.(line);
  };
  pools.push(
    ...createPools({ ...options, machineLoad, awsMetrics }, model, {
      endpoints,
      clockOffsetMs: clock.sharedOffsetMs,
      onLine,
    }),
  );
  const poolOf = (one: { readonly logicalId: string }): FunctionPool =>
    pools.find((pool) => pool.model.logicalId === one.logicalId) as FunctionPool;
  undo.push(() => Promise.all(pools.map((pool) => pool.stop())));
  await Promise.all([provisioned, prewarm(pools)]);

  const { schedules, queueSources } = connectSources(
    { model, poolOf, sqs: clients.poller, clock, http, functionUrl, onLine, metrics: awsMetrics, accountConcurrency },
    undo,
  );
  const watch = startAlarmWatch({
    model,
    store,
    metrics: awsMetrics,
    endpoint: emulators.sqs,
    nowMs: () => clock.now(),
    accountConcurrency,
    onChange: options.onAlarm,
  });
  undo.push(() => watch.stop());

  const steering = steer({ pools, clock, servers, schedules, queueSources, watch });
  const { resources } = model;
  return { ...steering, url: emulators.http, resources, metrics, clientConfig, stop };
}

/** The parts of a running engine that tests drive. */
interface EngineParts {
  readonly pools: readonly FunctionPool[];
  readonly clock: EngineClock;
  readonly servers: Servers;
  readonly schedules: readonly ScheduleSource[];
  readonly queueSources: readonly QueueSource[];
  readonly watch: AlarmWatch;
}

function steer({
  pools,
  clock,
  servers,
  schedules,
  queueSources,
  watch,
}: EngineParts): Omit<LocalEngine, 'url' | 'resources' | 'metrics' | 'clientConfig' | 'stop'> {
  const find = (name: string): FunctionPool => findPool(pools, name);
  return {
    alarms: () => watch.evaluate(),
    busEvents: () => servers.eventBus.events(),
    subscribers: subscribersOf(servers),
    environment: (name) => find(name).model.environment,
    invocations: (name) => find(name).counts(),
    invoke: (name, event) => find(name).invoke(event),
    killWorker: (name) => find(name).killBusy(),
    isAtWork: () => pools.some((pool) => pool.concurrency() > 0) || queueSources.some((source) => source.isAtWork()),
    now: () => clock.now(),
    enableSchedules: (isEnabled) => schedules.forEach((schedule) => schedule.enable(isEnabled)),
    advanceClock: (ms) => advanceClock(ms, clock, servers, schedules, watch),
  };
}

const clientConfigOf =
  (emulators: LocalEndpoints): LocalEngine['clientConfig'] =>
  (service) => ({ endpoint: emulators[service], region: localRegion, credentials: localCredentials });

async function advanceClock(
  ms: number,
  clock: EngineClock,
  { dynalite, fauxqs }: Servers,
  schedules: readonly ScheduleSource[],
  watch: AlarmWatch,
): Promise<void> {
  // Emulators first, so that scheduled functions find them at the new time.
  const offsetMs = (clock.sharedOffsetMs[0] ?? 0) + ms;
  if (ms > 0) await Promise.all([dynalite, fauxqs].map((emulator) => emulator.setClockOffset(offsetMs)));
  clock.advance(ms);
  await Promise.all(schedules.map((schedule) => schedule.settled()));
  // CloudWatch would have looked meanwhile.
  await watch.evaluate();
}

/** What AWS counts; and the judge of calls, of which DynamoDB counts those that it throttles. */
function createMetrics({ judgeCall }: LocalEngineOptions, clock: EngineClock) {
  const store = createMetricStore();
  const awsMetrics = createAwsMetrics(store, () => clock.now());
  const judge: JudgeCall = (call) => {
    const fault = judgeCall?.(call);
    if (fault?.kind === 'throttled' && call.service === 'dynamodb') awsMetrics.tableThrottled(call);
    return fault;
  };
  return { store, awsMetrics, judge: judgeCall === undefined ? undefined : judge };
}
