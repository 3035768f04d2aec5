import { availableParallelism } from 'node:os';
import { nextHop } from '../sources/lineage.ts';
import type { FunctionModel } from '../template/stack-model.ts';
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

/** The sandboxes of one function: warm ones are used again, new ones come with demand. */
export interface FunctionPool {
  readonly model: FunctionModel;
  /** Invocations that can run at once. */
  readonly maxSandboxes: number;
  /** Start one sandbox ahead of demand. @returns why the bundle cannot be loaded, if it cannot. */
  prewarm(): Promise<FunctionError | undefined>;
  /**
   * Run one event, when a sandbox is free. Never rejects.
   *
   * @param traceHeader - Of the chain that it belongs to. @default - a chain begins
   */
  invoke(event: unknown, traceHeader?: string): Promise<InvocationOutcome>;
  /** Resolves when an invocation would begin at once, so that a poller receives no message that must wait. */
  whenFree(): Promise<void>;
  /** Invocations that wait for a sandbox. */
  waiting(): number;
  /** Whether Lambda would refuse a further invocation: as many run, or wait here, as are reserved for the function. */
  isThrottled(): boolean;
  /** Whether an invocation runs, or waits for a sandbox. */
  isAtWork(): boolean;
  counts(): InvocationCounts;
  /** End a sandbox in the middle of an invocation. @returns false when none runs. */
  killBusy(): boolean;
  /** End all; waiting and running invocations fail. */
  stop(): Promise<void>;
}

/**
 * Threads beyond what the cores have time for only share them, and each warms up anew. So there is one sandbox
 * at first; another comes when a caller has waited this long for one while cores were idle, until there are as many
 * as cores. Past that one is added only in the place of one whose invocation takes longer than this: it waits for
 * something.
 */
const longMs = 500;
/** The same where the cores are busy: there an invocation may take long without having waited for anything else. */
const longWhereBusyMs = 2_500;

/**
 * @param sandboxLimit - The most that run at once, however long they wait.
 * @param machine - Whether there is time for more of them.
 */
export function createFunctionPool(options: SandboxOptions, sandboxLimit: number, machine: MachineLoad): FunctionPool {
  const { model } = options;
  const maxSandboxes = Math.min(sandboxLimit, model.reservedConcurrency ?? sandboxLimit);
  const sandboxes = new Set<Sandbox>();
  const idle: Sandbox[] = [];
  const jobs = createJobQueue();
  const counts = { succeeded: 0, error: 0, timeout: 0, crash: 0 };
  /** Sandboxes that still load their bundle; each will take a waiting job. */
  let starting = 0;
  const freeWaiters: (() => void)[] = [];
  /** When each invocation that runs began, by its sandbox; the oldest first. */
  const begunMs = new Map<Sandbox, number>();
  let growthTimer: NodeJS.Timeout | undefined;
  /** Sandboxes that the cores had time for when they were looked at. */
  let affordable = 1;
  let stopped = false;

  const end = (job: Job, outcome: InvocationOutcome) => {
    if (outcome.kind === 'succeeded') counts.succeeded++;
    else if (outcome.reason !== 'stopped') counts[outcome.reason]++;
    job.end(outcome);
  };

  const launch = async (): Promise<FunctionError | undefined> => {
    starting++;
    const sandbox = startSandbox(options);
    sandboxes.add(sandbox);
    void sandbox.ended.then(() => {
      sandboxes.delete(sandbox);
      const index = idle.indexOf(sandbox);
      if (index !== -1) idle.splice(index, 1);
      pump();
    });
    const error = await sandbox.initialized;
    starting--;
    if (error === undefined) idle.push(sandbox);
    pump();
    return error;
  };

  /** A sandbox started for a waiting job; where its bundle cannot be loaded, that job fails, as in Lambda. */
  const launchForJob = async () => {
    const error = await launch();
    const job = error === undefined ? undefined : jobs.take();
    if (error !== undefined && job !== undefined) end(job, { kind: 'failed', reason: 'error', error });
  };

  const dispatch = async (sandbox: Sandbox, job: Job) => {
    begunMs.set(sandbox, performance.now());
    const outcome = await sandbox.invoke(job.event, job.traceHeader);
    begunMs.delete(sandbox);
    if (outcome.kind === 'succeeded' || outcome.reason === 'error') idle.push(sandbox);
    end(job, outcome);
    pump();
  };

  const pump = () => {
    if (stopped) return;
    while (idle.length > 0 && jobs.size() > 0) void dispatch(idle.pop() as Sandbox, jobs.take() as Job);
    for (const resolve of freeWaiters.splice(0, idle.length)) resolve();
    while (demand() > starting && sandboxes.size < Math.min(maxSandboxes, affordable + longRunning()))
      void launchForJob();
    if (demand() > starting && sandboxes.size < maxSandboxes) growthTimer ??= setTimeout(growLater, longMs);
  };

  const demand = () => jobs.size() + freeWaiters.length;

  const longRunning = () => {
    const untilMs = performance.now() - (machine.isBusy() ? longWhereBusyMs : longMs);
    return [...begunMs.values()].filter((startedMs) => startedMs <= untilMs).length;
  };

  const growLater = () => {
    growthTimer = undefined;
    if (affordable < availableParallelism() && !machine.isBusy()) affordable += 1;
    pump();
  };

  return {
    model,
    maxSandboxes,
    prewarm: launch,
    invoke: (event, traceHeader = nextHop(model.arn, [], Date.now()).traceHeader) =>
      new Promise((resolve) => {
        if (stopped) return resolve(stoppedOutcome);
        jobs.add({ event, traceHeader, end: resolve });
        pump();
      }),
    whenFree: () =>
      new Promise((resolve) => {
        if (stopped) return resolve();
        freeWaiters.push(resolve);
        pump();
      }),
    waiting: jobs.size,
    isThrottled: () =>
      model.reservedConcurrency !== undefined && begunMs.size + jobs.size() >= model.reservedConcurrency,
    isAtWork: () => begunMs.size > 0 || jobs.size() > 0,
    counts: () => ({ ...counts }),
    killBusy() {
      const busy = [...sandboxes].find((sandbox) => sandbox.isBusy());
      if (busy === undefined) return false;
      void busy.kill('crash', 'Runtime exited with error: signal: killed');
      return true;
    },
    async stop() {
      stopped = true;
      clearTimeout(growthTimer);
      for (const resolve of freeWaiters.splice(0)) resolve();
      for (let job = jobs.take(); job !== undefined; job = jobs.take()) end(job, stoppedOutcome);
      await Promise.all([...sandboxes].map((sandbox) => sandbox.kill('stopped', 'The local engine stopped')));
    },
  };
}

interface Job {
  readonly event: unknown;
  readonly traceHeader: string;
  readonly end: (outcome: InvocationOutcome) => void;
}

/** First in, first out; thousands may wait, so taking one does not move the others. */
function createJobQueue() {
  let jobs: (Job | undefined)[] = [];
  let head = 0;
  return {
    add: (job: Job) => void jobs.push(job),
    take(): Job | undefined {
      const job = jobs[head];
      if (job === undefined) return undefined;
      jobs[head++] = undefined;
      if (head === jobs.length) {
        jobs = [];
        head = 0;
      }
      return job;
    },
    size: () => jobs.length - head,
  };
}

const stoppedOutcome: InvocationOutcome = {
  kind: 'failed',
  reason: 'stopped',
  error: { errorType: 'Runtime.ExitError', errorMessage: 'The local engine stopped' },
};
