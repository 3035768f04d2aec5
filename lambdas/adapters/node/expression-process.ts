import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../contracts/engine-error.ts';
import type { ArgumentOf, ProgramName, ResultOf } from '../../engine/programs/programs.ts';
import type { ExpressionRun, Expressions } from '../../ports/runtime/expressions.ts';

export interface ExpressionProcessOptions {
  /** What the process runs: `functions/expressions.child.ts`, or its bundle. */
  readonly script: URL;
  /** Heap of the process in mebibytes. An expression that needs more ends it. */
  readonly heapMb: number;
  /** CPU time of one evaluation in milliseconds, after which the process is killed. */
  readonly limitMs: number;
  /**
   * How long the expressions of an owner are refused after one of them has died, in milliseconds.
   * @default 0
   */
  readonly suspendMs?: number;
  /**
   * CPU time that an owner may take: `burstMs` at once, and then this share of the time that passes. One that has taken
   * more is refused until its time has come in again.
   * @default no bound
   */
  readonly allowance?: { readonly burstMs: number; readonly share: number };
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

interface Job {
  readonly owner: string;
  readonly line: string;
  readonly settle: (run: ExpressionRun<unknown>) => void;
  readonly fail: (error: Error) => void;
}

/** What the process writes for each job, in their order, and once when it is ready. */
interface Reply {
  readonly ready?: true;
  readonly result?: unknown;
  /** The program threw, which none does: a fault of the engine. */
  readonly error?: string;
  /** CPU time of the process until now, in milliseconds. */
  readonly cpuMs: number;
}

/** Jobs that the process has been given and not answered: enough that it never waits, few enough that owners take turns. */
const maxInFlight = 8;
/** What an evaluation may take by the wall clock beyond its CPU time: the machine may be busy with others. */
const maxWaitMs = 15_000;
const startTimeoutMs = 10_000;
/** Starts in a row that may fail before those who wait are told. */
const maxFailedStarts = 2;
/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html Linux counts CPU time in hundredths of a second. */
const msPerTick = 10;

/**
 * Evaluates in a process of its own: a worker thread shares its memory limits with the whole process, which V8 aborts
 * when one large string does not fit. The process has no environment, no network credentials and no file but its own
 * code; it reads a job a line and writes a result a line. A kill loses the one evaluation that runs; those behind it are
 * given to the next process.
 */
export function createExpressionProcess(options: ExpressionProcessOptions): Expressions & { stop(): void } {
  const { limitMs, suspendMs = 0, allowance } = options;
  /** Waiting jobs by owner; the owner whose turn is next comes first. */
  const waiting = new Map<string, Job[]>();
  /** By owner, until when its expressions are refused, by `performance.now()`. */
  const suspended = new Map<string, number>();
  /** By owner, when the CPU time that it has taken has come in again, by `performance.now()`. */
  const repaidAtMs = new Map<string, number>();
  let inFlight: Job[] = [];
  let child: Child | undefined;
  let isReady = false;
  let failedStarts = 0;
  let headSinceMs = 0;
  let cpuMs = 0;
  let timer: NodeJS.Timeout | undefined;
  /** Why this adapter has killed the process. */
  let killedFor: 'time' | undefined;

  function arm(ms: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
    timer.unref();
  }

  function start(): void {
    const { script, heapMb } = options;
    const path = fileURLToPath(script);
    isReady = false;
    killedFor = undefined;
    cpuMs = 0;
    const started = spawn(
      process.execPath,
      [
        `--max-old-space-size=${heapMb}`,
        '--max-semi-space-size=8',
        '--permission',
        '--allow-worker',
        `--allow-fs-read=${allowedPath(path)}`,
        '--no-warnings',
        path,
      ],
      // The environment holds credentials: none of it is given on.
      { stdio: ['pipe', 'pipe', 'ignore', 'pipe'], env: {} },
    ) as Child;
    child = started;
    const { stdin, stdout } = started;
    // What cannot be written is given to the next process when this one is gone.
    stdin.on('error', () => undefined);
    // Its pipes keep this process from ending no longer than `ref` and `unref` say; the last one ends that process with this one.
    for (const pipe of started.stdio) (pipe as { unref?(): void } | null)?.unref?.();
    let parts: string[] = [];
    stdout.setEncoding('utf8');
    stdout.on('data', (chunk: string) => {
      const [end = '', ...lines] = chunk.split('\n');
      parts.push(end);
      for (const next of lines) {
        const line = parts.join('');
        parts = [next];
        if (child === started) receive(line);
      }
    });
    started.on('error', () => ended(started));
    started.on('close', () => ended(started));
    arm(startTimeoutMs, () => started.kill('SIGKILL'));
  }

  function receive(line: string): void {
    const reply = JSON.parse(line) as Reply;
    const tookMs = reply.cpuMs - cpuMs;
    cpuMs = reply.cpuMs;
    if (reply.ready === true) {
      isReady = true;
      failedStarts = 0;
    } else {
      const job = inFlight.shift();
      if (job !== undefined) charge(job.owner, tookMs);
      if (reply.error === undefined) job?.settle({ kind: 'ended', result: reply.result });
      else
        job?.fail(
          new EngineError('corrupt-state', `an expression program threw: ${reply.error}`, { retryable: false }),
        );
    }
    send();
    watch();
  }

  /** Count what an evaluation has taken. What does not add up to an allowance is forgotten as the time passes. */
  function charge(owner: string, tookMs: number): void {
    if (allowance === undefined) return;
    const nowMs = performance.now();
    const repaidMs = Math.max(nowMs, repaidAtMs.get(owner) ?? 0) + tookMs / allowance.share;
    repaidAtMs.delete(owner);
    repaidAtMs.set(owner, repaidMs);
    if (repaidMs - nowMs > allowance.burstMs / allowance.share) suspended.set(owner, repaidMs);
    for (const [other, atMs] of repaidAtMs) {
      if (atMs > nowMs) break;
      repaidAtMs.delete(other);
    }
  }

  /** Give the process as much as it may have at a time, one job of each owner in turn. */
  function send(): void {
    if (child === undefined || !isReady) return;
    while (inFlight.length < maxInFlight) {
      const next = takeNext();
      if (next === undefined) return;
      inFlight.push(next);
      child.stdin.write(next.line);
    }
  }

  function takeNext(): Job | undefined {
    for (const [owner, jobs] of waiting) {
      const job = jobs.shift();
      waiting.delete(owner);
      // Behind all others now.
      if (jobs.length > 0) waiting.set(owner, jobs);
      if (job === undefined) continue;
      if (!isSuspended(owner)) return job;
      job.settle(refusal);
    }
    return undefined;
  }

  /** Watch the job that runs now: the first of those in flight. */
  function watch(): void {
    if (inFlight.length === 0) {
      // Nothing is asked for: the process may end now.
      child?.unref();
      clearTimeout(timer);
      return;
    }
    headSinceMs = performance.now();
    arm(limitMs, checkTime);
  }

  function checkTime(): void {
    const usedMs = usedCpuMs();
    const isOver = usedMs >= limitMs || performance.now() - headSinceMs >= limitMs + maxWaitMs;
    if (!isOver) {
      arm(Math.max(msPerTick, limitMs - usedMs), checkTime);
      return;
    }
    killedFor = 'time';
    child?.kill('SIGKILL');
  }

  /** CPU time that the job which runs now has taken; the wall clock's where the system does not tell. */
  function usedCpuMs(): number {
    try {
      const stat = readFileSync(`/proc/${child?.pid}/stat`, 'utf8');
      const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 1).split(' ');
      return (Number(user) + Number(system)) * msPerTick - cpuMs;
    } catch {
      return performance.now() - headSinceMs;
    }
  }

  function ended(former: Child): void {
    if (child !== former) return;
    child = undefined;
    clearTimeout(timer);
    if (!isReady) {
      failedStarts += 1;
    } else {
      const [head, ...behind] = inFlight;
      inFlight = [];
      for (const job of behind.reverse()) waiting.set(job.owner, [job, ...(waiting.get(job.owner) ?? [])]);
      if (head !== undefined) {
        if (suspendMs > 0) suspended.set(head.owner, performance.now() + suspendMs);
        head.settle(killedFor === 'time' ? tooLong(limitMs) : tooLarge(options.heapMb));
      }
    }
    if (waiting.size === 0) return;
    if (failedStarts < maxFailedStarts) start();
    else giveUp();
  }

  function giveUp(): void {
    failedStarts = 0;
    const jobs = [...waiting.values()].flat();
    waiting.clear();
    for (const job of jobs)
      job.fail(
        new EngineError('expressions-unavailable', 'the process that evaluates expressions does not start', {
          retryable: true,
        }),
      );
  }

  function isSuspended(owner: string): boolean {
    const untilMs = suspended.get(owner);
    if (untilMs === undefined) return false;
    if (performance.now() < untilMs) return true;
    suspended.delete(owner);
    return false;
  }

  return {
    run<Name extends ProgramName>(program: Name, argument: ArgumentOf<Name>, owner: string) {
      if (isSuspended(owner)) return Promise.resolve(refusal);
      return new Promise<ExpressionRun<ResultOf<Name>>>((resolve, reject) => {
        const line = `${JSON.stringify({ program, argument })}\n`;
        const job: Job = { owner, line, settle: resolve as Job['settle'], fail: reject };
        waiting.set(owner, [...(waiting.get(owner) ?? []), job]);
        if (child === undefined) start();
        // Who waits for an answer must not end before it is there.
        child?.ref();
        const isIdle = inFlight.length === 0;
        send();
        if (isIdle && isReady) watch();
      });
    },
    stop() {
      const former = child;
      child = undefined;
      clearTimeout(timer);
      former?.kill('SIGKILL');
    },
  };
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

/** A bundle stands alone in its folder; the sources import each other, and packages. */
function allowedPath(script: string): string {
  return script.endsWith('.ts') ? '*' : `${dirname(script)}/*`;
}
