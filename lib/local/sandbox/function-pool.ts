import { availableParallelism } from 'node:os';
import { nextHop } from '../sources/lineage.ts';
import type { FunctionModel } from '../template/function-model.ts';
import { type BusyTime, createBusyTime } from './busy-time.ts';
import { createJobQueue, type Job, type JobQueue } from './job-queue.ts';
import type { MachineLoad } from './machine-load.ts';
import type { FunctionError } from './protocol.ts';
import { type InvocationOutcome, type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

/** How the invocations of one function ended so far. */
export interface InvocationCounts {
  readonly succeeded: number;
  readonly error: number;
  readonly timeout: number;
  readonly crash: number;
}

/** Sees the invocations of a function. */
export interface InvocationObserver {
  /** @param concurrency - Invocations that run or wait now, this one included: in Lambda none waits. */
  began(concurrency: number): void;
  ended(hasFailed: boolean, durationMs: number): void;
}

/** The sandboxes of one function: it reuses warm ones, and starts new ones on demand. */
export interface FunctionPool {
  readonly model: FunctionModel;
  /** Maximum of concurrent invocations. */
  readonly maxSandboxes: number;
  /** Start one sandbox ahead of demand. @returns The error of a bundle that cannot load. */
  prewarm(): Promise<FunctionError | undefined>;
  /**
   * Run one event when a sandbox is free. Never rejects.
   *
   * @param traceHeader - Of the chain that the event belongs to. @default - a new chain
   */
  invoke(event: unknown, traceHeader?: string): Promise<InvocationOutcome>;
  /** Resolves when an invocation would start immediately, so a poller receives no message that must wait. */
  whenFree(): Promise<void>;
  /** Invocations that wait for a sandbox. */
  waiting(): number;
  /** Whether Lambda would throttle another invocation: running and waiting ones use up the reserved concurrency. */
  isThrottled(): boolean;
  /** Invocations that run or wait for a sandbox. */
  concurrency(): number;
  counts(): InvocationCounts;
  /** Kill a sandbox during an invocation. @returns false when no invocation runs. */
  killBusy(): boolean;
  /** End all sandboxes; waiting and running invocations fail. */
  stop(): Promise<void>;
}

/**
 * Growth of a pool. More threads than the cores have time for only share the cores, and each must warm up. So a pool
 * starts with one sandbox. It adds another, up to the number of cores, when its sandboxes have been at work for most of
 * this time although cores were idle. Beyond that it adds one only for each invocation that takes longer than this: that
 * one waits for something else.
 */
const longMs = 500;
/** The same on busy cores, where an invocation may take long without waiting for something else. */
const longWhereBusyMs = 2_500;
/** Share of the time that counts as most of it: a caller that meets a busy sandbox once in a while may wait for it. */
const busyShare = 0.8;

/** State that the steps of one pool share. */
interface PoolState {
  readonly start: () => Sandbox;
  readonly machine: MachineLoad;
  readonly observer: InvocationObserver;
  readonly maxSandboxes: number;
  readonly sandboxes: Set<Sandbox>;
  readonly idle: Sandbox[];
  readonly jobs: JobQueue;
  readonly counts: { -readonly [Outcome in keyof InvocationCounts]: number };
  readonly freeWaiters: (() => void)[];
  /** When each running invocation began, by its sandbox; the oldest first. */
  readonly begunMs: Map<Sandbox, number>;
  readonly busy: BusyTime;
  /** Sandboxes that still load their bundle; each will take a waiting job. */
  starting: number;
  growthTimer: NodeJS.Timeout | undefined;
  /** Sandboxes for which the cores had time at the last check. */
  affordable: number;
  stopped: boolean;
}

/**
 * @param sandboxLimit - Maximum of concurrent sandboxes, however long they wait.
 * @param machine - Whether the cores have time for more sandboxes.
 * @param start - Starts a sandbox.
 */
export function createFunctionPool(
  options: SandboxOptions,
  sandboxLimit: number,
  machine: MachineLoad,
  observer: InvocationObserver,
  start = startSandbox,
): FunctionPool {
  const { model } = options;
  const pool: PoolState = {
    start: () => start(options),
    machine,
    observer,
    maxSandboxes: Math.min(sandboxLimit, model.reservedConcurrency ?? sandboxLimit),
    sandboxes: new Set(),
    idle: [],
    jobs: createJobQueue(),
    counts: { succeeded: 0, error: 0, timeout: 0, crash: 0 },
    freeWaiters: [],
    begunMs: new Map(),
    busy: createBusyTime(),
    starting: 0,
    growthTimer: undefined,
    affordable: 1,
    stopped: false,
  };
  const { jobs, begunMs } = pool;
  return {
    model,
    maxSandboxes: pool.maxSandboxes,
    prewarm: () => launch(pool),
    invoke: (event, traceHeader = nextHop(model.arn, [], Date.now()).traceHeader) =>
      new Promise((resolve) => {
        if (pool.stopped) return resolve(stoppedOutcome);
        jobs.add({ event, traceHeader, end: resolve });
        observer.began(begunMs.size + jobs.size());
        pump(pool);
      }),
    whenFree: () =>
      new Promise((resolve) => {
        if (pool.stopped) return resolve();
        pool.freeWaiters.push(resolve);
        pump(pool);
      }),
    waiting: jobs.size,
    isThrottled: () =>
      model.reservedConcurrency !== undefined && begunMs.size + jobs.size() >= model.reservedConcurrency,
    concurrency: () => begunMs.size + jobs.size(),
    counts: () => ({ ...pool.counts }),
    killBusy() {
      const busy = [...pool.sandboxes].find((sandbox) => sandbox.isBusy());
      if (busy === undefined) return false;
      void busy.kill('crash', 'Runtime exited with error: signal: killed');
      return true;
    },
    stop: () => stopPool(pool),
  };
}

/** Give waiting jobs to idle sandboxes, and start more sandboxes where the demand calls for them. */
function pump(pool: PoolState): void {
  const { idle, jobs, freeWaiters, sandboxes, maxSandboxes } = pool;
  if (pool.stopped) return;
  while (idle.length > 0 && jobs.size() > 0) void dispatch(pool, idle.pop() as Sandbox, jobs.take() as Job);
  for (const resolve of freeWaiters.splice(0, idle.length)) resolve();
  while (demand(pool) > pool.starting && sandboxes.size < Math.min(maxSandboxes, pool.affordable + longRunning(pool)))
    void launchForJob(pool);
  if (demand(pool) > pool.starting && sandboxes.size < maxSandboxes)
    pool.growthTimer ??= setTimeout(growLater, longMs, pool, { busyMs: pool.busy.totalMs(), atMs: performance.now() });
}

function demand({ jobs, freeWaiters }: PoolState): number {
  return jobs.size() + freeWaiters.length;
}

function longRunning({ machine, begunMs }: PoolState): number {
  const untilMs = performance.now() - (machine.isBusy() ? longWhereBusyMs : longMs);
  return [...begunMs.values()].filter((startedMs) => startedMs <= untilMs).length;
}

function growLater(pool: PoolState, before: { readonly busyMs: number; readonly atMs: number }): void {
  const { busy, sandboxes, machine } = pool;
  pool.growthTimer = undefined;
  const passedMs = performance.now() - before.atMs;
  const wereBusy = busy.totalMs() - before.busyMs >= busyShare * passedMs * sandboxes.size;
  if (pool.affordable < availableParallelism() && wereBusy && !machine.isBusy()) pool.affordable += 1;
  pump(pool);
}

async function launch(pool: PoolState): Promise<FunctionError | undefined> {
  const { sandboxes, idle } = pool;
  pool.starting++;
  const sandbox = pool.start();
  sandboxes.add(sandbox);
  void sandbox.ended.then(() => {
    sandboxes.delete(sandbox);
    const index = idle.indexOf(sandbox);
    if (index !== -1) idle.splice(index, 1);
    pump(pool);
  });
  const error = await sandbox.initialized;
  pool.starting--;
  if (error === undefined) idle.push(sandbox);
  pump(pool);
  return error;
}

/** Start a sandbox for a waiting job. If its bundle cannot load, that job fails, as in Lambda. */
async function launchForJob(pool: PoolState): Promise<void> {
  const error = await launch(pool);
  const job = error === undefined ? undefined : pool.jobs.take();
  if (error !== undefined && job !== undefined) end(pool, job, { kind: 'failed', reason: 'error', error });
}

async function dispatch(pool: PoolState, sandbox: Sandbox, job: Job): Promise<void> {
  const begunMs = performance.now();
  pool.begunMs.set(sandbox, begunMs);
  pool.busy.began();
  const outcome = await sandbox.invoke(job.event, job.traceHeader);
  pool.begunMs.delete(sandbox);
  pool.busy.ended();
  if (outcome.kind === 'succeeded' || outcome.reason === 'error') pool.idle.push(sandbox);
  end(pool, job, outcome, begunMs);
  pump(pool);
}

function end({ counts, observer }: PoolState, job: Job, outcome: InvocationOutcome, begunMs = performance.now()): void {
  observer.ended(outcome.kind === 'failed', performance.now() - begunMs);
  if (outcome.kind === 'succeeded') counts.succeeded++;
  else if (outcome.reason !== 'stopped') counts[outcome.reason]++;
  job.end(outcome);
}

async function stopPool(pool: PoolState): Promise<void> {
  const { jobs, sandboxes } = pool;
  pool.stopped = true;
  clearTimeout(pool.growthTimer);
  for (const resolve of pool.freeWaiters.splice(0)) resolve();
  for (let job = jobs.take(); job !== undefined; job = jobs.take()) end(pool, job, stoppedOutcome);
  await Promise.all([...sandboxes].map((sandbox) => sandbox.kill('stopped', 'The local engine stopped')));
}

const stoppedOutcome: InvocationOutcome = {
  kind: 'failed',
  reason: 'stopped',
  error: { errorType: 'Runtime.ExitError', errorMessage: 'The local engine stopped' },
};
