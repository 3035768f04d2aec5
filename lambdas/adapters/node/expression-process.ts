import { readFileSync } from 'node:fs';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ArgumentOf, ProgramName, ResultOf } from '../../engine/programs/programs.ts';
import type { ExpressionRun, Expressions } from '../../ports/runtime/expressions.ts';
import { type ExpressionChild, spawnExpressionChild } from './expression-child.ts';
import { type CpuAllowance, createOwnerSuspensions, type OwnerSuspensions } from './owner-suspensions.ts';

export interface ExpressionProcessOptions {
  /** The script that the process runs: `functions/expressions.child.ts`, or its bundle. */
  readonly script: URL;
  /** Heap of the process in mebibytes. An expression that needs more ends the process. */
  readonly heapMb: number;
  /** CPU time of one evaluation in milliseconds, after which the process is killed. */
  readonly limitMs: number;
  /**
   * How long an owner's expressions are refused after one of them has died, in milliseconds.
   * @default 0
   */
  readonly suspendMs?: number;
  /**
   * CPU time that each owner may use. An owner that has used more is refused until the excess is repaid.
   * @default no bound
   */
  readonly allowance?: CpuAllowance;
}

interface Job {
  readonly owner: string;
  readonly line: string;
  readonly settle: (run: ExpressionRun<unknown>) => void;
  readonly fail: (error: Error) => void;
}

/** The process writes one reply for each job, in order, and one when it is ready. */
interface Reply {
  readonly ready?: true;
  readonly result?: unknown;
  /** The program threw, which no program should: a fault of the engine. */
  readonly error?: string;
  /** CPU time of the process so far, in milliseconds. */
  readonly cpuMs: number;
}

/** Unanswered jobs of the process: enough that it never idles, few enough that owners take turns. */
const maxInFlight = 8;
/** Wall-clock time beyond its CPU time that an evaluation may take: the machine may be busy with others. */
const maxWaitMs = 15_000;
const startTimeoutMs = 10_000;
/** Consecutive starts that may fail before waiting jobs fail. */
const maxFailedStarts = 2;
/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html Linux counts CPU time in hundredths of a second. */
const msPerTick = 10;

interface ProcessState {
  readonly options: ExpressionProcessOptions;
  readonly owners: OwnerSuspensions;
  /** Waiting jobs by owner; the owner whose turn is next comes first. */
  readonly waiting: Map<string, Job[]>;
  inFlight: Job[];
  child: ExpressionChild | undefined;
  isReady: boolean;
  failedStarts: number;
  /** When the first job in flight began to run, by `performance.now()`. */
  headSinceMs: number;
  /** CPU time of the process at its last reply. */
  cpuMs: number;
  timer: NodeJS.Timeout | undefined;
  /** Why this adapter has killed the process. */
  killedFor: 'time' | undefined;
}

/**
 * Evaluates expressions in a separate process: a worker thread shares its memory limits with the whole process, which
 * V8 aborts when one large string does not fit. The process has no environment variables, no credentials and no file but
 * its own code; it reads one job a line and writes one result a line. A kill loses only the evaluation that runs; the
 * jobs behind it go to the next process.
 */
export function createExpressionProcess(options: ExpressionProcessOptions): Expressions & { stop(): void } {
  const state: ProcessState = {
    options,
    owners: createOwnerSuspensions(options.allowance),
    waiting: new Map(),
    inFlight: [],
    child: undefined,
    isReady: false,
    failedStarts: 0,
    headSinceMs: 0,
    cpuMs: 0,
    timer: undefined,
    killedFor: undefined,
  };
  return {
    run<Name extends ProgramName>(program: Name, argument: ArgumentOf<Name>, owner: string) {
      if (state.owners.isSuspended(owner)) return Promise.resolve(refusal);
      return new Promise<ExpressionRun<ResultOf<Name>>>((resolve, reject) => {
        const line = `${JSON.stringify({ program, argument })}\n`;
        enqueue(state, { owner, line, settle: resolve as Job['settle'], fail: reject });
      });
    },
    stop() {
      const former = state.child;
      state.child = undefined;
      clearTimeout(state.timer);
      former?.kill('SIGKILL');
    },
  };
}

function enqueue(state: ProcessState, job: Job): void {
  const { waiting } = state;
  waiting.set(job.owner, [...(waiting.get(job.owner) ?? []), job]);
  if (state.child === undefined) start(state);
  // This process must not end while a caller waits for an answer.
  state.child?.ref();
  const isIdle = state.inFlight.length === 0;
  send(state);
  if (isIdle && state.isReady) watch(state);
}

function arm(state: ProcessState, ms: number, then: () => void): void {
  clearTimeout(state.timer);
  state.timer = setTimeout(then, ms);
  state.timer.unref();
}

function start(state: ProcessState): void {
  state.isReady = false;
  state.killedFor = undefined;
  state.cpuMs = 0;
  const started = spawnExpressionChild(state.options, {
    line(line) {
      if (state.child === started) receive(state, line);
    },
    ended: () => end(state, started),
  });
  state.child = started;
  arm(state, startTimeoutMs, () => started.kill('SIGKILL'));
}

function receive(state: ProcessState, line: string): void {
  const reply = JSON.parse(line) as Reply;
  const tookMs = reply.cpuMs - state.cpuMs;
  state.cpuMs = reply.cpuMs;
  if (reply.ready === true) {
    state.isReady = true;
    state.failedStarts = 0;
  } else {
    const job = state.inFlight.shift();
    if (job !== undefined) state.owners.charge(job.owner, tookMs);
    if (reply.error === undefined) job?.settle({ kind: 'ended', result: reply.result });
    else
      job?.fail(new EngineError('corrupt-state', `an expression program threw: ${reply.error}`, { retryable: false }));
  }
  send(state);
  watch(state);
}

/** Fill the process up to `maxInFlight`, with one job of each owner in turn. */
function send(state: ProcessState): void {
  const { child, isReady, inFlight } = state;
  if (child === undefined || !isReady) return;
  while (inFlight.length < maxInFlight) {
    const next = takeNext(state);
    if (next === undefined) return;
    inFlight.push(next);
    child.stdin.write(next.line);
  }
}

function takeNext({ waiting, owners }: ProcessState): Job | undefined {
  for (const [owner, jobs] of waiting) {
    const job = jobs.shift();
    waiting.delete(owner);
    // Now behind all other owners.
    if (jobs.length > 0) waiting.set(owner, jobs);
    if (job === undefined) continue;
    if (!owners.isSuspended(owner)) return job;
    job.settle(refusal);
  }
  return undefined;
}

/** Watch the job that runs now: the first of those in flight. */
function watch(state: ProcessState): void {
  if (state.inFlight.length === 0) {
    // No job waits: this process may end.
    state.child?.unref();
    clearTimeout(state.timer);
    return;
  }
  state.headSinceMs = performance.now();
  arm(state, state.options.limitMs, () => checkTime(state));
}

function checkTime(state: ProcessState): void {
  const { limitMs } = state.options;
  const usedMs = usedCpuMs(state);
  const isOver = usedMs >= limitMs || performance.now() - state.headSinceMs >= limitMs + maxWaitMs;
  if (!isOver) {
    arm(state, Math.max(msPerTick, limitMs - usedMs), () => checkTime(state));
    return;
  }
  state.killedFor = 'time';
  state.child?.kill('SIGKILL');
}

/** CPU time that the running job has used; its wall-clock time where the system does not report CPU time. */
function usedCpuMs({ child, cpuMs, headSinceMs }: ProcessState): number {
  try {
    const stat = readFileSync(`/proc/${child?.pid}/stat`, 'utf8');
    const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 1).split(' ');
    return (Number(user) + Number(system)) * msPerTick - cpuMs;
  } catch {
    return performance.now() - headSinceMs;
  }
}

/** Settle the job that ran when the process ended, and give the jobs behind it to a new process. */
function end(state: ProcessState, former: ExpressionChild): void {
  if (state.child !== former) return;
  state.child = undefined;
  clearTimeout(state.timer);
  if (!state.isReady) state.failedStarts += 1;
  else settleInFlight(state);
  if (state.waiting.size === 0) return;
  if (state.failedStarts < maxFailedStarts) start(state);
  else giveUp(state);
}

function settleInFlight(state: ProcessState): void {
  const { waiting, owners, options } = state;
  const { limitMs, heapMb, suspendMs = 0 } = options;
  const [head, ...behind] = state.inFlight;
  state.inFlight = [];
  for (const job of behind.reverse()) waiting.set(job.owner, [job, ...(waiting.get(job.owner) ?? [])]);
  if (head === undefined) return;
  if (suspendMs > 0) owners.suspend(head.owner, suspendMs);
  head.settle(state.killedFor === 'time' ? tooLong(limitMs) : tooLarge(heapMb));
}

function giveUp(state: ProcessState): void {
  state.failedStarts = 0;
  const jobs = [...state.waiting.values()].flat();
  state.waiting.clear();
  for (const job of jobs)
    job.fail(
      new EngineError('expressions-unavailable', 'the process that evaluates expressions does not start', {
        retryable: true,
      }),
    );
}

const refusal = {
  kind: 'died',
  by: 'suspended',
  reason: 'the expressions of the same owner were stopped, or took too much, a moment ago',
} as const;

function tooLong(limitMs: number): ExpressionRun<never> {
  return { kind: 'died', by: 'time', reason: `it was stopped after ${limitMs / 1000} s of computing` };
}

function tooLarge(heapMb: number): ExpressionRun<never> {
  return { kind: 'died', by: 'memory', reason: `it was stopped: it needs more than ${heapMb} MB of memory` };
}
